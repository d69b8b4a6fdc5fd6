#include <gtest/gtest.h>

#include "delete_fixture.h"
#include "source/definition_check.h"

namespace osarchiver {
namespace {

class DefinitionDifferenceTest : public testing::Test {
 protected:
  TableDefinition archived =
      TestTable("t", {TestColumn("id"), TestColumn("name", "varchar")})->definition();
  TableDefinition current = archived;
  std::string Difference() { return DescribeDifference(archived, current); }
};

TEST_F(DefinitionDifferenceTest, WhatRowsDoNotShowIsNone) {
  EXPECT_EQ(Difference(), "");
  current.indexes.emplace_back().name = "i";
  current.columns[1].default_sql = "'x'";
  current.foreign_keys.emplace_back();
  EXPECT_EQ(Difference(), "");
}

TEST_F(DefinitionDifferenceTest, ColumnsAreNamed) {
  current.columns.push_back(TestColumn("a`b"));
  EXPECT_EQ(Difference(), "column `a``b` (int NOT NULL) was added");
  current.columns.resize(1);
  EXPECT_EQ(Difference(), "column `name` is gone");
  current = archived;
  std::swap(current.columns[0], current.columns[1]);
  current.key = {1};
  EXPECT_EQ(Difference(), "column `name` has another place");
  current = archived;
  current.columns[1].nullable = true;
  EXPECT_EQ(Difference(),
            "column `name` was varchar(36) in utf8mb4 NOT NULL and is varchar(36) in utf8mb4 NULL");
  current = archived;
  current.key = {1};
  EXPECT_EQ(Difference(), "the key has other columns");
  current = archived;
  current.generated.emplace_back().name = "g";
  EXPECT_NE(Difference(), "");
}

TEST(WithoutCounterTest, OnlyTheOptionGoes) {
  EXPECT_EQ(WithoutCounter("CREATE TABLE `t` (\n  `a` int COMMENT '\n) x AUTO_INCREMENT=3'\n) "
                           "ENGINE=InnoDB AUTO_INCREMENT=42 DEFAULT CHARSET=utf8mb3"),
            "CREATE TABLE `t` (\n  `a` int COMMENT '\n) x AUTO_INCREMENT=3'\n) ENGINE=InnoDB "
            "DEFAULT CHARSET=utf8mb3");
  EXPECT_EQ(WithoutCounter("CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB"),
            "CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB");
  EXPECT_EQ(WithoutCounter(""), "");
}

}  // namespace
}  // namespace osarchiver
