#include "source/delete_statement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "delete_fixture.h"
#include "source/child_check.h"
#include "source/key_runs.h"
#include "source/row_index.h"
#include "util/error.h"

namespace osarchiver {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class DeleteStatementTest : public testing::Test {
 protected:
  void TwoColumnKey() { table->loaded.definition.key = {1, 0}; }
  DeletableRows Rows() {
    return TestRows(*table, {{"1", "it's"}, {"2", "7"}, {"3", std::nullopt}});
  }
  std::unique_ptr<TablePlan> table =
      TestTable("t`x", {TestColumn("id"), TestColumn("name", "varchar")});
};

TEST_F(DeleteStatementTest, DeletesByKeyList) {
  const DeletableRows rows = Rows();
  KeyedRows list{0, 0, {0, 1}, "1,2"};
  EXPECT_EQ(DeleteStatement(rows, KeyCondition(rows, list, KeysAs::kRuns), 2),
            "DELETE FROM `db`.`t``x` WHERE `id` IN (1,2) LIMIT 2 RETURNING `id`, `name`");
  EXPECT_EQ(SelectByKeys(rows, "1,2"), "SELECT `id`, `name` FROM `db`.`t``x` WHERE `id` IN (1,2)");
}

TEST_F(DeleteStatementTest, CompositeKeysAreTuplesOfTypedLiterals) {
  TwoColumnKey();
  const DeletableRows rows = Rows();
  EXPECT_EQ(ColumnTuple(rows.definition(), rows.definition().key, "p"), "(p.`name`,p.`id`)");
  EXPECT_EQ(ValueList(rows, {0, 1}, rows.definition().key), "('it\\'s',1),('7',2)");
  EXPECT_EQ(ReadKey(rows.definition(), "p"), "p.`name`,p.`id`");
}

TEST_F(DeleteStatementTest, RowsWithNullAreReferredToByNobody) {
  EXPECT_EQ(ValueList(Rows(), {0, 2, 1}, {1}), "'it\\'s','7'");
  EXPECT_EQ(ValueList(Rows(), {2}, {1}), "");
}

TEST_F(DeleteStatementTest, ANullInTheKeyIsRefused) {
  TwoColumnKey();
  std::vector<KeyedRows> lists;
  EXPECT_THROW(AppendKeyedRows(Rows(), 0, 0, {2}, 1000, &lists), IntegrityError);
}

TEST_F(DeleteStatementTest, ListsAreCutByBytes) {
  const DeletableRows rows = TestRows(*table, {{"1000", "a"}, {"1001", "a"}, {"1002", "a"}});
  std::vector<KeyedRows> lists;
  AppendKeyedRows(rows, 3, 7, {0, 1, 2}, 10, &lists);
  ASSERT_THAT(lists, SizeIs(2));
  EXPECT_EQ(lists[0].keys, "1000,1001");
  EXPECT_THAT(lists[0].rows, ElementsAre(0, 1));
  EXPECT_EQ(lists[1].keys, "1002");
  EXPECT_EQ(lists[1].part, 3u);
  EXPECT_EQ(lists[1].level, 7u);
  lists.clear();
  AppendKeyedRows(rows, 0, 0, {0, 1, 2}, 1,
                  &lists);  // a key that is longer than allowed goes alone
  EXPECT_THAT(lists, SizeIs(3));
}

TEST_F(DeleteStatementTest, ListsAreCutByWhatTheOptimizerTakes) {
  std::vector<Cells> cells;
  std::vector<std::uint32_t> numbers;
  for (std::uint32_t i = 0; i < 12000; ++i) {
    cells.push_back({std::to_string(i), "x"});
    numbers.push_back(i);
  }
  const DeletableRows rows = TestRows(*table, cells);
  std::vector<KeyedRows> lists;
  AppendKeyedRows(rows, 0, 0, numbers, 1 << 20, &lists);
  EXPECT_THAT(lists, SizeIs(3));
  EXPECT_THAT(lists[0].rows, SizeIs(5000));
}

TEST_F(DeleteStatementTest, LongRunsOfIntegersEndInASingleKey) {
  std::vector<Cells> cells = {{"-5", "x"}};
  for (int i = 100; i < 300; ++i) cells.push_back({std::to_string(i), "x"});
  for (int i = 400; i < 410; ++i) cells.push_back({std::to_string(i), "x"});
  cells.push_back({"18446744073709551615", "x"});
  std::vector<std::uint32_t> numbers(cells.size());
  std::iota(numbers.begin(), numbers.end(), 0);
  const DeletableRows rows = TestRows(*table, cells);
  std::vector<KeyedRows> lists;
  AppendKeyedRows(rows, 0, 0, numbers, 1 << 20, &lists);
  ASSERT_THAT(lists, SizeIs(1));
  EXPECT_EQ(KeyCondition(rows, lists[0], KeysAs::kRuns),
            "(`id` IN (-5,299,400,401,402,403,404,405,406,407,408,409,18446744073709551615) OR "
            "`id` BETWEEN 100 AND 298)");
  EXPECT_EQ(KeyCondition(rows, lists[0], KeysAs::kList), "`id` IN (" + lists[0].keys + ")");
  table->loaded.definition.columns[0].data_type = "decimal";  // 1.5 may lie between 1 and 2
  const DeletableRows decimals = TestRows(*table, cells);
  EXPECT_EQ(KeyCondition(decimals, lists[0], KeysAs::kRuns), "`id` IN (" + lists[0].keys + ")");
}

TEST(KeyRunsTest, OnlyNumbersWithoutAGapFormRuns) {
  EXPECT_THAT(FindRuns({}, 2), SizeIs(0));
  EXPECT_THAT(FindRuns({"1", "2", "3"}, 3), ElementsAre(KeyRun{0, 3}));
  EXPECT_THAT(FindRuns({"1", "2", "3"}, 4), SizeIs(0));
  EXPECT_THAT(FindRuns({"-1", "0", "1", "3", "4", "4", "5", "3"}, 2),
              ElementsAre(KeyRun{0, 3}, KeyRun{3, 5}, KeyRun{5, 7}));
  EXPECT_THAT(FindRuns({"0007", "0008"}, 2), ElementsAre(KeyRun{0, 2}));
  EXPECT_THAT(FindRuns({"1", "x", "2", "3", "4.0", "5", "", "6", "7"}, 2),
              ElementsAre(KeyRun{2, 4}, KeyRun{7, 9}));
  EXPECT_THAT(FindRuns({"9223372036854775806", "9223372036854775807", "9223372036854775808"}, 2),
              ElementsAre(KeyRun{0, 2}));
  EXPECT_THAT(FindRuns({"9223372036854775807", "-9223372036854775808"}, 2), SizeIs(0));
}

TEST_F(DeleteStatementTest, LocksGoThroughEveryIndexThatLeadsWithTheReferencedColumns) {
  TableDefinition current = table->definition();
  const auto index = [&current](const std::string& name, std::vector<std::string> columns) {
    Index& added = current.indexes.emplace_back();
    added.name = name;
    added.type = "BTREE";
    for (std::string& column : columns) added.parts.push_back({std::move(column), 0, false});
    return &added;
  };
  index("PRIMARY", {"id"});
  index("name", {"name"});
  index("both", {"name", "id"});
  index("other", {"id", "name"});
  index("short", {"name"})->parts[0].prefix_length = 3;
  index("words", {"name"})->type = "FULLTEXT";
  ForeignKey key;
  key.referenced_columns = {"name"};
  key.columns = {"ref"};
  EXPECT_THAT(LockStatements(Rows(), current, key, {0, 1, 2}),
              ElementsAre("SELECT COUNT(*) FROM `db`.`t``x` FORCE INDEX (`name`) WHERE `name` IN "
                          "('it\\'s','7') FOR UPDATE",
                          "SELECT COUNT(*) FROM `db`.`t``x` FORCE INDEX (`both`) WHERE `name` IN "
                          "('it\\'s','7') FOR UPDATE"));
  EXPECT_THAT(LockStatements(Rows(), current, key, {2}), SizeIs(0));
  key.referenced_columns = {"generated"};
  EXPECT_THROW((void)LockStatements(Rows(), current, key, {0}), Error);
}

TEST_F(DeleteStatementTest, ARowIsNotItsOwnChild) {
  ForeignKey other, self;
  other.database = self.database = "db";
  other.table = "c";
  self.table = "t`x";
  other.columns = {"a", "b"};
  other.referenced_columns = {"id", "name"};
  self.columns = {"up"};
  self.referenced_columns = {"id"};
  for (ForeignKey* key : {&other, &self}) {
    key->referenced_database = "db";
    key->referenced_table = "t`x";
  }
  EXPECT_EQ(ReferredRowsStatement(Rows(), {other, self}, "1,2"),
            "SELECT p.`id` FROM `db`.`t``x` p WHERE p.`id` IN (1,2) AND ("
            "(SELECT 1 FROM `db`.`c` c WHERE c.`a` = p.`id` AND c.`b` = p.`name` LIMIT 1) = 1 OR "
            "(SELECT 1 FROM `db`.`t``x` c WHERE c.`up` = p.`id` AND NOT (c.`id` = p.`id`) LIMIT 1) "
            "= 1)");
}

TEST_F(DeleteStatementTest, RowsAreFoundByTheirWholeHash) {
  std::vector<Cells> cells;
  for (int i = 0; i < 1000; ++i) cells.push_back({std::to_string(i), "x"});
  const DeletableRows rows = TestRows(*table, cells);
  const RowIndex index(rows);
  for (std::uint32_t i = 0; i < rows.size(); ++i) EXPECT_EQ(index.Find(rows.hash(i)), i);
  Hash other = rows.hash(7);
  other[31] ^= 1;
  EXPECT_EQ(index.Find(other), std::nullopt);
  EXPECT_EQ(RowIndex(TestRows(*table, {})).Find(other), std::nullopt);
}

}  // namespace
}  // namespace osarchiver
