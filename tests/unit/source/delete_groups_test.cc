#include "source/delete_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "delete_fixture.h"

namespace osarchiver {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::vector<std::vector<std::uint32_t>> Groups(const DeleteGroups& groups) {
  std::vector<std::vector<std::uint32_t>> result;
  for (std::size_t g = 0; g < groups.group_count(); ++g) {
    result.emplace_back(
        groups.order().begin() + static_cast<std::ptrdiff_t>(groups.group_begin(g)),
        groups.order().begin() + static_cast<std::ptrdiff_t>(groups.group_begin(g + 1)));
  }
  return result;
}

TEST(DeleteGroupsTest, NothingHasNoGroups) {
  EXPECT_EQ(DeleteGroups({}).group_count(), 0u);
  const auto table = TestTable("t", {TestColumn("id")});
  std::vector<DeletableRows> parts;
  parts.push_back(TestRows(*table, {}));
  EXPECT_EQ(DeleteGroups(parts).group_count(), 0u);
  parts.push_back(TestRows(*table, {}));
  EXPECT_EQ(DeleteGroups(parts).group_count(), 0u);
}

TEST(DeleteGroupsTest, RowsOfOneTableGoByThemselvesLowerLevelsFirst) {
  const auto table = TestTable("t", {TestColumn("id"), TestColumn("up")});
  AddReference(*table, "up", *table, "id");
  std::vector<DeletableRows> parts;
  parts.push_back(
      TestRows(*table, {{"1", std::nullopt}, {"2", "1"}, {"3", "2"}, {"4", "4"}}, {2, 1, 0, 0}));
  const DeleteGroups groups(parts);
  EXPECT_THAT(Groups(groups),
              ElementsAre(ElementsAre(2), ElementsAre(3), ElementsAre(1), ElementsAre(0)));
  // What stays keeps what it refers to, and nothing else.
  EXPECT_THAT(groups.StayingWith({1}), UnorderedElementsAre(1, 0));
  EXPECT_THAT(groups.StayingWith({0}), ElementsAre(0));
  EXPECT_THAT(groups.StayingWith({3}), ElementsAre(3));
  EXPECT_THAT(groups.StayingWith({}), IsEmpty());
}

class TreeGroupsTest : public testing::Test {
 protected:
  TreeGroupsTest() {
    AddReference(*child, "p", *parent, "uuid");
    AddReference(*grandchild, "c", *child, "id");
    parts.push_back(TestRows(*grandchild, {{"90", "10"}, {"91", "12"}, {"92", std::nullopt}}));
    parts.push_back(TestRows(*child, {{"10", "aa"}, {"11", "BB  "}, {"12", "bb"}}));
    parts.push_back(TestRows(*parent, {{"1", "AA"}, {"2", "bb"}, {"3", "cc"}}));
  }
  std::unique_ptr<TablePlan> parent =
      TestTable("p", {TestColumn("id"), TestColumn("uuid", "varchar")});
  std::unique_ptr<TablePlan> child = TestTable("c", {TestColumn("id"), TestColumn("p", "varchar")});
  std::unique_ptr<TablePlan> grandchild = TestTable("g", {TestColumn("id"), TestColumn("c")});
  std::vector<DeletableRows> parts;
};

TEST_F(TreeGroupsTest, ATreeIsOneGroupAndUnknownParentsComeFirst) {
  // Case and trailing spaces do not matter to the foreign key.
  EXPECT_THAT(Groups(DeleteGroups(parts)), ElementsAre(ElementsAre(2), ElementsAre(0, 3, 6),
                                                       ElementsAre(1, 4, 5, 7), ElementsAre(8)));
}

TEST_F(TreeGroupsTest, ATreeStaysWhole) {
  const DeleteGroups groups(parts);
  for (const std::uint32_t row : {1u, 4u, 5u, 7u}) {
    EXPECT_THAT(groups.StayingWith({row}), UnorderedElementsAre(1, 4, 5, 7)) << row;
  }
  EXPECT_THAT(groups.StayingWith({8}), ElementsAre(8));
}

TEST_F(TreeGroupsTest, RowsAreFoundAgain) {
  const DeleteGroups groups(parts);
  EXPECT_EQ(groups.Locate(0).part, 0u);
  EXPECT_EQ(groups.Locate(5).part, 1u);
  EXPECT_EQ(groups.Locate(5).row, 2u);
  EXPECT_EQ(groups.Locate(6).part, 2u);
}

TEST(DeleteGroupsTest, BinaryCollationsKeepLettersApart) {
  Column uuid = TestColumn("uuid", "varchar"), reference = TestColumn("p", "varchar");
  uuid.collation = reference.collation = "utf8mb4_bin";
  const auto parent = TestTable("p", {TestColumn("id"), uuid});
  const auto child = TestTable("c", {TestColumn("id"), reference});
  AddReference(*child, "p", *parent, "uuid");
  std::vector<DeletableRows> parts;
  parts.push_back(TestRows(*child, {{"10", "aa"}, {"11", "AA"}}));
  parts.push_back(TestRows(*parent, {{"1", "AA"}}));
  EXPECT_THAT(Groups(DeleteGroups(parts)), ElementsAre(ElementsAre(0), ElementsAre(1, 2)));
}

}  // namespace
}  // namespace osarchiver
