#include "source/table_order.h"

#include <gtest/gtest.h>

#include <random>

#include "source/dependents.h"
#include "source/selection.h"

namespace osarchiver {
namespace {

TableDefinition Definition(const std::string& table) {
  TableDefinition definition;
  definition.database = "db";
  definition.table = table;
  Column id;
  id.name = "id";
  id.type = "int(11)";
  id.data_type = "int";
  id.value_class = ValueClass::kNumber;
  Column deleted_at = id;
  deleted_at.name = "deleted_at";
  deleted_at.type = deleted_at.data_type = "datetime";
  deleted_at.value_class = ValueClass::kText;
  deleted_at.nullable = true;
  definition.columns = {id, deleted_at};
  definition.key = {0};
  definition.key_name = "PRIMARY";
  return definition;
}

void Add(SourcePlan* plan, const std::string& table, bool has_column = true) {
  auto planned = std::make_unique<TablePlan>();
  planned->name = {"db", table};
  planned->loaded.definition = Definition(table);
  planned->has_deleted_column = has_column;
  planned->settings.delete_rows = true;
  planned->cutoff = "2025-11-23 02:00:00";
  (has_column ? plan->tables : plan->dependents).push_back(std::move(planned));
}

void Refer(SourcePlan* plan, const std::string& child, const std::string& parent,
           DeleteRule rule = DeleteRule::kRestrict) {
  ForeignKey key;
  key.name = child + "_" + parent;
  key.database = key.referenced_database = "db";
  key.table = child;
  key.columns = {parent + "_id"};
  key.referenced_table = parent;
  key.referenced_columns = {"id"};
  key.on_delete = rule;
  plan->foreign_keys.push_back(key);
  for (auto* list : {&plan->tables, &plan->dependents}) {
    for (auto& table : *list) {
      if (table->name.table == parent) table->referrers.push_back(key);
    }
  }
}

std::string Order(const SourcePlan& plan) {
  std::string text;
  for (const auto& table : plan.tables) text += (text.empty() ? "" : " ") + table->name.table;
  return text;
}

TEST(TableOrderTest, ChildrenFirstAndTiesByName) {
  SourcePlan plan;
  for (const char* name : {"b", "a", "z", "c"}) Add(&plan, name);
  Refer(&plan, "z", "a");
  Refer(&plan, "a", "b");
  OrderTables(&plan);
  EXPECT_EQ(Order(plan), "c z a b");
  EXPECT_EQ(plan.tables[0]->order_reason, "independent");
  EXPECT_EQ(plan.tables[1]->order_reason, "before `a`, which it refers to");
  EXPECT_EQ(plan.tables[2]->after, std::vector<std::uint32_t>{plan.tables[1]->component});
}

TEST(TableOrderTest, CyclesAreOneComponent) {
  SourcePlan plan;
  for (const char* name : {"a", "b", "c", "d", "e"}) Add(&plan, name);
  Refer(&plan, "a", "b");
  Refer(&plan, "b", "c");
  Refer(&plan, "c", "a");
  Refer(&plan, "d", "c");
  Refer(&plan, "a", "e");
  Refer(&plan, "e", "e");
  OrderTables(&plan);
  EXPECT_EQ(Order(plan), "d a b c e");
  EXPECT_TRUE(plan.tables[1]->in_cycle);
  EXPECT_EQ(plan.tables[1]->component, plan.tables[3]->component);
  EXPECT_FALSE(plan.tables[4]->in_cycle);
  EXPECT_TRUE(plan.tables[4]->refers_to_itself);
  EXPECT_EQ(plan.tables[4]->order_reason,
            "after `a`, which refers to it; refers to itself: leaf rows first");
}

// Between two tables stands one that goes with its parent only: the order must hold all the same.
TEST(TableOrderTest, OrderHoldsAcrossDependents) {
  SourcePlan plan;
  Add(&plan, "a_parent");
  Add(&plan, "z_grandchild");
  Add(&plan, "middle", false);
  Refer(&plan, "z_grandchild", "middle");
  Refer(&plan, "middle", "a_parent");
  OrderTables(&plan);
  EXPECT_EQ(Order(plan), "z_grandchild a_parent");
  EXPECT_FALSE(Independent(plan, *plan.tables[0], *plan.tables[1]));
}

// What goes with `z` holds rows of `middle`, which go with `a`; `a` itself would not take it along.
TEST(TableOrderTest, TreesHeldByAnothersDependentsComeAfterThem) {
  SourcePlan plan;
  Add(&plan, "a");
  Add(&plan, "note");
  Add(&plan, "z");
  Add(&plan, "middle", false);
  Refer(&plan, "middle", "a");
  Refer(&plan, "note", "middle");
  Refer(&plan, "note", "z");
  plan.tables[0]->settings.dependents.other = DependentsPolicy::kArchive;
  plan.tables[2]->settings.dependents.rules = {{Pattern("note"), DependentsPolicy::kArchive}};
  OrderTables(&plan);
  EXPECT_EQ(Order(plan), "note z a");
  EXPECT_FALSE(Independent(plan, *plan.tables[1], *plan.tables[2]));

  // Under one setting `a` takes as much along.
  for (const auto& table : plan.tables) {
    table->settings.dependents.rules = {{Pattern("note"), DependentsPolicy::kArchive}};
    table->settings.dependents.other = DependentsPolicy::kArchive;
  }
  OrderTables(&plan);
  EXPECT_EQ(Order(plan), "note a z");
}

// Every table stands behind all that refer to it, unless they are in one cycle with it.
TEST(TableOrderTest, RandomGraphs) {
  const unsigned seed = std::random_device{}();
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    SourcePlan plan;
    const std::size_t count = 1 + random() % 12;
    for (std::size_t i = 0; i < count; ++i) Add(&plan, std::string(1, static_cast<char>('a' + i)));
    std::vector<std::vector<bool>> reaches(count, std::vector<bool>(count));
    std::vector<std::pair<std::size_t, std::size_t>> edges;
    for (std::size_t i = random() % (2 * count); i > 0; --i) {
      const std::size_t child = random() % count, parent = random() % count;
      Refer(&plan, std::string(1, static_cast<char>('a' + child)),
            std::string(1, static_cast<char>('a' + parent)));
      reaches[child][parent] = true;
      edges.emplace_back(child, parent);
    }
    for (std::size_t k = 0; k < count; ++k) {
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t j = 0; j < count; ++j) {
          if (reaches[i][k] && reaches[k][j]) reaches[i][j] = true;
        }
      }
    }
    OrderTables(&plan);
    ASSERT_EQ(plan.tables.size(), count);
    std::vector<std::size_t> place(count), component(count);
    for (std::size_t i = 0; i < count; ++i) {
      const auto table = static_cast<std::size_t>(plan.tables[i]->name.table[0] - 'a');
      place[table] = i;
      component[table] = plan.tables[i]->component;
    }
    for (const auto& [child, parent] : edges) {
      const bool cycle = reaches[parent][child];
      EXPECT_EQ(component[child] == component[parent], cycle || child == parent)
          << "seed " << seed << " round " << round;
      if (!cycle) {
        EXPECT_LT(place[child], place[parent]) << "seed " << seed;
      }
    }
  }
}

