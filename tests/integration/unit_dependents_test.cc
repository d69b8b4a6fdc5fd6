// Rows that go with their parent: whole trees or nothing.
#include <gmock/gmock.h>

#include "source/selection.h"
#include "source_fixture.h"

namespace osarchiver {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class UnitDependentsTest : public SourceTest {
 protected:
  // Nova's shape: instances referred to by their UUID, actions that are never soft-deleted, their
  // events.
  void Nova(const std::string& rule = "RESTRICT") {
    Sql("CREATE TABLE instances (id INT PRIMARY KEY, uuid VARCHAR(36) NOT NULL UNIQUE, deleted_at "
        "DATETIME, deleted INT);"
        "CREATE TABLE actions (id INT PRIMARY KEY, uuid VARCHAR(36), deleted_at DATETIME, deleted "
        "INT,"
        " CONSTRAINT ai FOREIGN KEY (uuid) REFERENCES instances (uuid) ON DELETE " +
        rule +
        ");"
        "CREATE TABLE events (id INT PRIMARY KEY, action INT, deleted_at DATETIME, deleted INT,"
        " CONSTRAINT ea FOREIGN KEY (action) REFERENCES actions (id) ON DELETE " +
        rule +
        ");"
        "CREATE TABLE extra (id INT PRIMARY KEY, uuid VARCHAR(36),"
        " CONSTRAINT xi FOREIGN KEY (uuid) REFERENCES instances (uuid) ON DELETE " +
        rule + ");");
  }
  void Follow(const std::vector<std::string>& tables) {
    for (const std::string& table : tables) {
      source.table.dependents.rules.push_back({Pattern(table), DependentsPolicy::kArchive});
    }
  }
  std::vector<std::string> Units(const std::string& table, ReadLimits limits = {}) {
    const SourcePlan plan = Plan();
    UnitReader reader(connection(), plan, Find(plan, table), ReadPurpose::kDelete, "",
                      SystemClock(), stop);
    std::vector<std::string> result;
    for (Unit unit; reader.Next(limits, &unit);) result.push_back(Describe(unit));
    return result;
  }
  std::string Count(const std::string& table) { return Sql("SELECT COUNT(*) FROM " + table); }
};

TEST_F(UnitDependentsTest, WholeTreesGoWithTheirParents) {
  for (const char* rule : {"RESTRICT", "CASCADE", "SET NULL"}) {
    Sql("DROP TABLE IF EXISTS extra, events, actions, instances");
    source.table.dependents = {};
    Nova(rule);
    Sql("INSERT INTO instances SELECT seq, CONCAT('u', seq), IF(seq <= 5, '2025-01-01', NULL), "
        "IF(seq <= 5, seq, 0) FROM seq_1_to_9;"
        "INSERT INTO actions SELECT seq, CONCAT('u', 1 + seq % 9), NULL, 0 FROM seq_1_to_18;"
        "INSERT INTO events SELECT seq, seq, NULL, 0 FROM seq_1_to_18;"
        "INSERT INTO extra SELECT seq, CONCAT('u', seq) FROM seq_1_to_9;");
    EXPECT_TRUE(Units("instances").empty());
    source.table.dependents.other = DependentsPolicy::kArchive;
    EXPECT_TRUE(Units("instances").empty()) << "actions have the column and are not named";
    source.table.dependents.other = DependentsPolicy::kBlock;
    Follow({"actions", "events", "extra"});
    EXPECT_THAT(
        Units("instances", {7, 1 << 20}),
        ElementsAre("events:9/0 events:18/0 actions:9/0 actions:18/0 extra:1/0 instances:1/0",
                    "events:1/0 events:10/0 actions:1/0 actions:10/0 extra:2/0 instances:2/0",
                    "events:2/0 events:11/0 actions:2/0 actions:11/0 extra:3/0 instances:3/0",
                    "events:3/0 events:12/0 actions:3/0 actions:12/0 extra:4/0 instances:4/0",
                    "events:4/0 events:13/0 actions:4/0 actions:13/0 extra:5/0 instances:5/0"));
    EXPECT_EQ(Run(Plan()), 30U);
    EXPECT_EQ(Count("instances") + Count("actions") + Count("events") + Count("extra"), "4884");
  }
}

TEST_F(UnitDependentsTest, AdviceNamesTheWholeTreeAndFreesIt) {
  Nova();
  Sql("INSERT INTO instances VALUES (1,'a','2025-01-01',1); INSERT INTO actions VALUES "
      "(1,'a',NULL,0); INSERT INTO events VALUES (1,1,NULL,0)");
  Follow({"extra"});
  SourcePlan plan = Plan();
  auto counts = CountBlocked(connection(), plan, Find(plan, "instances"), SystemClock(), stop);
  ASSERT_EQ(counts.size(), 1U);
  EXPECT_EQ(counts[0].advice, "dependents: {actions: archive, events: archive, extra: archive}");
  Follow({"actions"});
  plan = Plan();
  EXPECT_TRUE(Read(plan, "instances").empty());
  counts = CountBlocked(connection(), plan, Find(plan, "instances"), SystemClock(), stop);
  ASSERT_EQ(counts.size(), 1U);
  EXPECT_EQ(counts[0].constraint, "ea");
  EXPECT_EQ(counts[0].advice, "dependents: {events: archive, extra: archive, actions: archive}");
  Follow({"events"});
  EXPECT_EQ(Run(Plan()), 3U);
}

TEST_F(UnitDependentsTest, AnExcludedDependentBlocksTheTree) {
  Nova();
  Sql("INSERT INTO instances VALUES (1,'a','2025-01-01',1),(2,'b','2025-01-01',2);"
      "INSERT INTO actions VALUES (1,'a',NULL,0),(2,'b',NULL,0); INSERT INTO events VALUES "
      "(1,1,NULL,0)");
  Follow({"actions", "events", "extra"});
  source.exclude_tables = {Pattern("events")};
  const SourcePlan plan = Plan();
  EXPECT_THAT(Units("instances"), ElementsAre("actions:2/0 instances:2/0"));
  const auto counts =
      CountBlocked(connection(), plan, Find(plan, "instances"), SystemClock(), stop);
  ASSERT_EQ(counts.size(), 1U);
  EXPECT_EQ(counts[0].why, "excluded table");
  EXPECT_EQ(counts[0].rows, 1U);
  EXPECT_EQ(connection().QueryValue(counts[0].select_sql), "1");
}

TEST_F(UnitDependentsTest, TablesWithoutTheColumnFollowByPolicyAndDeep) {
  Sql("CREATE TABLE stack (id INT PRIMARY KEY, deleted_at DATETIME);"
      "CREATE TABLE resource (id INT PRIMARY KEY, stack INT, needed_by INT, FOREIGN KEY (stack) "
      "REFERENCES stack (id),"
      " FOREIGN KEY (needed_by) REFERENCES resource (id));"
      "CREATE TABLE data (id INT PRIMARY KEY, resource INT, FOREIGN KEY (resource) REFERENCES "
      "resource (id));"
      "CREATE TABLE other (id INT PRIMARY KEY, data INT, deleted_at DATETIME, FOREIGN KEY (data) "
      "REFERENCES data (id));"
      "INSERT INTO stack VALUES (1,'2025-01-01'),(2,'2025-01-01'),(3,NULL);"
      // 12 hangs on 11 alone; 21 is in a tree whose data is held by a live row; 31 is live.
      "INSERT INTO resource VALUES "
      "(10,1,NULL),(11,1,10),(12,NULL,11),(20,2,NULL),(21,2,20),(31,3,NULL);"
      "INSERT INTO data VALUES (100,12),(200,21),(300,31);"
      "INSERT INTO other VALUES (1,200,NULL),(2,100,'2025-01-01');");
  source.table.dependents.other = DependentsPolicy::kArchive;
  const SourcePlan plan = Plan();
  EXPECT_EQ(Order(plan), "other stack");
  ASSERT_EQ(plan.dependents.size(), 2U);
  EXPECT_TRUE(UnitReader(connection(), plan, Find(plan, "stack"), ReadPurpose::kDelete, "",
                         SystemClock(), stop)
                  .needs_previous_unit_settled());
  EXPECT_EQ(Run(plan), 6U);
  EXPECT_EQ(Sql("SELECT GROUP_CONCAT(id ORDER BY id) FROM resource"), "20,21,31");
  EXPECT_EQ(Sql("SELECT GROUP_CONCAT(id ORDER BY id) FROM data"), "200,300");
  EXPECT_EQ(Sql("SELECT GROUP_CONCAT(id ORDER BY id) FROM stack"), "2,3");
}

TEST_F(UnitDependentsTest, ASharedRowComesOnceAndOnlyWithSomethingThatGoes) {
  Sql("CREATE TABLE p (id INT PRIMARY KEY, deleted_at DATETIME);"
      "CREATE TABLE link (id INT PRIMARY KEY, a INT, b INT, CONSTRAINT la FOREIGN KEY (a) "
      "REFERENCES p (id),"
      " CONSTRAINT lb FOREIGN KEY (b) REFERENCES p (id));"
      "CREATE TABLE sub (id INT PRIMARY KEY, link INT, FOREIGN KEY (link) REFERENCES link (id));"
      "INSERT INTO p VALUES (1,'2025-01-01'),(2,'2025-01-01'),(3,'2025-01-01'),(4,NULL);"
      "INSERT INTO link VALUES (1,1,2),(2,2,3),(3,4,4),(4,3,3); INSERT INTO sub VALUES "
      "(1,1),(2,2),(3,3);");
  source.table.dependents.other = DependentsPolicy::kArchive;
  EXPECT_THAT(Units("p"),
              ElementsAre("sub:1/0 sub:2/0 link:1/0 link:2/0 link:4/0 p:1/0 p:2/0 p:3/0"));
  EXPECT_EQ(Run(Plan(), {1, 1 << 20}), 8U);
}

// A reference by a collation: 'A1' refers to 'a1'.
TEST_F(UnitDependentsTest, ReferencesThatDifferInLetterCase) {
  Sql("CREATE TABLE p (id VARCHAR(9) COLLATE utf8mb4_general_ci PRIMARY KEY, deleted_at DATETIME);"
      "CREATE TABLE d (id INT PRIMARY KEY, p VARCHAR(9) COLLATE utf8mb4_general_ci, FOREIGN KEY "
      "(p) REFERENCES p (id));"
      "INSERT INTO p VALUES ('a1','2025-01-01'),('a2','2025-01-01'); INSERT INTO d VALUES "
      "(1,'A1'),(2,'A2'),(3,'a2')");
  source.table.dependents.other = DependentsPolicy::kArchive;
  EXPECT_THAT(Units("p", {3, 1 << 20}), ElementsAre("d:1/0 p:a1/0", "d:2/0 d:3/0 p:a2/0"));
  EXPECT_EQ(Run(Plan()), 5U);
}

TEST_F(UnitDependentsTest, LargeTreesMakeSmallUnits) {
  Sql("CREATE TABLE p (id INT PRIMARY KEY, deleted_at DATETIME);"
      "CREATE TABLE d (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id));"
      "INSERT INTO p SELECT seq, '2025-01-01' FROM seq_1_to_50;"
      "INSERT INTO d SELECT seq, IF(seq < 3000, 25, 1 + seq % 50) FROM seq_1_to_8000;");
  source.table.dependents.other = DependentsPolicy::kArchive;
  const SourcePlan plan = Plan();
  UnitReader reader(connection(), plan, Find(plan, "p"), ReadPurpose::kDelete, "", SystemClock(),
                    stop);
  std::uint64_t rows = 0;
  for (Unit unit; reader.Next({500, 1 << 20}, &unit);) {
    std::uint64_t here = 0;
    for (const UnitPart& part : unit.parts) here += part.rows.row_count();
    if (unit.parts.back().rows.row_count() > 1) {
      EXPECT_LE(here, 500U);
    }
    rows += here;
  }
  EXPECT_EQ(rows, 8050U);
}

// The root refers to itself and has dependents.
TEST_F(UnitDependentsTest, LevelsAndDependentsTogether) {
  Sql("CREATE TABLE p (id INT PRIMARY KEY, up INT, deleted_at DATETIME, FOREIGN KEY (up) "
      "REFERENCES p (id));"
      "CREATE TABLE d (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id));"
      "INSERT INTO p SELECT seq, IF(seq = 1, NULL, seq - 1), '2025-01-01' FROM seq_1_to_100;"
      "INSERT INTO d SELECT seq, 1 + seq % 100 FROM seq_1_to_300;");
  source.table.dependents.other = DependentsPolicy::kArchive;
  for (const std::uint64_t rows : {30}) {
    EXPECT_EQ(Run(Plan(), {rows, 1 << 20}), 400U);
  }
}

TEST_F(UnitDependentsTest, AnOverrideThatKeepsTheChildBlocks) {
  Nova();
  Sql("INSERT INTO instances VALUES (1,'a','2025-01-01',1); INSERT INTO actions VALUES "
      "(1,'a',NULL,0);");
  Follow({"actions", "events", "extra"});
  TableSettings keep = source.table;
  keep.delete_rows = false;
  source.overrides.push_back({Pattern("test_db.actions"), keep});
  const SourcePlan plan = Plan();
  EXPECT_TRUE(Read(plan, "instances").empty());
  const auto counts =
      CountBlocked(connection(), plan, Find(plan, "instances"), SystemClock(), stop);
  ASSERT_EQ(counts.size(), 1U);
  EXPECT_THAT(counts[0].advice, HasSubstr("delete: true"));
}

}  // namespace
}  // namespace osarchiver
