// Tables that refer to themselves: leaves first, several levels in one unit, long chains, cycles.
#include <gmock/gmock.h>

#include <chrono>

#include "source_fixture.h"

namespace osarchiver {
namespace {

using testing::ElementsAre;

class UnitLevelsTest : public SourceTest {
 protected:
  void Table(const std::string& rule, const std::string& insert) {
    Sql("SET foreign_key_checks=0; DROP TABLE IF EXISTS t; CREATE TABLE t (id INT PRIMARY KEY, p "
        "INT, deleted_at DATETIME, "
        "CONSTRAINT t_p FOREIGN KEY (p) REFERENCES t (id) ON DELETE " +
        rule + ");" + insert);
  }
  std::vector<std::string> Units(ReadLimits limits) {
    const SourcePlan plan = Plan();
    UnitReader reader(connection(), plan, Find(plan, "t"), ReadPurpose::kDelete, "", SystemClock(),
                      stop);
    std::vector<std::string> result;
    for (Unit unit; reader.Next(limits, &unit);) result.push_back(Describe(unit));
    return result;
  }
  std::string Left() { return Sql("SELECT COALESCE(GROUP_CONCAT(id ORDER BY id), '') FROM t"); }
};

TEST_F(UnitLevelsTest, ATreeGoesLeavesFirst) {
  Table("RESTRICT",
        "INSERT INTO t VALUES "
        "(1,NULL,'2025-01-01'),(2,1,'2025-01-01'),(3,1,'2025-01-01'),(4,2,'2025-01-01'),"
        "(5,NULL,'2025-01-01'),(6,5,NULL),(7,5,'2025-01-01')");
  EXPECT_THAT(Units({100, 1 << 20}), ElementsAre("t:3/0 t:4/0 t:7/0 t:2/1 t:1/2"));
  EXPECT_EQ(Run(Plan()), 5U);
  EXPECT_EQ(Left(), "5,6");
}

TEST_F(UnitLevelsTest, EveryRuleAndEveryLimit) {
  for (const char* rule : {"RESTRICT", "CASCADE", "SET NULL"}) {
    for (const std::uint64_t rows : {1, 2, 3, 7, 100}) {
      // A heap: row n refers to row n / 2; row 40 is alive and holds 20, 10, 5, 2, 1.
      Table(rule,
            "INSERT INTO t SELECT seq, IF(seq = 1, NULL, seq DIV 2), IF(seq = 40, NULL, "
            "'2025-01-01') FROM seq_1_to_100");
      EXPECT_EQ(Run(Plan(), {rows, 1 << 20}), 94U) << rule << rows;
      EXPECT_EQ(Left(), "1,2,5,10,20,40") << rule << rows;
    }
  }
}

TEST_F(UnitLevelsTest, AChainCostsAsMuchAsItsRows) {
  // Both ways: the walk meets the leaf first, or last.
  for (const char* parent : {"seq - 1", "seq + 1"}) {
    Table("RESTRICT",
          std::string("INSERT INTO t SELECT seq, ") + parent +
              ", '2025-01-01' FROM seq_1_to_10000; UPDATE t SET p = NULL WHERE p IN (0, 10001)");
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(Run(Plan()), 10000U);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
    EXPECT_EQ(Left(), "");
    EXPECT_LE(units, 6U);
  }
}

TEST_F(UnitLevelsTest, OneParentOfMany) {
  Table("RESTRICT",
        "INSERT INTO t VALUES (1,NULL,'2025-01-01');"
        "INSERT INTO t SELECT seq, 1, '2025-01-01' FROM seq_2_to_20000");
  EXPECT_EQ(Run(Plan(), {1000, 16u << 20}), 20000U);
  EXPECT_LE(units, 22U);
}

TEST_F(UnitLevelsTest, CyclesStayAndAreNamed) {
  Table("RESTRICT",
        "INSERT INTO t VALUES "
        "(1,2,'2025-01-01'),(2,1,'2025-01-01'),(3,2,'2025-01-01'),(4,4,'2025-01-01')");
  const SourcePlan plan = Plan();
  EXPECT_EQ(Run(plan), 1U);
  EXPECT_EQ(Left(), "1,2,4");
  const auto counts = CountBlocked(connection(), plan, Find(plan, "t"), SystemClock(), stop);
  ASSERT_EQ(counts.size(), 1U);
  EXPECT_EQ(counts[0].why, "child is blocked itself, or in a circle with it");
  EXPECT_EQ(counts[0].rows, 3U);
  EXPECT_THAT(counts[0].example_keys, ElementsAre("1", "2", "4"));
}

TEST_F(UnitLevelsTest, ARowOfItsOwnGoesWhereTheServerLetsIt) {
  for (const char* rule : {"CASCADE", "SET NULL"}) {
    Table(rule, "INSERT INTO t VALUES (1,1,'2025-01-01'),(2,1,'2025-01-01')");
    EXPECT_EQ(Run(Plan()), 2U) << rule;
    EXPECT_EQ(Left(), "") << rule;
  }
}

TEST_F(UnitLevelsTest, TwoKeysToUniqueColumns) {
  Sql("CREATE TABLE t (id VARCHAR(9) PRIMARY KEY, u INT UNIQUE, a INT, b VARCHAR(9), deleted_at "
      "DATETIME,"
      "CONSTRAINT ta FOREIGN KEY (a) REFERENCES t (u), CONSTRAINT tb FOREIGN KEY (b) REFERENCES t "
      "(id));"
      "INSERT INTO t VALUES "
      "('x',1,NULL,NULL,'2025-01-01'),('y',2,1,'x','2025-01-01'),('z',3,2,'x','2025-01-01'),"
      "('v',4,1,'y','2025-01-01'),('w',5,NULL,'z',NULL)");
  EXPECT_EQ(Run(Plan()), 1U);
  Sql("UPDATE t SET deleted_at = '2025-01-01' WHERE id = 'w'");
  EXPECT_THAT(Units({100, 1 << 20}), ElementsAre("t:w/0 t:z/1 t:y/2 t:x/3"));
  EXPECT_EQ(Run(Plan(), {2, 1 << 20}), 4U);
}

TEST_F(UnitLevelsTest, RowsThatStayDoNotComeAgain) {
  Table("RESTRICT",
        "INSERT INTO t VALUES "
        "(1,NULL,'2025-01-01'),(2,NULL,'2025-01-01'),(9,1,'2025-01-01'),(3,2,'2025-01-01')");
  // Nothing is deleted here, as when every row was found changed.
  EXPECT_THAT(Units({100, 1 << 20}), ElementsAre("t:3/0 t:9/0 t:1/1 t:2/1"));
  const SourcePlan plan = Plan();
  UnitReader reader(connection(), plan, Find(plan, "t"), ReadPurpose::kDelete, "", SystemClock(),
                    stop);
  Unit unit;
  ASSERT_TRUE(reader.Next({2, 1 << 20}, &unit));
  EXPECT_EQ(Describe(unit), "t:3/0 t:9/0");
  Sql("DELETE FROM t WHERE id IN (3, 9)");
  ASSERT_TRUE(reader.Next({2, 1 << 20}, &unit));
  EXPECT_EQ(Describe(unit), "t:1/0 t:2/0");
  EXPECT_FALSE(reader.Next({2, 1 << 20}, &unit));
}

// Two tables that refer to each other go in rounds.
TEST_F(UnitLevelsTest, TablesInACycle) {
  Sql("SET foreign_key_checks=0;"
      "CREATE TABLE a (id INT PRIMARY KEY, b INT, deleted_at DATETIME, CONSTRAINT ab FOREIGN KEY "
      "(b) REFERENCES b (id));"
      "CREATE TABLE b (id INT PRIMARY KEY, a INT, deleted_at DATETIME, CONSTRAINT ba FOREIGN KEY "
      "(a) REFERENCES a (id));"
      "INSERT INTO a SELECT seq, seq, '2025-01-01' FROM seq_1_to_20;"
      "INSERT INTO b SELECT seq, IF(seq = 20, NULL, seq + 1), '2025-01-01' FROM seq_1_to_20;"
      "INSERT INTO a VALUES (30, 30, '2025-01-01'); INSERT INTO b VALUES (30, 30, '2025-01-01')");
  const SourcePlan plan = Plan();
  EXPECT_TRUE(Find(plan, "a").in_cycle);
  EXPECT_EQ(Find(plan, "a").component, Find(plan, "b").component);
  EXPECT_EQ(Run(plan), 40U);
  const auto counts = CountBlocked(connection(), plan, Find(plan, "a"), SystemClock(), stop);
  ASSERT_EQ(counts.size(), 1U);
  EXPECT_EQ(counts[0].why, "child is blocked itself, or in a circle with it");
}

}  // namespace
}  // namespace osarchiver
