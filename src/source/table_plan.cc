#include "source/table_plan.h"

#include <algorithm>
#include <set>

#include "source/dependents.h"
#include "source/plan_builder.h"

namespace osarchiver {
namespace {

// Whether `component` must wait for `other`, directly or by way of others.
bool WaitsFor(const SourcePlan& plan, std::uint32_t component, std::uint32_t other) {
  std::set<std::uint32_t> seen{component};
  std::vector<std::uint32_t> open{component};
  while (!open.empty()) {
    const std::uint32_t current = open.back();
    open.pop_back();
    if (current == other) return true;
    for (const auto* list : {&plan.tables, &plan.dependents}) {
      for (const auto& table : *list) {
        if (table->component != current) continue;
        for (const std::uint32_t next : table->after) {
          if (seen.insert(next).second) open.push_back(next);
        }
      }
    }
  }
  return false;
}

}  // namespace

const TablePlan* SourcePlan::Find(const TableName& name) const {
  for (const auto* list : {&tables, &dependents}) {
    for (const auto& table : *list) {
      if (table->name == name) return table.get();
    }
  }
  return nullptr;
}

bool Independent(const SourcePlan& plan, const TablePlan& a, const TablePlan& b) {
  if (WaitsFor(plan, a.component, b.component) || WaitsFor(plan, b.component, a.component)) {
    return false;
  }
  const std::vector<const TablePlan*> of_a = DependentTables(plan, a);
  for (const TablePlan* table : DependentTables(plan, b)) {
    if (std::find(of_a.begin(), of_a.end(), table) != of_a.end()) return false;
  }
  return true;
}

SourcePlan MakePlan(Connection& connection, const PlanRequest& request) {
  return PlanBuilder(connection, request).Build();
}

}  // namespace osarchiver
