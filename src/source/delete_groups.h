// Which rows of a unit go together. Pure: works on the rows' own foreign key values, asks no
// server.
//
// A row is named by a number: the rows of the first part, then those of the second and so on.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "source/deletable_rows.h"

namespace osarchiver {

struct RowPosition {
  std::uint32_t part;
  std::uint32_t row;  // in the part
};

class DeleteGroups {
 public:
  // `parts` must outlive it. The last part holds rows that go by themselves, the others hold
  // dependents that go because of them.
  explicit DeleteGroups(const std::vector<DeletableRows>& parts);

  std::size_t row_count() const { return order_.size(); }
  RowPosition Locate(std::uint32_t id) const;

  // Every row once, in an order in which groups may be deleted one after the other.
  const std::vector<std::uint32_t>& order() const { return order_; }
  // Group g is order()[group_begin(g) .. group_begin(g + 1)): rows that must go in one transaction.
  std::size_t group_count() const { return group_begin_.size() - 1; }
  std::size_t group_begin(std::size_t group) const { return group_begin_[group]; }

  // `rows` and every row that must stay when they stay: what they refer to, and dependents of what
  // stays. Each once.
  std::vector<std::uint32_t> StayingWith(const std::vector<std::uint32_t>& rows) const;

 private:
  void FindReferences(const std::vector<DeletableRows>& parts);
  void MakeGroups(const std::vector<DeletableRows>& parts);

  std::vector<std::uint32_t> part_begin_;  // one more than there are parts
  std::vector<std::pair<std::uint32_t, std::uint32_t>> references_;  // child, parent
  std::vector<std::pair<std::uint32_t, std::uint32_t>>
      stays_;  // if first stays, second does; sorted
  std::vector<std::uint32_t> order_;
  std::vector<std::size_t> group_begin_;
};

}  // namespace osarchiver
