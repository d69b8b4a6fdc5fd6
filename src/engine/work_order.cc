#include "engine/work_order.h"

#include <algorithm>
#include <map>

#include "source/dependents.h"

namespace osarchiver {
namespace {

using Components = std::map<std::uint32_t, std::set<std::uint32_t>>;

// For each component all that must be worked before it, by way of others too. Some of these have no
// pass of their own: they are dependents only.
Components AllBefore(const SourcePlan& plan) {
  Components before;
  for (const auto* list : {&plan.tables, &plan.dependents}) {
    for (const auto& table : *list) {
      before[table->component].insert(table->after.begin(), table->after.end());
    }
  }
  // In ascending order, so that what comes before is complete already: numbers go children first.
  for (auto& [component, direct] : before) {
    std::set<std::uint32_t> all = direct;
    for (const std::uint32_t earlier : direct) {
      const auto found = before.find(earlier);
      if (found != before.end()) all.insert(found->second.begin(), found->second.end());
    }
    direct = std::move(all);
  }
  return before;
}

bool Share(const std::set<const TablePlan*>& a, const std::set<const TablePlan*>& b) {
  return std::any_of(a.begin(), a.end(), [&](const TablePlan* table) { return b.contains(table); });
}

}  // namespace

WorkOrder::WorkOrder(const SourcePlan& plan) {
  std::map<std::uint32_t, std::size_t> group_of;
  for (const auto& table : plan.tables) {
    const auto [place, is_new] = group_of.emplace(table->component, groups_.size());
    if (is_new) groups_.emplace_back();
    Group& group = groups_[place->second];
    group.tables.push_back(table.get());
    for (const TablePlan* dependent : DependentTables(plan, *table)) {
      group.dependents.insert(dependent);
    }
  }
  for (const auto& [component, before] : AllBefore(plan)) {
    const auto group = group_of.find(component);
    if (group == group_of.end()) continue;
    for (const std::uint32_t earlier : before) {
      const auto found = group_of.find(earlier);
      if (found != group_of.end()) groups_[group->second].after.insert(found->second);
    }
  }
}

bool WorkOrder::MayStart(const Group& group) const {
  if (group.state != State::kWaiting) return false;
  for (const std::size_t earlier : group.after) {
    if (groups_[earlier].state != State::kDone) return false;
  }
  return std::none_of(groups_.begin(), groups_.end(), [&](const Group& other) {
    return other.state == State::kWorked && Share(other.dependents, group.dependents);
  });
}

std::optional<WorkOrder::Tables> WorkOrder::Take() {
  std::unique_lock lock(mutex_);
  for (;;) {
    bool any_left = false;
    for (Group& group : groups_) {
      if (MayStart(group)) {
        group.state = State::kWorked;
        return group.tables;
      }
      any_left = any_left || group.state == State::kWaiting;
    }
    if (!any_left) return std::nullopt;
    done_.wait(lock);
  }
}

void WorkOrder::Done(const Tables& tables) {
  const std::lock_guard lock(mutex_);
  for (Group& group : groups_) {
    if (group.tables == tables) group.state = State::kDone;
  }
  done_.notify_all();
}

}  // namespace osarchiver
