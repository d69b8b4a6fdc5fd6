// Which tables are chosen, in which order, and which rows of them go.
#include "source/selection.h"

#include <gmock/gmock.h>

#include "source_fixture.h"

namespace osarchiver {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class SelectionTest : public SourceTest {};

constexpr const char* kOld = "'2025-01-01 00:00:00'";

TEST_F(SelectionTest, RefusesByNameWhatHasTheColumnAndCannotBeWorked) {
  Sql(R"(
    CREATE TABLE good (id INT PRIMARY KEY, deleted_at DATETIME);
    CREATE TABLE as_date (id INT PRIMARY KEY, deleted_at DATE);
    CREATE TABLE as_timestamp (id INT PRIMARY KEY, deleted_at TIMESTAMP NULL);
    CREATE VIEW a_view AS SELECT * FROM good;
    CREATE TABLE no_key (id INT, deleted_at DATETIME);
    CREATE TABLE nullable_key (id INT UNIQUE, deleted_at DATETIME);
    CREATE TABLE in_aria (id INT PRIMARY KEY, deleted_at DATETIME) ENGINE=Aria;
    CREATE TABLE number (id INT PRIMARY KEY, deleted_at INT);
    CREATE TABLE words (id INT PRIMARY KEY, deleted_at VARCHAR(40));
    CREATE TABLE versioned (id INT PRIMARY KEY, deleted_at DATETIME) WITH SYSTEM VERSIONING;
    CREATE SEQUENCE counter;
    CREATE TABLE plain (id INT PRIMARY KEY);
    CREATE TABLE shadow_good (id INT PRIMARY KEY, deleted_at DATETIME);
  )");
  source.exclude_tables = {Pattern("shadow_*")};
  const SourcePlan plan = Plan();
  EXPECT_EQ(Order(plan), "as_date as_timestamp good");
  EXPECT_THAT(plan.errors, IsEmpty());
  EXPECT_THAT(plan.warnings, IsEmpty());
  EXPECT_EQ(LeftOut(plan, "a_view"), "it is no base table but a VIEW");
  EXPECT_THAT(LeftOut(plan, "no_key"), HasSubstr("key"));
  EXPECT_THAT(LeftOut(plan, "nullable_key"), HasSubstr("nullable"));
  EXPECT_EQ(LeftOut(plan, "in_aria"), "its engine is Aria, not InnoDB");
  EXPECT_EQ(LeftOut(plan, "number"),
            "column deleted_at is of type int, not DATE, DATETIME or TIMESTAMP");
  EXPECT_THAT(LeftOut(plan, "words"), HasSubstr("varchar"));
  EXPECT_THAT(LeftOut(plan, "versioned"), HasSubstr("SYSTEM VERSIONED"));
  EXPECT_EQ(LeftOut(plan, "plain"), "no column deleted_at");
  EXPECT_EQ(LeftOut(plan, "shadow_good"), "exclude_tables has 'shadow_*'");
  EXPECT_EQ(plan.now, "2026-11-23 02:00:00");
  EXPECT_EQ(Find(plan, "good").cutoff, "2025-11-23 02:00:00");
  EXPECT_EQ(Find(plan, "good").where, "`deleted_at` <= '2025-11-23 02:00:00'");
}

TEST_F(SelectionTest, MonthsAreTheCalendarsAndOverridesHold) {
  Sql("CREATE TABLE a (id INT PRIMARY KEY, deleted_at DATETIME);"
      "CREATE TABLE b (id INT PRIMARY KEY, gone DATETIME);");
  request.now = "2024-03-31 10:00:00";
  source.table.retention = {Retention::Unit::kMonths, 1, "1 month"};
  TableSettings special = source.table;
  special.retention = {Retention::Unit::kSeconds, 86400, "1 day"};
  special.deleted_column = "gone";
  source.overrides.push_back({Pattern("test_db.b"), special});
  const SourcePlan plan = Plan();
  EXPECT_EQ(Find(plan, "a").cutoff, "2024-02-29 10:00:00");
  EXPECT_EQ(Find(plan, "b").cutoff, "2024-03-30 10:00:00");
}

TEST_F(SelectionTest, StarIsNeitherASystemSchemaNorAnArchive) {
  server().Sql(
      "DROP DATABASE IF EXISTS test_db_archive; CREATE DATABASE test_db_archive;"
      "CREATE TABLE test_db_archive.t (id INT PRIMARY KEY, deleted_at DATETIME);");
  Sql("CREATE TABLE t (id INT PRIMARY KEY, deleted_at DATETIME)");
  request.archive_databases = {"test_db_archive"};
  for (const char* pattern : {"*", "test*", "/^test/"}) {
    source.databases = {Pattern(pattern)};
    const SourcePlan plan = Plan();
    ASSERT_EQ(plan.tables.size(), 1U) << pattern;
    EXPECT_EQ(ToText(plan.tables[0]->name), "test_db.t");
  }
  source.databases = {Pattern("test_db_archive")};
  EXPECT_EQ(ToText(Plan().tables.at(0)->name), "test_db_archive.t");
  source.databases = {Pattern("*")};
  source.exclude_databases = {Pattern("test_db")};
  EXPECT_TRUE(Plan().tables.empty());
  server().Sql("DROP DATABASE test_db_archive");
}

TEST_F(SelectionTest, MissingNamesAreErrorsAndIdlePatternsWarnings) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, deleted_at DATETIME)");
  source.databases = {Pattern("test_db"), Pattern("nova_cell9"), Pattern("mysql"),
                      Pattern("cinder*")};
  source.tables = {Pattern("t"), Pattern("instancse"), Pattern("x*")};
  source.exclude_tables = {Pattern("nothing_*")};
  const SourcePlan plan = Plan();
  EXPECT_THAT(plan.errors,
              ElementsAre(HasSubstr("nova_cell9"), HasSubstr("mysql is a system schema"),
                          HasSubstr("instancse")));
  EXPECT_THAT(plan.warnings,
              ElementsAre(HasSubstr("cinder*"), HasSubstr("x*"), HasSubstr("nothing_*")));
}

