#include "source/key_walk.h"

#include <gtest/gtest.h>

namespace osarchiver {
namespace {

Column MakeColumn(const std::string& name, const std::string& type, ValueClass value_class) {
  Column column;
  column.name = name;
  column.type = type;
  column.data_type = type.substr(0, type.find('('));
  column.value_class = value_class;
  return column;
}

TableDefinition Definition(std::vector<Column> key, std::vector<bool> descending = {}) {
  TableDefinition definition;
  definition.database = "db";
  definition.table = "t`x";
  definition.columns = std::move(key);
  definition.key_name = "PRIMARY";
  Index index{"PRIMARY", true, "BTREE", {}};
  for (std::size_t i = 0; i < definition.columns.size(); ++i) {
    definition.key.push_back(i);
    index.parts.push_back({definition.columns[i].name, 0, i < descending.size() && descending[i]});
  }
  definition.indexes.push_back(index);
  return definition;
}

TEST(KeyOrderTest, CompositeKeysAreExpanded) {
  const TableDefinition definition = Definition({MakeColumn("a", "int(11)", ValueClass::kNumber),
                                                 MakeColumn("b", "varchar(9)", ValueClass::kText)});
  const KeyOrder order(definition);
  EXPECT_EQ(order.from(), "`db`.`t``x` AS `osa` FORCE INDEX (`PRIMARY`)");
  EXPECT_EQ(order.OrderBy(), "`osa`.`a`, `osa`.`b`");
  EXPECT_EQ(order.After({{"7", "x'"}}),
            "(`osa`.`a` > 7 OR (`osa`.`a` = 7 AND `osa`.`b` > 'x\\''))");
  EXPECT_EQ(order.UpTo({{"7", "x"}}),
            "(`osa`.`a` < 7 OR (`osa`.`a` = 7 AND `osa`.`b` < 'x') OR (`osa`.`a` = 7 AND `osa`.`b` "
            "= 'x'))");
  EXPECT_EQ(order.After({{"7"}}), "`osa`.`a` > 7");
  EXPECT_EQ(order.UpTo({{"7"}}), "(`osa`.`a` < 7 OR (`osa`.`a` = 7))");
  EXPECT_EQ(order.Between(std::nullopt, std::nullopt), "TRUE");
  EXPECT_TRUE(order.leads_with_integer());
}

TEST(KeyOrderTest, DescendingParts) {
  const TableDefinition definition = Definition({MakeColumn("a", "int(11)", ValueClass::kNumber),
                                                 MakeColumn("b", "int(11)", ValueClass::kNumber)},
                                                {false, true});
  const KeyOrder order(definition);
  EXPECT_EQ(order.OrderBy(), "`osa`.`a`, `osa`.`b` DESC");
  EXPECT_EQ(order.After({{"1", "2"}}), "(`osa`.`a` > 1 OR (`osa`.`a` = 1 AND `osa`.`b` < 2))");
}

TEST(KeyOrderTest, EnumsGoByNumber) {
  const TableDefinition definition =
      Definition({MakeColumn("e", "enum('a,b','it''s','\\\\','')", ValueClass::kText)});
  const KeyOrder order(definition);
  EXPECT_EQ(order.expressions(), "CAST(`osa`.`e` AS UNSIGNED)");
  EXPECT_EQ(order.After({{"2"}}), "`osa`.`e` IN (3, 4)");
  EXPECT_EQ(order.After({{"4"}}), "FALSE");
  EXPECT_EQ(order.After({{"0"}}), "`osa`.`e` IN (1, 2, 3, 4)");
  EXPECT_EQ(order.UpTo({{"1"}}), "(`osa`.`e` IN (0) OR (`osa`.`e` = 1))");
}

TEST(KeyOrderTest, PositionsSurviveAsTextAndOnlyUnderTheirKey) {
  const TableDefinition definition = Definition({MakeColumn("a", "varchar(9)", ValueClass::kText),
                                                 MakeColumn("b", "int(11)", ValueClass::kNumber)});
  const KeyOrder order(definition);
  const KeyCursor cursor{{std::string("\0:\xff", 3), "-5"}};
  EXPECT_EQ(order.FromText(order.ToText(cursor)), cursor);
  EXPECT_EQ(order.FromText(order.ToText({{""}})), (KeyCursor{{""}}));
  TableDefinition changed = definition;
  changed.columns[0].type = "varchar(10)";
  EXPECT_FALSE(KeyOrder(changed).FromText(order.ToText(cursor)));
  const std::string text = order.ToText(cursor);
  for (const std::string& bad :
       {std::string(), std::string("x"), text + ":00", text + "0", text.substr(0, 16)}) {
    EXPECT_FALSE(order.FromText(bad)) << bad;
  }
}

TEST(KeyOrderTest, AnotherIndexOrdersRowsWithTheKeyBehindIt) {
  TableDefinition definition = Definition({MakeColumn("id", "int(11)", ValueClass::kNumber)});
  Column deleted = MakeColumn("deleted_at", "datetime", ValueClass::kText);
  deleted.nullable = true;
  Column other = MakeColumn("other", "int(11)", ValueClass::kNumber);
  other.nullable = true;
  definition.columns.push_back(deleted);
  definition.columns.push_back(other);
  definition.indexes.push_back({"d", false, "BTREE", {{"deleted_at", 0, false}}});
  definition.indexes.push_back(
      {"d2", false, "BTREE", {{"deleted_at", 0, false}, {"other", 0, false}}});
  const auto order = KeyOrder::ByIndex(definition, "d", "w");
  ASSERT_TRUE(order);
  EXPECT_EQ(order->OrderBy(), "`osa`.`deleted_at`, `osa`.`id`");
  EXPECT_EQ(order->Between(std::nullopt, std::nullopt), "w");
  EXPECT_EQ(order->Between(KeyCursor{{"2025-01-01", "5"}}, std::nullopt),
            "w AND (`osa`.`deleted_at` > '2025-01-01' OR (`osa`.`deleted_at` = '2025-01-01' AND "
            "`osa`.`id` > 5))");
  EXPECT_FALSE(order->leads_with_integer());
  EXPECT_FALSE(KeyOrder::ByIndex(definition, "d2", "w")) << "a NULL has no place in a walk";
  EXPECT_FALSE(KeyOrder::ByIndex(definition, "none", "w"));
}

}  // namespace
}  // namespace osarchiver
