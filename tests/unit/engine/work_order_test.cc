#include "engine/work_order.h"

#include <gtest/gtest.h>

#include <mutex>
#include <random>
#include <thread>

#include "source/table_order.h"

namespace osarchiver {
namespace {

void Add(SourcePlan* plan, const std::string& table, bool has_column = true) {
  auto planned = std::make_unique<TablePlan>();
  planned->name = {"db", table};
  planned->has_deleted_column = has_column;
  (has_column ? plan->tables : plan->dependents).push_back(std::move(planned));
}

void Refer(SourcePlan* plan, const std::string& child, const std::string& parent) {
  ForeignKey key;
  key.name = child + "_" + parent;
  key.database = key.referenced_database = "db";
  key.table = child;
  key.columns = {"x"};
  key.referenced_table = parent;
  key.referenced_columns = {"id"};
  key.on_delete = DeleteRule::kRestrict;
  plan->foreign_keys.push_back(key);
  for (auto* list : {&plan->tables, &plan->dependents}) {
    for (auto& table : *list) {
      if (table->name.table == parent) table->referrers.push_back(key);
    }
  }
}

std::string Names(const std::optional<WorkOrder::Tables>& tables) {
  if (!tables) return "none";
  std::string text;
  for (const TablePlan* table : *tables) text += (text.empty() ? "" : " ") + table->name.table;
  return text;
}

TEST(WorkOrderTest, ParentsWaitForTheirChildren) {
  SourcePlan plan;
  for (const char* name : {"child", "lonely", "parent"}) Add(&plan, name);
  Refer(&plan, "child", "parent");
  OrderTables(&plan);
  WorkOrder order(plan);
  const auto child = order.Take();
  EXPECT_EQ(Names(child), "child");
  EXPECT_EQ(Names(order.Take()), "lonely");
  std::string third;
  std::thread worker([&] { third = Names(order.Take()); });
  order.Done(*child);
  worker.join();
  EXPECT_EQ(third, "parent");
  EXPECT_EQ(Names(order.Take()), "none");
}

TEST(WorkOrderTest, ACycleIsOnePieceOfWork) {
  SourcePlan plan;
  for (const char* name : {"a", "b", "c"}) Add(&plan, name);
  Refer(&plan, "a", "b");
  Refer(&plan, "b", "a");
  OrderTables(&plan);
  WorkOrder order(plan);
  EXPECT_EQ(order.size(), 2u);
  EXPECT_EQ(Names(order.Take()), "a b");
  EXPECT_EQ(Names(order.Take()), "c");
}

// Both passes would archive and delete rows of `extra`.
TEST(WorkOrderTest, TablesWithTheSameDependentsTakeTurns) {
  SourcePlan plan;
  for (const char* name : {"a", "b", "c"}) Add(&plan, name);
  Add(&plan, "extra", false);
  Refer(&plan, "extra", "a");
  Refer(&plan, "extra", "b");
  for (auto& table : plan.tables) table->settings.dependents.other = DependentsPolicy::kArchive;
  OrderTables(&plan);
  WorkOrder order(plan);
  // `extra` stands before its parents in the plan's order, and so does what is independent of it.
  EXPECT_EQ(Names(order.Take()), "c");
  const auto a = order.Take();
  EXPECT_EQ(Names(a), "a");
  std::string last;
  std::thread worker([&] { last = Names(order.Take()); });
  order.Done(*a);
  worker.join();
  EXPECT_EQ(last, "b");
}

// What four workers hold at any moment is independent of each other, everything that must come
// before it is done, and every table is worked once.
TEST(WorkOrderTest, RandomPlansWithFourWorkers) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 100; ++round) {
    SourcePlan plan;
    const std::size_t count = 1 + random() % 12;
    for (std::size_t i = 0; i < count; ++i) {
      Add(&plan, std::string(1, static_cast<char>('a' + i)), random() % 5 != 0);
    }
    for (std::size_t i = random() % (2 * count); i > 0; --i) {
      Refer(&plan, std::string(1, static_cast<char>('a' + random() % count)),
            std::string(1, static_cast<char>('a' + random() % count)));
    }
    for (auto& table : plan.tables) {
      if (random() % 2 == 0) table->settings.dependents.other = DependentsPolicy::kArchive;
    }
    OrderTables(&plan);
    WorkOrder order(plan);
    std::mutex mutex;
    std::vector<const TablePlan*> worked, done;
    const auto work = [&] {
      while (const auto tables = order.Take()) {
        {
          const std::lock_guard lock(mutex);
          for (const TablePlan* mine : *tables) {
            for (const TablePlan* other : worked) EXPECT_TRUE(Independent(plan, *mine, *other));
            for (const auto& table : plan.tables) {
              const bool before =
                  std::count(mine->after.begin(), mine->after.end(), table->component) > 0;
              if (before) {
                EXPECT_EQ(std::count(done.begin(), done.end(), table.get()), 1);
              }
            }
          }
          worked.insert(worked.end(), tables->begin(), tables->end());
        }
        std::this_thread::yield();
        {
          const std::lock_guard lock(mutex);
          for (const TablePlan* mine : *tables) std::erase(worked, mine);
          done.insert(done.end(), tables->begin(), tables->end());
        }
        order.Done(*tables);
      }
    };
    std::vector<std::thread> workers;
    for (int i = 0; i < 4; ++i) workers.emplace_back(work);
    for (std::thread& worker : workers) worker.join();
    EXPECT_EQ(done.size(), plan.tables.size()) << "round " << round;
  }
}

}  // namespace
}  // namespace osarchiver