TEST_F(SelectionTest, AWhereThatTheServerRefusesNamesItsTable) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, deleted_at DATETIME, deleted INT);"
      "CREATE TABLE u (id INT PRIMARY KEY, deleted_at DATETIME, project VARCHAR(10));");
  for (const char* where :
       {"{deleted_column} <= {cutoff} AND project = 'x'",
        "{deleted_column} <= ", "id = 1) OR (id = 2", "1 -- ", "id = 1 LIMIT 5", "{nonsense}"}) {
    source.table.where = where;
    const SourcePlan plan = Plan();
    EXPECT_EQ(plan.Find({"test_db", "t"}), nullptr) << where;
    EXPECT_THAT(plan.errors, Contains(HasSubstr("test_db.t"))) << where;
    EXPECT_THAT(LeftOut(plan, "t"), HasSubstr("where")) << where;
  }
  source.table.where = "{deleted_column} <= {cutoff} AND project = 'x'";
  EXPECT_EQ(Order(Plan()), "u");
}

TEST_F(SelectionTest, OnlyNamedTables) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, deleted_at DATETIME);"
      "CREATE TABLE u (id INT PRIMARY KEY, deleted_at DATETIME);");
  request.only = {{"test_db", "u"}, {"test_db", "zz"}};
  const SourcePlan plan = Plan();
  EXPECT_EQ(Order(plan), "u");
  EXPECT_THAT(plan.errors, ElementsAre(HasSubstr("test_db.zz")));
}

