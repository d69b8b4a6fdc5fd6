// Rows in key order, whatever the key, with the key's index and nothing else.
#include "source/unit_reader.h"

#include <gmock/gmock.h>

#include <set>

#include "source_fixture.h"

namespace osarchiver {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class UnitReaderTest : public SourceTest {
 protected:
  // Every old row of `table` comes once and in the key's order, in units of `rows`, and every
  // statement uses the key's index without sorting.
  void ExpectWalk(const std::string& table, const std::string& order, std::uint64_t rows) {
    const SourcePlan plan = Plan();
    const TablePlan& planned = Find(plan, table);
    std::string keys;
    for (const std::size_t column : planned.definition().key) {
      keys += (keys.empty() ? "" : ", ") + ReadKey(planned.definition().columns[column]);
    }
    std::vector<std::string> expected;
    for (const auto& row :
         connection().Query("SELECT " + keys + " FROM " + table +
                            " WHERE deleted_at < '2025-11-01' ORDER BY " + order)) {
      RowBatch key(row.size());
      for (const auto& cell : row) key.AppendBytes(*cell);
      key.EndRow();
      expected.push_back(KeyText(key.row(0)));
    }
    ASSERT_FALSE(expected.empty());
    StartLog();
    EXPECT_EQ(Read(plan, table, ReadPurpose::kDelete, {rows, 16u << 20}), expected) << table;
    const std::vector<std::string> plans = ExplainSince();
    EXPECT_FALSE(plans.empty());
    for (const std::string& line : plans) {
      EXPECT_THAT(line, Not(HasSubstr("filesort"))) << table;
      EXPECT_THAT(line, Not(HasSubstr(" ALL "))) << table;
    }
  }

  static std::string ReadKey(const Column& column) {
    return column.data_type == "float" ? "CAST(`" + column.name + "` AS DOUBLE)"
                                       : "`" + column.name + "`";
  }