TEST(DependentsTest, NamedTablesAndThoseWithoutTheColumn) {
  Dependents dependents;
  const TableName name{"db", "actions"};
  EXPECT_FALSE(DependentsInclude(dependents, name, false));
  dependents.other = DependentsPolicy::kArchive;
  EXPECT_TRUE(DependentsInclude(dependents, name, false));
  EXPECT_FALSE(DependentsInclude(dependents, name, true));
  dependents.other = DependentsPolicy::kBlock;
  dependents.rules = {{Pattern("db.actions"), DependentsPolicy::kArchive}};
  EXPECT_TRUE(DependentsInclude(dependents, name, true));
  dependents.rules.insert(dependents.rules.begin(), {Pattern("act*"), DependentsPolicy::kBlock});
  EXPECT_FALSE(DependentsInclude(dependents, name, true));
}

TEST(BlockersTest, WhatGoesAlongDoesNotBlockAndWhatRefersToItDoes) {
  SourcePlan plan;
  Add(&plan, "p");
  Add(&plan, "live");
  Add(&plan, "extra", false);
  Refer(&plan, "live", "p");
  Refer(&plan, "extra", "p");
  Refer(&plan, "live", "extra");
  plan.left_out.push_back(
      {{"db", "shadow"}, LeftOutTable::Reason::kExcluded, "exclude_tables has 'shadow'"});
  Refer(&plan, "shadow", "p");
  TablePlan& p = *plan.tables[0];
  auto blockers = BlockersOf(plan, p);
  ASSERT_EQ(blockers.size(), 3U);
  EXPECT_EQ(blockers[0].why, "live child");
  EXPECT_EQ(blockers[1].why, "child without soft-delete column");
  // The whole tree below, or the next night would name the next table.
  EXPECT_EQ(blockers[1].advice, "dependents: {extra: archive, live: archive}");
  EXPECT_EQ(blockers[2].why, "excluded table");

  p.settings.dependents.rules = {{Pattern("extra"), DependentsPolicy::kArchive}};
  blockers = BlockersOf(plan, p);
  ASSERT_EQ(blockers.size(), 3U);
  EXPECT_EQ(blockers[1].key.name, "live_extra");
  ASSERT_EQ(blockers[1].through.size(), 1U);
  EXPECT_EQ(blockers[1].through[0].name, "extra_p");
  EXPECT_EQ(blockers[1].advice, "dependents: {live: archive, extra: archive}");
  EXPECT_EQ(BlockedCondition(plan, p, blockers[1], "`osa`"),
            "EXISTS (SELECT 1 FROM `db`.`extra` AS `osa_c` WHERE `osa_c`.`p_id` = `osa`.`id` AND "
            "(EXISTS (SELECT 1 FROM "
            "`db`.`live` AS `osa_c_c` WHERE `osa_c_c`.`extra_id` = `osa_c`.`id`)))");
}