// Symptom of PITFALLS 17 and 18: live rows went.
TEST_F(SelectionTest, FlagsOfEveryTypeSayLive) {
  const std::string old = kOld;
  Sql("CREATE TABLE f_int (id INT PRIMARY KEY, deleted_at DATETIME, deleted INT);"
      "INSERT INTO f_int VALUES (1," +
      old + ",0),(2," + old + ",2),(3," + old +
      ",NULL),(4,NULL,4);"
      "CREATE TABLE f_tiny (id INT PRIMARY KEY, deleted_at DATETIME, deleted TINYINT(1));"
      "INSERT INTO f_tiny VALUES (1," +
      old + ",0),(2," + old + ",1),(3," + old +
      ",NULL);"
      "CREATE TABLE f_text (id INT PRIMARY KEY, deleted_at DATETIME, deleted VARCHAR(36));"
      "INSERT INTO f_text VALUES (1," +
      old + ",'0'),(2," + old + ",'8d1e2f4c-aaaa'),(3," + old + ",''),(4," + old + ",'False'),(5," +
      old + ",'abcdef00'),(6," + old + ",NULL),(7," + old + ",'false'),(8," + old + ",'0e0'),(9," +
      old +
      ",'True');"
      "CREATE TABLE f_bytes (id INT PRIMARY KEY, deleted_at DATETIME, deleted VARBINARY(36));"
      "INSERT INTO f_bytes VALUES (1," +
      old + ",'0'),(2," + old + ",'False'),(3," + old +
      ",'x');"
      "CREATE TABLE f_enum (id INT PRIMARY KEY, deleted_at DATETIME, deleted ENUM('False','True'));"
      "INSERT INTO f_enum VALUES (1," +
      old + ",'False'),(2," + old +
      ",'True');"
      "CREATE TABLE f_bit (id INT PRIMARY KEY, deleted_at DATETIME, deleted BIT(1));"
      "INSERT INTO f_bit VALUES (1," +
      old + ",b'0'),(2," + old +
      ",b'1');"
      "CREATE TABLE f_cp (id INT PRIMARY KEY, deleted_at DATETIME, deleted VARCHAR(9) CHARACTER "
      "SET cp1251 COLLATE cp1251_bin);"
      "INSERT INTO f_cp VALUES (1," +
      old + ",'0'),(2," + old + ",'FALSE'),(3," + old +
      ",'ja');"
      "CREATE TABLE f_gen (id INT PRIMARY KEY, deleted_at DATETIME, live INT, deleted INT AS (1 - "
      "live) VIRTUAL);"
      "INSERT INTO f_gen (id, deleted_at, live) VALUES (1," +
      old + ",1),(2," + old + ",0);");
  const SourcePlan plan = Plan();
  EXPECT_THAT(Read(plan, "f_int"), ElementsAre("2"));
  EXPECT_THAT(Read(plan, "f_tiny"), ElementsAre("2"));
  EXPECT_THAT(Read(plan, "f_text"), ElementsAre("2", "5", "8", "9"));
  EXPECT_THAT(Read(plan, "f_bytes"), ElementsAre("3"));
  EXPECT_THAT(Read(plan, "f_enum"), ElementsAre("2"));
  EXPECT_THAT(Read(plan, "f_bit"), ElementsAre("2"));
  EXPECT_THAT(Read(plan, "f_cp"), ElementsAre("3"));
  EXPECT_THAT(Read(plan, "f_gen"), ElementsAre("2"));
  EXPECT_EQ(CountLiveFlagRows(connection(), Find(plan, "f_int"), SystemClock(), stop), 2U);
  EXPECT_EQ(CountLiveFlagRows(connection(), Find(plan, "f_text"), SystemClock(), stop), 5U);
}

TEST_F(SelectionTest, ZeroAndEpochDatesAndTheCutoffItself) {
  Sql("SET sql_mode='';"
      "CREATE TABLE d (id INT PRIMARY KEY, deleted_at DATE);"
      "INSERT INTO d VALUES "
      "(1,'0000-00-00'),(2,'1970-01-01'),(3,'1971-01-01'),(4,'2025-11-23'),(5,'2025-11-24'),(6,"
      "NULL);"
      "CREATE TABLE dt (id INT PRIMARY KEY, deleted_at DATETIME(6));"
      "INSERT INTO dt VALUES (1,'0000-00-00'),(2,'1970-01-01 "
      "01:00:00'),(3,'1971-01-01'),(4,'2025-11-23 02:00:00'),"
      "(5,'2025-11-23 02:00:00.000001'),(6,NULL),(7,'2025-00-00');"
      "CREATE TABLE ts (id INT PRIMARY KEY, deleted_at TIMESTAMP NULL);"
      "SET time_zone='+00:00';"
      "INSERT INTO ts VALUES (1,0),(2,'1970-01-01 00:00:01'),(3,'1971-01-01'),(4,'2025-11-23 "
      "02:00:00'),"
      "(5,'2025-11-23 02:00:01'),(6,NULL);");
  const SourcePlan plan = Plan();
  EXPECT_THAT(Read(plan, "d"), ElementsAre("3", "4"));
  EXPECT_THAT(Read(plan, "dt"), ElementsAre("3", "4", "7"));
  EXPECT_THAT(Read(plan, "ts"), ElementsAre("3", "4"));
}

TEST_F(SelectionTest, AWarningOnASelectingStatementIsAnError) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, deleted_at DATETIME, removed INT);"
      "INSERT INTO t VALUES (1,'2025-01-01',0);");
  source.table.where = "removed <= {cutoff}";
  const SourcePlan plan = Plan();
  EXPECT_THROW(Read(plan, "t"), DatabaseError);
}