  void Fill(const std::string& create, const std::string& insert) {
    Sql("DROP TABLE IF EXISTS t; CREATE TABLE t (" + create +
        ", deleted_at DATETIME); SET sql_mode='';" + insert);
  }
};

TEST_F(UnitReaderTest, IntegerKeys) {
  Fill("id INT PRIMARY KEY",
       "INSERT INTO t SELECT CAST(seq AS SIGNED) - 50, IF(seq % 3, '2025-01-01', NULL) FROM "
       "seq_1_to_200");
  ExpectWalk("t", "id", 7);
  Fill("id BIGINT UNSIGNED PRIMARY KEY",
       "INSERT INTO t VALUES "
       "(0,'2025-01-01'),(9223372036854775807,'2025-01-01'),(9223372036854775808,'2025-01-01'),"
       "(18446744073709551614,'2025-01-01'),(18446744073709551615,'2025-01-01'),(5,NULL)");
  ExpectWalk("t", "id", 2);
  Fill("id BIGINT PRIMARY KEY",
       "INSERT INTO t VALUES "
       "(-9223372036854775808,'2025-01-01'),(0,'2025-01-01'),(9223372036854775807,'2025-01-01')");
  ExpectWalk("t", "id", 1);
}

TEST_F(UnitReaderTest, TextKeysInTheirCollation) {
  Fill("id VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY",
       "INSERT INTO t VALUES "
       "('7','2025-01-01'),('07','2025-01-01'),('7.0','2025-01-01'),('a','2025-01-01'),('B','2025-"
       "01-01'),"
       "('ä1','2025-01-01'),('c''d\\\\e','2025-01-01'),('','2025-01-01'),('ß','2025-01-01'),('😀','"
       "2025-01-01'),('z',NULL)");
  ExpectWalk("t", "id", 1);
  Fill("id VARCHAR(20) CHARACTER SET cp1251 PRIMARY KEY",
       "INSERT INTO t VALUES (_cp1251 x'e0e1','2025-01-01'),(_cp1251 "
       "x'ff','2025-01-01'),('a','2025-01-01')");
  ExpectWalk("t", "id", 1);
  Fill("id VARBINARY(20) PRIMARY KEY",
       "INSERT INTO t VALUES "
       "(x'00','2025-01-01'),(x'00ff27','2025-01-01'),(x'5c','2025-01-01'),('','2025-01-01')");
  ExpectWalk("t", "id", 1);
  Fill("id CHAR(36) CHARACTER SET latin1 PRIMARY KEY",
       "INSERT INTO t SELECT UUID(), '2025-01-01' FROM seq_1_to_300");
  ExpectWalk("t", "id", 17);
}

TEST_F(UnitReaderTest, OtherKeys) {
  Fill("id DECIMAL(20,5) PRIMARY KEY",
       "INSERT INTO t SELECT (CAST(seq AS SIGNED) - 20) / 7, '2025-01-01' FROM seq_1_to_50");
  ExpectWalk("t", "id", 3);
  Fill(
      "id DATETIME(6) PRIMARY KEY",
      "INSERT INTO t SELECT '2020-01-01' + INTERVAL seq MICROSECOND, '2025-01-01' FROM seq_1_to_50;"
      "INSERT INTO t VALUES ('0000-00-00','2025-01-01'),('9999-12-31 "
      "23:59:59.999999','2025-01-01')");
  ExpectWalk("t", "id", 3);
  Fill("id TIMESTAMP PRIMARY KEY",
       "SET time_zone='+00:00'; INSERT INTO t SELECT FROM_UNIXTIME(seq * 1000), '2025-01-01' FROM "
       "seq_1_to_50");
  ExpectWalk("t", "id", 3);
  Fill("id TIME PRIMARY KEY",
       "INSERT INTO t VALUES "
       "('-838:59:59','2025-01-01'),('00:00:00','2025-01-01'),('838:59:59','2025-01-01')");
  ExpectWalk("t", "id", 1);
  Fill("id FLOAT PRIMARY KEY",
       "INSERT INTO t SELECT (CAST(seq AS SIGNED) - 20) / 7, '2025-01-01' FROM seq_1_to_50");
  ExpectWalk("t", "id", 3);
  Fill("id DOUBLE PRIMARY KEY",
       "INSERT INTO t SELECT (CAST(seq AS SIGNED) - 20) / 7e0, '2025-01-01' FROM seq_1_to_50");
  ExpectWalk("t", "id", 3);
  Fill("id BIT(20) PRIMARY KEY", "INSERT INTO t SELECT seq * 1000, '2025-01-01' FROM seq_1_to_50");
  ExpectWalk("t", "id", 3);
  Fill("id YEAR PRIMARY KEY", "INSERT INTO t SELECT 1990 + seq, '2025-01-01' FROM seq_1_to_50");
  ExpectWalk("t", "id", 3);
  Fill("id INET6 PRIMARY KEY",
       "INSERT INTO t VALUES ('::1','2025-01-01'),('::2','2025-01-01'),('fe80::1','2025-01-01')");
  ExpectWalk("t", "id", 1);
  Fill("id UUID PRIMARY KEY", "INSERT INTO t SELECT UUID(), '2025-01-01' FROM seq_1_to_50");
  ExpectWalk("t", "id", 3);
}

TEST_F(UnitReaderTest, CompositeKeys) {
  Fill("a INT, b VARCHAR(10), c INT, PRIMARY KEY (a, b, c)",
       "INSERT INTO t SELECT seq % 5, CONCAT('x', seq % 7), seq, IF(seq % 4, '2025-01-01', NULL) "
       "FROM seq_1_to_500");
  ExpectWalk("t", "a, b, c", 13);
  Fill("a VARCHAR(10), b INT, PRIMARY KEY (a, b)",
       "INSERT INTO t SELECT CONCAT('x', seq % 7), seq, '2025-01-01' FROM seq_1_to_500");
  ExpectWalk("t", "a, b", 13);
  Fill("a INT, b INT, c INT NOT NULL, d INT NOT NULL, UNIQUE KEY u (d, c)",
       "INSERT INTO t SELECT seq, seq, seq % 7, seq % 11, '2025-01-01' FROM seq_1_to_70");
  ExpectWalk("t", "d, c", 3);
}

TEST_F(UnitReaderTest, DescendingKeyParts) {
  Fill("a INT, b INT, PRIMARY KEY (a, b DESC)",
       "INSERT INTO t SELECT seq % 5, seq, '2025-01-01' FROM seq_1_to_100");
  ExpectWalk("t", "a, b DESC", 7);
  Fill("a INT, PRIMARY KEY (a DESC)", "INSERT INTO t SELECT seq, '2025-01-01' FROM seq_1_to_100");
  ExpectWalk("t", "a DESC", 7);
}

TEST_F(UnitReaderTest, EnumKeysAreOrderedByNumber) {
  Fill("a INT, e ENUM('z','b','a',''), PRIMARY KEY (a, e)",
       "INSERT IGNORE INTO t SELECT seq DIV 4, 1 + seq % 4, '2025-01-01' FROM seq_1_to_100;");
  ExpectWalk("t", "a, e", 3);
  Fill("a INT, s SET('z','b','a'), PRIMARY KEY (a, s)",
       "INSERT IGNORE INTO t SELECT seq DIV 8, seq % 8, '2025-01-01' FROM seq_1_to_100;");
  ExpectWalk("t", "a, s", 3);
  // Within the last member of a leading ENUM the server sorts; the walk is the same.
  Fill("e ENUM('z','b','a'), a INT, PRIMARY KEY (e, a)",
       "INSERT INTO t SELECT 1 + seq % 3, seq, '2025-01-01' FROM seq_1_to_100;");
  const SourcePlan plan = Plan();
  EXPECT_EQ(Read(plan, "t", ReadPurpose::kDelete, {7, 1 << 20}).size(), 100U);
}

TEST_F(UnitReaderTest, NamesThatNeedQuotes) {
  Sql("CREATE TABLE `se\"lect ``x``/.ü` (`order` INT, `it's ``k``` INT, deleted_at DATETIME, "
      "PRIMARY KEY (`order`, `it's ``k```));"
      "INSERT INTO `se\"lect ``x``/.ü` SELECT seq, seq, '2025-01-01' FROM seq_1_to_10");
  const SourcePlan plan = Plan();
  EXPECT_EQ(Read(plan, "se\"lect `x`/.ü", ReadPurpose::kDelete, {3, 1 << 20}).size(), 10U);
}

TEST_F(UnitReaderTest, BytesBoundAUnitAndALargeRowGoesAlone) {
  Fill("id INT PRIMARY KEY, b LONGBLOB",
       "INSERT INTO t SELECT seq, REPEAT('x', IF(seq % 10 = 0, 300000, 10000)), '2025-01-01' FROM "
       "seq_1_to_100");
  const SourcePlan plan = Plan();
  UnitReader reader(connection(), plan, Find(plan, "t"), ReadPurpose::kDelete, "", SystemClock(),
                    stop);
  std::uint64_t rows = 0;
  Unit unit;
  while (reader.Next({5000, 100000}, &unit)) {
    const RowBatch& read = unit.parts.at(0).rows;
    if (read.row_count() > 1) {
      EXPECT_LE(read.byte_count(), 100000U);
    }
    rows += read.row_count();
  }
  EXPECT_EQ(rows, 100U);
}

TEST_F(UnitReaderTest, APositionWrapsAround) {
  for (const char* key : {"id INT PRIMARY KEY", "id VARCHAR(10) PRIMARY KEY"}) {
    Fill(key, "INSERT INTO t SELECT 100 + seq, '2025-01-01' FROM seq_1_to_50");
    const SourcePlan plan = Plan();
    const TablePlan& table = Find(plan, "t");
    Unit unit;
    std::string position;
    std::vector<std::string> first;
    {
      UnitReader reader(connection(), plan, table, ReadPurpose::kDelete, "", SystemClock(), stop);
      EXPECT_TRUE(reader.Next({20, 1 << 20}, &unit));
      position = reader.position();
      for (std::size_t i = 0; i < 20; ++i) first.emplace_back(unit.parts[0].rows.value(i, 0).bytes);
    }
    UnitReader reader(connection(), plan, table, ReadPurpose::kDelete, position, SystemClock(),
                      stop);
    std::vector<std::string> keys;
    while (reader.Next({7, 1 << 20}, &unit)) {
      for (std::size_t i = 0; i < unit.parts[0].rows.row_count(); ++i) {
        keys.emplace_back(unit.parts[0].rows.value(i, 0).bytes);
      }
    }
    ASSERT_EQ(keys.size(), 50U);
    EXPECT_EQ(std::vector<std::string>(keys.end() - 20, keys.end()), first);
    EXPECT_EQ(reader.progress(), 1.0);
    // A position under another key, or none at all, starts over.
    for (const char* strange : {"nonsense", "0123456789abcdef:31", ":"}) {
      UnitReader again(connection(), plan, table, ReadPurpose::kDelete, strange, SystemClock(),
                       stop);
      EXPECT_TRUE(again.Next({50, 1 << 20}, &unit));
      EXPECT_EQ(unit.parts[0].rows.row_count(), 50U) << strange;
    }
  }
}

TEST_F(UnitReaderTest, ALostConnectionReadsTheSameUnitAgain) {
  Fill("id INT PRIMARY KEY", "INSERT INTO t SELECT seq, '2025-01-01' FROM seq_1_to_30");
  const SourcePlan plan = Plan();
  auto other = Connection::Open(server().Address());
  UnitReader reader(*other, plan, Find(plan, "t"), ReadPurpose::kDelete, "", SystemClock(), stop);
  Unit unit;
  ASSERT_TRUE(reader.Next({10, 1 << 20}, &unit));
  connection().Execute("KILL " + std::to_string(other->thread_id()));
  EXPECT_THROW((void)reader.Next({10, 1 << 20}, &unit), DatabaseError);
  auto fresh = Connection::Open(server().Address());
  reader.Reconnect(*fresh);
  ASSERT_TRUE(reader.Next({10, 1 << 20}, &unit));
  EXPECT_EQ(unit.parts[0].rows.value(0, 0).bytes, "11");
}

TEST_F(UnitReaderTest, GapsCostNothing) {
  Fill("id BIGINT PRIMARY KEY",
       "INSERT INTO t SELECT seq * 1000000000000, '2025-01-01' FROM seq_1_to_1000;"
       "INSERT INTO t SELECT seq, NULL FROM seq_1_to_100000");
  const SourcePlan plan = Plan();
  StartLog();
  EXPECT_EQ(Read(plan, "t", ReadPurpose::kDelete, {100, 1 << 20}).size(), 1000U);
  EXPECT_LT(StatementsSince().size(), 400U);
}

// Every statement that reads has a second; a condition that takes its time for each row makes all
// of them run into it.
TEST_F(UnitReaderTest, StatementsThatTakeTooLongAreCutSmaller) {
  source.table.where = "{deleted_column} <= {cutoff} AND SLEEP(0.004) = 0";
  for (const char* create : {"id INT PRIMARY KEY", "id VARCHAR(9) PRIMARY KEY",
                             "id INT, x INT DEFAULT 0, PRIMARY KEY (x, id)"}) {
    for (const char* deleted : {"'2025-01-01'", "IF(seq % 10, '2025-12-01', '2025-01-01')"}) {
      Fill(create, std::string("INSERT INTO t (id, deleted_at) SELECT 10000 + seq, ") + deleted +
                       " FROM seq_1_to_600");
      const SourcePlan plan = Plan();
      const std::vector<std::string> keys = Read(plan, "t");
      const std::size_t expected = deleted[0] == 'I' ? 60 : 600;
      EXPECT_EQ(keys.size(), expected) << create << deleted;
      EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), expected);
    }
  }
}

