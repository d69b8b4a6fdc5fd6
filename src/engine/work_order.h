// Gives out the tables of a source to those who work on them: children before parents, and side by
// side only what has nothing to do with each other.
//
// Invariants
// - Tables that refer to each other in a cycle are given out together, to one worker.
// - Tables are given out when all that refer to them, directly or by way of others, are done.
// - Tables whose dependents are the same tables are never worked at the same time: two passes would
//   write the same archive and delete the same rows.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "source/table_plan.h"

namespace osarchiver {

// Thread-safe.
class WorkOrder {
 public:
  using Tables = std::vector<const TablePlan*>;  // of one component, in the plan's order

  // `plan` must outlive this.
  explicit WorkOrder(const SourcePlan& plan);

  std::size_t size() const { return groups_.size(); }
  // The first tables of the plan's order that may be worked now. Waits while all that is left has
  // to wait for what others work; nothing when all are given out.
  std::optional<Tables> Take();
  // What Take() gave is done, however it went.
  void Done(const Tables& tables);

 private:
  enum class State : std::uint8_t { kWaiting, kWorked, kDone };
  struct Group {
    Tables tables;
    std::set<std::size_t> after;  // groups that must be done first
    std::set<const TablePlan*> dependents;
    State state = State::kWaiting;
  };

  bool MayStart(const Group& group) const;

  std::mutex mutex_;  // guards the states
  std::condition_variable done_;
  std::vector<Group> groups_;
};

}  // namespace osarchiver