TEST_F(SelectionTest, BlockedRowsAreNamedWithReasonAndAdvice) {
  Sql(R"(
    CREATE TABLE p (id INT PRIMARY KEY, uuid VARCHAR(36) UNIQUE, deleted_at DATETIME, deleted INT);
    CREATE TABLE live (id INT PRIMARY KEY, p INT, deleted_at DATETIME, deleted INT,
                       CONSTRAINT live_p FOREIGN KEY (p) REFERENCES p (id));
    CREATE TABLE extra (id INT PRIMARY KEY, p VARCHAR(36), CONSTRAINT extra_p FOREIGN KEY (p) REFERENCES p (uuid));
    CREATE TABLE extra_more (id INT PRIMARY KEY, extra INT, CONSTRAINT em FOREIGN KEY (extra) REFERENCES extra (id));
    CREATE TABLE kept (id INT PRIMARY KEY, p INT, deleted_at DATETIME, CONSTRAINT kept_p FOREIGN KEY (p) REFERENCES p (id));
    INSERT INTO p SELECT seq, CONCAT('u', seq), '2025-01-01', seq FROM seq_1_to_9;
    INSERT INTO live VALUES (1, 1, NULL, 0), (2, 2, '2026-11-01', 2), (3, 3, '2025-01-01', 3), (4, 4, '2025-01-01', 0);
    INSERT INTO extra VALUES (5, 'u5'), (6, NULL);
    INSERT INTO kept VALUES (1, 6, '2025-01-01');
  )");
  source.exclude_tables = {Pattern("kept")};
  const SourcePlan plan = Plan();
  EXPECT_EQ(Order(plan), "live p");
  EXPECT_THAT(Read(plan, "p"), ElementsAre("7", "8", "9"));
  EXPECT_THAT(Read(plan, "p", ReadPurpose::kArchiveOnly).size(), 9U);
  std::map<std::string, std::string> reasons;
  for (const BlockedCount& count :
       CountBlocked(connection(), plan, Find(plan, "p"), SystemClock(), stop)) {
    reasons[count.constraint + ": " + count.why] =
        std::to_string(count.rows) + " " + count.example_keys.at(0) + " " + count.advice;
    EXPECT_EQ(connection().Query(count.select_sql).size(), count.rows) << count.select_sql;
    EXPECT_EQ(*connection().QueryValue(count.select_sql), count.example_keys.at(0));
  }
  EXPECT_THAT(reasons, UnorderedElementsAre(
                           testing::Pair("live_p: live child", "2 1 dependents: {live: archive}"),
                           testing::Pair("live_p: child is younger", "1 2 "),
                           testing::Pair("live_p: child is blocked itself", "1 3 "),
                           testing::Pair("extra_p: child without soft-delete column",
                                         "1 5 dependents: {extra: archive, extra_more: archive}"),
                           testing::Pair("kept_p: excluded table",
                                         "1 6 test_db.kept: exclude_tables has 'kept'")));
  const PlanCount count = CountPlanned(connection(), plan, Find(plan, "p"), ReadPurpose::kDelete, 0,
                                       SystemClock(), stop);
  EXPECT_EQ(count.rows, 4U);
  EXPECT_EQ(count.blocked, 5U);
  EXPECT_TRUE(count.exact);
  EXPECT_EQ(Run(plan), 5U);  // 3 of p, one of live, and then the one of p that it held
}

TEST_F(SelectionTest, OrderIsChildrenFirstOverDatabases) {
  server().Sql("DROP DATABASE IF EXISTS test_db2; CREATE DATABASE test_db2;");
  Sql(R"(
    CREATE TABLE zz_first (id INT PRIMARY KEY, deleted_at DATETIME);
    CREATE TABLE a_parent (id INT PRIMARY KEY, deleted_at DATETIME);
    CREATE TABLE b_child (id INT PRIMARY KEY, p INT, deleted_at DATETIME, FOREIGN KEY (p) REFERENCES a_parent (id));
    CREATE TABLE test_db2.c_grandchild (id INT PRIMARY KEY, p INT, deleted_at DATETIME,
                                        FOREIGN KEY (p) REFERENCES test_db.b_child (id));
    CREATE TABLE self (id INT PRIMARY KEY, p INT, deleted_at DATETIME, FOREIGN KEY (p) REFERENCES self (id));
  )");
  source.databases = {Pattern("test_db*")};
  const SourcePlan plan = Plan();
  EXPECT_EQ(Order(plan), "self zz_first c_grandchild b_child a_parent");
  EXPECT_EQ(
      Find(plan, "b_child").order_reason,
      "before `a_parent`, which it refers to; after `test_db2`.`c_grandchild`, which refers to it");
  EXPECT_TRUE(Find(plan, "self").refers_to_itself);
  EXPECT_TRUE(Independent(plan, Find(plan, "self"), Find(plan, "a_parent")));
  EXPECT_FALSE(Independent(plan, *plan.Find({"test_db2", "c_grandchild"}), Find(plan, "a_parent")));
  server().Sql("DROP DATABASE test_db2");
}

}  // namespace
}  // namespace osarchiver
