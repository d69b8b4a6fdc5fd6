// What the catalogue says about tables, keys, foreign keys and servers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "mariadb/catalogue.h"
#include "mariadb/quote.h"
#include "shared_mariadb.h"

namespace osarchiver {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CatalogueTest : public MariadbTest {
 protected:
  LoadedTable Load(const std::string& table) {
    auto loaded = LoadTable(connection(), {"test_db", table});
    if (!loaded) throw std::runtime_error("no table " + table);
    return *loaded;
  }
  // The key's column names, joined; "- REASON" where there is none.
  std::string KeyOf(const std::string& table) {
    const LoadedTable loaded = Load(table);
    std::string text = loaded.definition.key_name + ":";
    for (const std::size_t column : loaded.definition.key)
      text += " " + loaded.definition.columns[column].name;
    return loaded.definition.key.empty() ? "- " + loaded.no_key_reason : text;
  }
};

TEST_F(CatalogueTest, ColumnsAsTheyAre) {
  server().Sql(R"(
    CREATE TABLE t (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, a VARCHAR(20) CHARACTER SET latin1 DEFAULT 'x''y', g INT AS (id * 2) VIRTUAL,
      e ENUM('','b') NOT NULL, s SET('a','') , h INT INVISIBLE DEFAULT 3, g2 VARCHAR(30) AS (CONCAT(a, 'z')) STORED, d DATETIME(3) NULL DEFAULT current_timestamp(3),
      j JSON, u UUID, b BIT(3), UNIQUE KEY ux (a DESC, id), KEY pre (a(5)), FULLTEXT KEY ft (a)) ENGINE=InnoDB ROW_FORMAT=COMPRESSED COLLATE=utf8mb4_bin)",
               "test_db");
  const LoadedTable loaded = Load("t");
  const TableDefinition& t = loaded.definition;
  EXPECT_EQ(loaded.info.type, "BASE TABLE");
  EXPECT_EQ(loaded.info.engine, "InnoDB");
  EXPECT_EQ(t.charset, "utf8mb4");
  EXPECT_EQ(t.collation, "utf8mb4_bin");
  EXPECT_EQ(t.row_format, "COMPRESSED");
  EXPECT_THAT(t.create_sql, HasSubstr("CREATE TABLE `t`"));
  ASSERT_EQ(t.columns.size(), 9u);
  EXPECT_TRUE(t.columns[0].auto_increment);
  EXPECT_EQ(t.columns[0].type, "bigint(20) unsigned");
  EXPECT_EQ(t.columns[0].value_class, ValueClass::kNumber);
  EXPECT_EQ(t.columns[1].charset, "latin1");
  EXPECT_EQ(t.columns[1].default_sql, "'x''y'");
  EXPECT_EQ(t.columns[1].value_class, ValueClass::kBytes);
  EXPECT_TRUE(t.columns[1].nullable);
  EXPECT_TRUE(t.columns[2].has_empty_member);
  EXPECT_FALSE(t.columns[2].nullable);
  EXPECT_EQ(t.columns[2].value_class, ValueClass::kText);
  EXPECT_EQ(t.columns[3].value_class, ValueClass::kNumber);
  EXPECT_TRUE(t.columns[4].invisible);
  EXPECT_EQ(t.columns[5].default_sql, "current_timestamp(3)");
  EXPECT_EQ(t.columns[6].data_type, "longtext");
  EXPECT_EQ(t.columns[7].value_class, ValueClass::kText);
  EXPECT_EQ(t.columns[8].value_class, ValueClass::kBytes);
  ASSERT_EQ(t.generated.size(), 2u);
  EXPECT_EQ(t.generated[0].before_column, 2u);
  EXPECT_FALSE(t.generated[0].stored);
  EXPECT_EQ(t.generated[0].expression, "`id` * 2");
  EXPECT_EQ(t.generated[1].before_column, 5u);
  EXPECT_TRUE(t.generated[1].stored);
  ASSERT_EQ(t.indexes.size(), 4u);
  EXPECT_EQ(t.indexes[0].name, "PRIMARY");
  EXPECT_TRUE(t.indexes[1].parts.at(0).descending);
  EXPECT_EQ(t.indexes[2].parts.at(0).prefix_length, 5u);
  EXPECT_EQ(t.indexes[3].type, "FULLTEXT");
}