TEST_F(UnitReaderTest, FewRowsAreFoundThroughTheIndex) {
  for (const char* create :
       {"id INT PRIMARY KEY, deleted INT, KEY d (deleted_at)",
        "a VARCHAR(9), b INT, deleted INT, PRIMARY KEY (a, b), KEY d (deleted_at)"}) {
    Fill(create, std::string("INSERT INTO t SELECT ") + (create[0] == 'a' ? "seq % 10, " : "") +
                     "seq, seq % 7, IF(seq % 100, NULL, '2025-01-01' + INTERVAL seq % 30 DAY) FROM "
                     "seq_1_to_20000; ANALYZE TABLE t");
    const SourcePlan plan = Plan();
    const TablePlan& table = Find(plan, "t");
    EXPECT_TRUE(table.index_on_deleted_column);
    StartLog();
    std::vector<std::string> keys = Read(plan, "t", ReadPurpose::kDelete, {17, 1 << 20});
    const std::vector<std::string> plans = ExplainSince();
    EXPECT_FALSE(plans.empty());
    for (const std::string& line : plans) {
      EXPECT_THAT(line, testing::AnyOf(HasSubstr("range d"), HasSubstr("<derived"))) << line;
      EXPECT_THAT(line, Not(HasSubstr("filesort")));
    }
    EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), 172U);
    EXPECT_EQ(keys.size(), 172U);
    EXPECT_EQ(CountLiveFlagRows(connection(), table, SystemClock(), stop), 28U);
    EXPECT_EQ(
        CountPlanned(connection(), plan, table, ReadPurpose::kDelete, 0, SystemClock(), stop).rows,
        172U);
    EXPECT_EQ(Run(plan, {17, 1 << 20}), 172U);
  }
}

