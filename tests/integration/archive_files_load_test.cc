// What stands in archive files, loaded by MariaDB's own client, is what was read, bit for bit; and
// the archive table that is made from a definition takes it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "formats/format.h"
#include "formats/row_batch.h"
#include "mariadb/catalogue.h"
#include "mariadb/quote.h"
#include "shared_mariadb.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLenient =
    "SET STATEMENT sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES' FOR ";

// Every type, and what a table can have besides.
constexpr const char* kWideTable = R"(CREATE TABLE `wide ``table` (
  `id` bigint unsigned NOT NULL AUTO_INCREMENT,
  `uuid_text` varchar(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `tiny` tinyint(1) DEFAULT 1, `small` smallint unsigned, `medium` mediumint, `whole` int(5) unsigned zerofill,
  `dec` decimal(65,30), `f` float, `f72` float(7,2), `d` double, `y` year,
  `bits` bit(13), `bit1` bit(1), `bit64` bit(64),
  `c` char(10), `vc` varchar(300) DEFAULT 'x', `vc3` varchar(100) CHARACTER SET utf8mb3,
  `latin` varchar(100) CHARACTER SET latin1, `sj` varchar(50) CHARACTER SET sjis, `u16` varchar(50) CHARACTER SET utf16,
  `u2` char(7) CHARACTER SET ucs2, `u32` text CHARACTER SET utf32, `koi` char(5) CHARACTER SET koi8r, `gb` varchar(20) CHARACTER SET gb2312,
  `bin` binary(6), `vbin` varbinary(300), `tt` tinytext, `t` text, `mt` mediumtext, `lt` longtext,
  `tb` tinyblob, `b` blob, `mb` mediumblob, `lb` longblob, `j` json,
  `ct` text COMPRESSED, `cb` blob COMPRESSED,
  `e` enum('a','b','it''s',''), `e1` enum('0','1','2','x y') CHARACTER SET latin1, `e2` enum('a','b') DEFAULT 'a',
  `s` set('a','b','c d') , `s1` set('x','') ,
  `dt` date, `ti` time(6), `dti` datetime(3), `ts` timestamp(6) NULL, `ts0` timestamp NOT NULL DEFAULT '2001-01-01 00:00:00',
  `g` geometry, `p` point NOT NULL, `ip6` inet6, `ip4` inet4, `uu` uuid,
  `hidden` int INVISIBLE NOT NULL DEFAULT 7,
  `gen` int GENERATED ALWAYS AS (length(`vc`)) VIRTUAL, `gens` varchar(40) CHARACTER SET latin1 GENERATED ALWAYS AS (concat(`uuid_text`,'-')) STORED,
  `col``tick` int, `quo"te` int, `new
line` int, `NULL` varchar(10), `deleted_at` datetime, `deleted` int DEFAULT 0,
  PRIMARY KEY (`uuid_text`,`id`), UNIQUE KEY `u1` (`vc`(20),`small`), KEY `auto` (`id`), KEY `pre` (`t`(15),`b`(3) DESC),
  KEY `on generated` (`gen`), UNIQUE KEY `whole_text` (`lt`), FULLTEXT KEY `words` (`t`,`vc`), SPATIAL KEY `places` (`p`),
  CONSTRAINT `ck` CHECK (`deleted` >= 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC COMMENT='it''s')";

class ArchiveFilesLoadTest : public MariadbTest {
 protected:
  void SetUp() override {
    MariadbTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    connection().Execute("DROP DATABASE IF EXISTS loaded");
    connection().Execute("CREATE DATABASE loaded CHARACTER SET latin1");
    // Not the temporary directory: the server must read it too.
    directory_ = server().directory() / "archive_files";
    fs::create_directories(directory_);
    fs::permissions(directory_, fs::perms::all);
  }

  TableDefinition Load(const std::string& database, const std::string& table) {
    return LoadTable(connection(), {database, table}).value().definition;
  }
  RowBatch Read(const std::string& database, const TableDefinition& definition) {
    RowBatch rows(definition.columns.size());
    connection().Stream("SELECT " + ReadExpressions(definition) + " FROM " +
                            QuoteIdentifier(database) + "." + QuoteIdentifier(definition.table),
                        [&](const Row& row) {
                          for (std::size_t i = 0; i < row.size(); ++i)
                            AppendCell(definition.columns[i], row[i], &rows);
                          rows.EndRow();
                          return RowAction::kContinue;
                        });
    return rows;
  }
  fs::path Write(const std::string& format_name, const TableDefinition& definition,
                 const RowBatch& rows) {
    class FileSink final : public TextSink {
     public:
      explicit FileSink(const fs::path& path) : file_(path, std::ios::binary | std::ios::trunc) {}
      void Write(std::string_view text) override { file_ << text; }

     private:
      std::ofstream file_;
    };
    const fs::path path = directory_ / ("file." + format_name);
    FileSink sink(path);
    FindFormat(format_name)->WritePrologue(definition, sink);
    FindFormat(format_name)->WriteRows(definition, rows, sink);
    return path;
  }
  // By the client as an operator starts it; what it says goes to the test's output.
  void LoadSql(const fs::path& path) {
    const std::string command = "mariadb --no-defaults -uroot --socket='" + server().socket() +
                                "' loaded < '" + path.string() + "'";
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  void LoadCsv(const fs::path& path, const TableDefinition& definition) {
    std::string fields, assignments;
    // The server counts line ends, also those within a quoted column name.
    long header_lines = 1;
    for (std::size_t i = 0; i < definition.columns.size(); ++i) {
      const Column& column = definition.columns[i];
      if (i > 0) fields += ", ";
      header_lines += std::count(column.name.begin(), column.name.end(), '\n');
      if (column.value_class != ValueClass::kBytes) {
        fields += QuoteIdentifier(column.name);
        continue;
      }
      const std::string variable = "@v" + std::to_string(i);
      fields += variable;
      assignments += (assignments.empty() ? " SET " : ", ") + QuoteIdentifier(column.name) +
                     " = UNHEX(" + variable + ")";
    }
    fs::permissions(path, fs::perms::all);
    connection().Execute(
        "LOAD DATA INFILE '" + path.string() + "' INTO TABLE loaded." +
        QuoteIdentifier(definition.table) +
        " CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY ''"
        " LINES TERMINATED BY '\\n' IGNORE " +
        std::to_string(header_lines) + " LINES (" + fields + ")" + assignments);
  }
  void ExpectLoaded(const TableDefinition& definition, const RowBatch& rows) {
    const TableDefinition loaded = Load("loaded", definition.table);
    EXPECT_TRUE(SameRowShape(loaded, definition)) << loaded.create_sql << "\n"
                                                  << definition.create_sql;
    const RowBatch found = Read("loaded", loaded);
    ASSERT_EQ(found.row_count(), rows.row_count());
    for (std::size_t r = 0; r < rows.row_count(); ++r) {
      for (std::size_t c = 0; c < definition.columns.size(); ++c) {
        EXPECT_EQ(found.value(r, c), rows.value(r, c))
            << definition.columns[c].name << " of row " << r;
      }
    }
  }
  void InsertWideRows() {
    const std::string insert = "INSERT INTO `wide ``table` (uuid_text, id, p, ";
    connection().Execute(insert + "vc) VALUES ('all null', 0, POINT(1,2), NULL)");
    connection().Execute("UPDATE `wide ``table` SET tiny = NULL, e2 = NULL, deleted = NULL");
    connection().Execute(insert +
                         "tiny, small, medium, whole, `dec`, f, f72, d, y, bits, bit1, bit64, c, "
                         "vc, vc3, latin, sj, u16, u2, u32, koi, gb, bin, vbin, "
                         "tt, t, mt, lt, tb, b, mb, lb, j, ct, cb, e, e1, e2, s, s1, dt, ti, dti, "
                         "ts, ts0, g, ip6, ip4, uu, hidden, `col``tick`, "
                         "`quo\"te`, `new\nline`, `NULL`, deleted_at, deleted) VALUES ('full', "
                         "18446744073709551615, POINT(-1.5, 1e300), "
                         "-128, 65535, -8388608, 42, "
                         "-12345678901234567890123456789012345.123456789012345678901234567890, "
                         "1.23456789, 12345.67, "
                         "-0e0, 2155, b'1010101010101', b'1', x'ffffffffffffffff', ' lead', 'it''s "
                         "\\\\ \\\" \\n\\r\\0\\Z \xf0\x9f\x98\x80', "
                         "'\xc3\xbc\xe2\x82\xac', _latin1 x'fce9ff80', _sjis x'835c8a5c', _utf16 "
                         "x'd83dde00', _ucs2 x'20ac', _utf32 x'0001f600', "
                         "_koi8r x'c1c2', _gb2312 x'b0a1', x'000102', x'00ff5c27220a0d1a', '', "
                         "'NULL', 'a\\nb', REPEAT('long ', 3000), '', x'', "
                         "x'27', REPEAT(x'00ff', 5000), '{\"a\": [1, \"\\\\u0000\"]}', "
                         "REPEAT('compress ', 500), x'5c', '', '2', 'b', 'a,c d', 'x,', "
                         "'0000-00-00', '-838:59:59.999999', '9999-12-31 23:59:59.999', "
                         "'2038-01-19 03:14:07.999999', '0000-00-00 00:00:00', "
                         "ST_GeomFromText('LINESTRING(0 0, 1 1)', 4326), '::ffff:1.2.3.4', "
                         "'1.2.3.4', '123e4567-e89b-12d3-a456-426655440000', 0, "
                         "1, 2, 3, 'NULL', '2020-02-02 02:02:02', 1)");
    connection().Execute(
        insert +
        "vc, e, e1, e2, s, s1, d, f, j, ti, dti) VALUES ('small', 1, POINT(0,0), '', 'it''s', 'x "
        "y', 'a', '', '', "
        "2.2250738585072014e-308, -3.4e38, 'null', '00:00:00', '1000-01-01 00:00:00')");
    connection().Execute(
        std::string(kLenient) + insert +
        "vc, e, e1, e2, dt) VALUES ('enum errors', 2, POINT(0,0), 'e', 0, 0, 0, '2024-02-31')");
    connection().Execute(std::string(kLenient) + insert +
                         "vc, s1) VALUES ('empty member', 3, POINT(0,0), 'm', 2)");
  }

  fs::path directory_;
};

TEST_F(ArchiveFilesLoadTest, SqlFileOfEveryTypeLoadsTwice) {
  connection().Execute(kWideTable);
  InsertWideRows();
  const TableDefinition definition = Load("test_db", "wide `table");
  const RowBatch rows = Read("test_db", definition);
  ASSERT_EQ(rows.row_count(), 5u);
  const fs::path path = Write("sql", definition, rows);
  LoadSql(path);
  ExpectLoaded(definition, rows);
  LoadSql(path);
  ExpectLoaded(definition, rows);
}

TEST_F(ArchiveFilesLoadTest, CsvFileOfEveryTypeLoads) {
  connection().Execute(kWideTable);
  InsertWideRows();
  // A strict session takes neither an ENUM's error value nor an invalid date.
  connection().Execute("DELETE FROM `wide ``table` WHERE uuid_text = 'enum errors'");
  const TableDefinition definition = Load("test_db", "wide `table");
  const RowBatch rows = Read("test_db", definition);
  connection().Execute(ArchiveCreateTable(definition, "loaded.`wide ``table`", false));
  LoadCsv(Write("csv", definition, rows), definition);
  ExpectLoaded(definition, rows);
}

TEST_F(ArchiveFilesLoadTest, EveryByteOfTextAndBytesLoads) {
  connection().Execute(
      "CREATE TABLE bytes (id int PRIMARY KEY, a text CHARACTER SET ascii, u text CHARACTER SET "
      "utf8mb4, l text CHARACTER SET latin1, b blob)");
  for (int byte = 0; byte < 256; ++byte) {
    const std::string id = std::to_string(byte);
    const std::string hex = "UNHEX(HEX(CHAR(" + id + ")))";
    connection().Execute(
        "INSERT INTO bytes VALUES (" + id + ", CONVERT(CHAR(" + std::to_string(byte % 128) +
        ") USING ascii), " + "CONCAT('x', CONVERT(CONVERT(" + hex +
        " USING latin1) USING utf8mb4), 'y'), CONVERT(" + hex + " USING latin1), " + hex + ")");
  }
  const TableDefinition definition = Load("test_db", "bytes");
  const RowBatch rows = Read("test_db", definition);
  LoadSql(Write("sql", definition, rows));
  ExpectLoaded(definition, rows);
  connection().Execute("DELETE FROM loaded.bytes");
  LoadCsv(Write("csv", definition, rows), definition);
  ExpectLoaded(definition, rows);
}

TEST_F(ArchiveFilesLoadTest, StatementsStayBelowTheSmallestPacket) {
  connection().Execute("CREATE TABLE many (id int PRIMARY KEY, t longtext)");
  connection().Execute(
      "INSERT INTO many SELECT seq, REPEAT('\\\\', 100 + seq * 7) FROM seq_1_to_2000");
  connection().Execute("INSERT INTO many VALUES (9999, REPEAT('x', 3000000))");
  const TableDefinition definition = Load("test_db", "many");
  const RowBatch rows = Read("test_db", definition);
  const fs::path path = Write("sql", definition, rows);
  std::ifstream file(path);
  std::size_t statement = 0, large = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("INSERT")) statement = 0;
    statement += line.size() + 1;
    if (line.ends_with(";") && statement > 1024 * 1024) ++large;
  }
  EXPECT_EQ(large, 1u);
  LoadSql(path);
  ExpectLoaded(definition, rows);
}

}  // namespace
}  // namespace osarchiver