TEST_F(CatalogueTest, TheKeyThatOrdersATable) {
  server().Sql(R"(
    CREATE TABLE pk (b INT, a INT, c INT NOT NULL UNIQUE, PRIMARY KEY (a, b));
    CREATE TABLE nokey (a INT);
    CREATE TABLE uk (a INT NOT NULL, b INT, c INT NOT NULL, UNIQUE nullable (b), UNIQUE two (c, a), UNIQUE one (c));
    CREATE TABLE nul (a INT, UNIQUE u (a));
    CREATE TABLE pre (a VARCHAR(100) NOT NULL, b TEXT NOT NULL, PRIMARY KEY (a(10)), UNIQUE long_one (b));
    CREATE TABLE gen (a INT NOT NULL, g INT AS (a + 1) STORED, UNIQUE u (g));
    CREATE TABLE ign (t VARCHAR(100) NOT NULL, a INT NOT NULL, b INT NOT NULL, PRIMARY KEY (t(10)), UNIQUE x (a) IGNORED, UNIQUE y (b));
    CREATE VIEW v AS SELECT 1 AS a;
    CREATE TABLE sv (a INT PRIMARY KEY) WITH SYSTEM VERSIONING;
    CREATE SEQUENCE sq;)",
               "test_db");
  EXPECT_EQ(KeyOf("pk"), "PRIMARY: a b");
  EXPECT_EQ(KeyOf("nokey"), "- no primary key and no unique key");
  EXPECT_EQ(KeyOf("uk"), "two: c a");
  EXPECT_EQ(KeyOf("nul"), "- no usable key: unique key u has the nullable column a");
  EXPECT_THAT(KeyOf("pre"), HasSubstr("the primary key has only a prefix of column a"));
  EXPECT_THAT(KeyOf("pre"), HasSubstr("unique key long_one is of type HASH"));
  EXPECT_THAT(KeyOf("gen"), HasSubstr("generated column g"));
  EXPECT_EQ(KeyOf("ign"), "y: b");
  EXPECT_THAT(KeyOf("v"), HasSubstr("VIEW"));
  EXPECT_THAT(KeyOf("sv"), HasSubstr("SYSTEM VERSIONED"));
  EXPECT_EQ(LoadTable(connection(), {"test_db", "none"}), std::nullopt);
  const std::vector<TableInfo> tables = ListTables(connection(), "test_db");
  ASSERT_EQ(tables.size(), 10u);
  EXPECT_EQ(tables[0].name.table, "gen");
  EXPECT_EQ(ListColumns(connection(), "test_db").at(0).column, "a");
}

TEST_F(CatalogueTest, AccountsThatSeeOnlySomeColumnsAreRefused) {
  server().Sql(
      "CREATE TABLE t (a INT PRIMARY KEY, b INT); CREATE OR REPLACE USER part@localhost;"
      "GRANT DELETE, SELECT (a) ON test_db.t TO part@localhost",
      "test_db");
  ServerAddress address = server().Address();
  address.user = "part";
  const auto limited = Connection::Open(address);
  EXPECT_THROW(LoadTable(*limited, {"test_db", "t"}), DatabaseError);
}

TEST_F(CatalogueTest, ForeignKeysAcrossDatabases) {
  server().Sql(R"(
    DROP DATABASE IF EXISTS `other``db`; CREATE DATABASE `other``db`;
    CREATE TABLE p (a INT, b INT, c INT, PRIMARY KEY (a, b), UNIQUE (c));
    CREATE TABLE c1 (id INT PRIMARY KEY, x INT, y INT, CONSTRAINT `fk one` FOREIGN KEY (y, x) REFERENCES p (a, b) ON DELETE CASCADE,
      CONSTRAINT self FOREIGN KEY (x) REFERENCES c1 (id) ON DELETE SET NULL);
    CREATE TABLE `other``db`.c2 (x INT, CONSTRAINT q FOREIGN KEY (x) REFERENCES test_db.p (c) ON DELETE NO ACTION);
    CREATE TABLE `other``db`.p2 (a INT PRIMARY KEY);
    CREATE TABLE `other``db`.c3 (a INT, CONSTRAINT unrelated FOREIGN KEY (a) REFERENCES p2 (a));)",
               "test_db");
  const std::vector<ForeignKey> keys = LoadForeignKeys(connection(), {"test_db"});
  ASSERT_EQ(keys.size(), 3u);
  const auto find = [&keys](const std::string& name) {
    return *std::find_if(keys.begin(), keys.end(),
                         [&name](const ForeignKey& key) { return key.name == name; });
  };
  const ForeignKey one = find("fk one");
  EXPECT_EQ(one.table, "c1");
  EXPECT_EQ(one.referenced_table, "p");
  EXPECT_THAT(one.columns, ElementsAre("y", "x"));
  EXPECT_THAT(one.referenced_columns, ElementsAre("a", "b"));
  EXPECT_EQ(one.on_delete, DeleteRule::kCascade);
  EXPECT_EQ(find("self").on_delete, DeleteRule::kSetNull);
  EXPECT_EQ(find("self").referenced_table, "c1");
  const ForeignKey q = find("q");
  EXPECT_EQ(q.database, "other`db");
  EXPECT_EQ(q.referenced_database, "test_db");
  EXPECT_EQ(q.on_delete, DeleteRule::kRestrict);
  EXPECT_EQ(Load("c1").definition.foreign_keys.size(), 2u);
  EXPECT_EQ(LoadTable(connection(), {"other`db", "c2"})->definition.foreign_keys.at(0), q);
  server().Sql("DROP DATABASE `other``db`");
}