TEST_F(UnitReaderTest, WhatIsPassedOverIsCountedOnTheWay) {
  Sql("CREATE TABLE t (id INT PRIMARY KEY, deleted_at DATETIME, deleted INT);"
      "CREATE TABLE c (id INT PRIMARY KEY, t INT, FOREIGN KEY (t) REFERENCES t (id));"
      "INSERT INTO t SELECT seq, '2025-01-01', seq % 5 FROM seq_1_to_1000;");
  const SourcePlan plan = Plan();
  const auto pass = [&](UnitReader& reader) {
    std::uint64_t rows = 0;
    for (Unit unit; reader.Next({90, 1 << 20}, &unit);) rows += unit.parts.back().rows.row_count();
    return rows;
  };
  {
    UnitReader reader(connection(), plan, Find(plan, "t"), ReadPurpose::kDelete, "", SystemClock(),
                      stop);
    EXPECT_TRUE(reader.may_be_blocked());
    EXPECT_EQ(reader.live_flag_rows(), std::nullopt);
    EXPECT_EQ(pass(reader), 800U);
    EXPECT_EQ(reader.live_flag_rows(), 200U);
    EXPECT_FALSE(reader.may_be_blocked());
    Sql("INSERT INTO c VALUES (1, 11), (2, 601), (3, 605)");
    reader.Restart();
    EXPECT_EQ(pass(reader), 798U);
    EXPECT_EQ(reader.live_flag_rows(), 200U);
    EXPECT_TRUE(reader.may_be_blocked());
    // By the keys that the walk met, and by reading the table once more.
    const auto known = reader.blocked_rows();
    ASSERT_TRUE(known);
    for (const auto& among : {known, std::optional<std::vector<RowSet>>()}) {
      const auto counts =
          CountBlocked(connection(), plan, Find(plan, "t"), SystemClock(), stop, among);
      ASSERT_EQ(counts.size(), 1U);
      EXPECT_EQ(counts[0].rows, 2U);  // 605 is flagged live
      EXPECT_THAT(counts[0].example_keys, ElementsAre("11", "601"));
    }
    reader.Restart();
    EXPECT_TRUE(reader.may_be_blocked());
  }
  Sql("DELETE FROM c; INSERT INTO c SELECT seq, seq FROM seq_1_to_1000");
  {
    // Too many to remember each.
    Sql("UPDATE t SET deleted = 1; INSERT INTO t SELECT seq, '2025-01-01', 1 FROM seq_1001_to_1500;"
        "INSERT INTO c SELECT seq, seq FROM seq_1001_to_1500");
    UnitReader reader(connection(), plan, Find(plan, "t"), ReadPurpose::kDelete, "", SystemClock(),
                      stop);
    EXPECT_EQ(pass(reader), 0U);
    EXPECT_TRUE(reader.may_be_blocked());
    EXPECT_FALSE(reader.blocked_rows());
    Sql("DELETE FROM c; DELETE FROM t WHERE id > 1000; UPDATE t SET deleted = id % 5;"
        "INSERT INTO c VALUES (1, 11), (2, 601), (3, 605)");
  }
  Sql("INSERT INTO t SELECT seq, '2025-01-01', 0 FROM seq_1001_to_5000;");
  UnitReader reader(connection(), plan, Find(plan, "t"), ReadPurpose::kDelete, "", SystemClock(),
                    stop);
  EXPECT_EQ(pass(reader), 798U);
  EXPECT_EQ(reader.live_flag_rows(), std::nullopt);
}