TEST(SelectionTest, Conditions) {
  SourcePlan plan;
  Add(&plan, "t");
  TablePlan& table = *plan.tables[0];
  table.now = "2026-11-23 02:00:00";
  table.settings.where = "{deleted_column} <= {cutoff} AND x < {now}";
  EXPECT_EQ(OldEnoughCondition(table, "`osa`"),
            "((`osa`.`deleted_at` <= '2025-11-23 02:00:00' AND x < '2026-11-23 02:00:00') AND "
            "`osa`.`deleted_at` IS NOT NULL AND `osa`.`deleted_at` >= '1970-01-02')");
  EXPECT_EQ(WhereText(table.settings, table.cutoff, table.now, ""),
            "`deleted_at` <= '2025-11-23 02:00:00' AND x < '2026-11-23 02:00:00'");
  EXPECT_EQ(FlagCondition(table, "`osa`"), "1");
  table.has_flag_column = true;
  Column flag = table.loaded.definition.columns[0];
  flag.name = "Deleted";
  table.loaded.definition.columns.push_back(flag);
  EXPECT_EQ(FlagCondition(table, "`osa`"),
            "(`osa`.`deleted` IS NOT NULL AND `osa`.`deleted` <> 0)");
  table.loaded.definition.columns.back().data_type = "varchar";
  EXPECT_EQ(FlagCondition(table, "`osa`"),
            "(`osa`.`deleted` IS NOT NULL AND LOWER(`osa`.`deleted`) NOT IN ('', '0', 'false', "
            "'False', 'FALSE'))");
}

TEST(SelectionTest, ARowOfItsOwnIsItsChildUnderRestrictOnly) {
  SourcePlan plan;
  Add(&plan, "t");
  Refer(&plan, "t", "t");
  TablePlan& table = *plan.tables[0];
  ForeignKey key = table.referrers[0];
  EXPECT_EQ(HasChildCondition(table, key, "`osa`"),
            "EXISTS (SELECT 1 FROM `db`.`t` AS `osa_c` WHERE `osa_c`.`t_id` = `osa`.`id`)");
  key.on_delete = DeleteRule::kCascade;
  EXPECT_EQ(HasChildCondition(table, key, "`osa`"),
            "EXISTS (SELECT 1 FROM `db`.`t` AS `osa_c` WHERE `osa_c`.`t_id` = `osa`.`id` AND NOT "
            "(`osa_c`.`id` = `osa`.`id`))");
}

}  // namespace
}  // namespace osarchiver