// information_schema.REFERENTIAL_CONSTRAINTS leaves out tables of which the account may only read.
TEST_F(CatalogueTest, RulesOfTablesThatTheAccountMayOnlyRead) {
  server().Sql(R"(
    CREATE TABLE p (a INT PRIMARY KEY);
    CREATE TABLE `c ON DELETE CASCADE` (id INT PRIMARY KEY, x INT, y INT, z INT, CONSTRAINT one FOREIGN KEY (x) REFERENCES p (a),
      CONSTRAINT `t``wo` FOREIGN KEY (y) REFERENCES p (a) ON DELETE CASCADE ON UPDATE SET NULL,
      CONSTRAINT three FOREIGN KEY (z) REFERENCES p (a) ON DELETE SET NULL ON UPDATE CASCADE);
    CREATE OR REPLACE USER reader@localhost; GRANT SELECT ON test_db.* TO reader@localhost;)",
               "test_db");
  ServerAddress address = server().Address();
  address.user = "reader";
  const auto reader = Connection::Open(address);
  const std::vector<ForeignKey> expected = LoadForeignKeys(connection(), {"test_db"});
  EXPECT_EQ(expected.size(), 3u);
  EXPECT_EQ(LoadForeignKeys(*reader, {"test_db"}), expected);
}

TEST_F(CatalogueTest, ForeignKeysOfTablesThatTheAccountMayNotSee) {
  server().Sql(R"(
    DROP DATABASE IF EXISTS `h-é``.d`; CREATE DATABASE `h-é``.d`; CREATE TABLE p (a INT, b INT, PRIMARY KEY (a, b));
    CREATE TABLE `h-é``.d`.`t/б #` (x INT, y INT, CONSTRAINT `c é/n` FOREIGN KEY (y, x) REFERENCES test_db.p (a, b) ON DELETE CASCADE);
    CREATE OR REPLACE USER blind@localhost; GRANT SELECT, DELETE ON test_db.* TO blind@localhost;
    GRANT LOCK TABLES ON *.* TO blind@localhost;)",
               "test_db");
  const std::vector<ForeignKey> expected = LoadForeignKeys(connection(), {"test_db"});
  ASSERT_EQ(expected.size(), 1u);
  EXPECT_EQ(expected[0].table, "t/б #");
  EXPECT_TRUE(SeesAllForeignKeys(connection()));
  ServerAddress address = server().Address();
  address.user = "blind";
  const auto blind = Connection::Open(address);
  EXPECT_FALSE(SeesAllForeignKeys(*blind));
  EXPECT_TRUE(LoadForeignKeys(*blind, {"test_db"}).empty());
  server().Sql("GRANT PROCESS ON *.* TO blind@localhost");
  const auto seeing = Connection::Open(address);
  EXPECT_TRUE(SeesAllForeignKeys(*seeing));
  EXPECT_EQ(LoadForeignKeys(*seeing, {"test_db"}), expected);
  server().Sql(
      "REVOKE PROCESS ON *.* FROM blind@localhost; GRANT SELECT ON *.* TO blind@localhost");
  const auto reading = Connection::Open(address);
  EXPECT_TRUE(SeesAllForeignKeys(*reading));
  EXPECT_EQ(LoadForeignKeys(*reading, {"test_db"}), expected);
  server().Sql("DROP DATABASE `h-é``.d`");
}

TEST_F(CatalogueTest, ManyTablesAreListedQuickly) {
  std::string sql;
  for (int i = 0; i < 300; ++i) {
    sql += "CREATE TABLE t" + std::to_string(i) + " (id INT PRIMARY KEY, p INT" +
           (i == 0 ? "" : ", FOREIGN KEY (p) REFERENCES t" + std::to_string(i - 1) + " (id)") +
           ");";
  }
  server().Sql(sql, "test_db");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(LoadForeignKeys(connection(), {"test_db"}).size(), 299u);
  EXPECT_EQ(ListTables(connection(), "test_db").size(), 300u);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST_F(CatalogueTest, ServerInfo) {
  const ServerInfo info = LoadServerInfo(connection());
  EXPECT_THAT(info.version, HasSubstr("MariaDB"));
  EXPECT_TRUE(info.supports_returning);
  EXPECT_FALSE(info.host.empty());
  EXPECT_FALSE(info.read_only);
  EXPECT_EQ(info.cluster_uuid, "");
  EXPECT_GT(info.max_allowed_packet, 1000000u);
  EXPECT_EQ(info.now_utc.size(), 19u);
  EXPECT_THAT(ListDatabases(connection()), ElementsAre("test_db"));
}

TEST_F(CatalogueTest, OneServerIsRecognizedByItsSocketAndItsPort) {
  const auto tcp = Connection::Open(server().TcpAddress());
  EXPECT_TRUE(SameServer(connection(), *tcp));
  EXPECT_TRUE(SameServer(connection(), connection()));
  EXPECT_EQ(LoadServerInfo(connection()).server_uid, LoadServerInfo(*tcp).server_uid);
  PrivateMariadb second;
  const auto other = Connection::Open(second.Address());
  EXPECT_FALSE(SameServer(connection(), *other));
  EXPECT_NE(LoadServerInfo(connection()).server_uid, LoadServerInfo(*other).server_uid);
}

}  // namespace
}  // namespace osarchiver