// A table of which a night reads only a part would otherwise be read from the same place for ever.
TEST_F(UnitReaderTest, AStretchWithoutRowsIsNotReadAgain) {
  // A SLEEP that the server ends answers 1.
  source.table.where = "IF(SLEEP(0.001), FALSE, {deleted_column} <= {cutoff})";
  for (const char* key : {"id INT PRIMARY KEY", "id VARCHAR(10) PRIMARY KEY"}) {
    Fill(key,
         "INSERT INTO t SELECT 10000 + seq, IF(seq < 4000, '2025-12-01', '2025-01-01') "
         "FROM seq_1_to_4000; ANALYZE TABLE t");
    const SourcePlan plan = Plan();
    const TablePlan& table = Find(plan, "t");
    StopControl first_night(SystemClock());
    std::vector<std::string> places;
    Unit unit;
    UnitReader reader(connection(), plan, table, ReadPurpose::kDelete, "", SystemClock(),
                      first_night);
    reader.BetweenStatements([&] {
      places.push_back(reader.position());
      if (places.size() == 6) first_night.Request("test");
    });
    ASSERT_FALSE(reader.Next({10, 1 << 20}, &unit));
    EXPECT_EQ(places.size(), 6U);
    EXPECT_EQ(reader.position(), places.back());
    EXPECT_NE(places.back(), "");
    // From there on to the end, and around.
    UnitReader next(connection(), plan, table, ReadPurpose::kDelete, places.back(), SystemClock(),
                    stop);
    ASSERT_TRUE(next.Next({10, 1 << 20}, &unit));
    EXPECT_EQ(unit.parts[0].rows.value(0, 0).bytes, "14000");
    EXPECT_FALSE(next.Next({10, 1 << 20}, &unit));
  }
}

TEST_F(UnitReaderTest, StopEndsAPass) {
  Fill("id INT PRIMARY KEY", "INSERT INTO t SELECT seq, '2025-01-01' FROM seq_1_to_30");
  const SourcePlan plan = Plan();
  UnitReader reader(connection(), plan, Find(plan, "t"), ReadPurpose::kDelete, "", SystemClock(),
                    stop);
  Unit unit;
  ASSERT_TRUE(reader.Next({10, 1 << 20}, &unit));
  const std::string position = reader.position();
  stop.Request("test");
  EXPECT_FALSE(reader.Next({10, 1 << 20}, &unit));
  EXPECT_EQ(reader.position(), position);
}

}  // namespace
}  // namespace osarchiver
