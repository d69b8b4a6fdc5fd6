// Reads the rows that go with rows of a pass's table (`dependents`): for each of its rows the whole
// tree of rows that refer to it, or none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "source/range_reader.h"

namespace osarchiver {

// The trees under some rows of the root table.
struct Trees {
  // Rows of one dependent table, children's tables before their parents'.
  struct Part {
    const TablePlan* table = nullptr;
    RowBatch rows;
    std::vector<std::uint32_t> levels;               // as UnitPart has them
    std::vector<std::vector<std::uint32_t>> owners;  // by row: the root rows that it goes with
  };
  std::vector<Part> parts;
  // By root row.
  std::vector<bool> blocked;        // something in its tree is referred to by a row that stays
  std::vector<std::uint64_t> rows;  // of its tree, itself not counted
  std::vector<std::uint64_t> bytes;
  // Gathering ended early, at rows that refer by this foreign key, which is the reader's; nothing
  // else is to be relied on.
  const ForeignKey* too_large = nullptr;
};

class DependentReader {
 public:
  DependentReader(const SourcePlan& plan, const TablePlan& root, ReadPurpose purpose);

  bool any() const { return !tables_.empty(); }
  // A row may belong to trees of two units, so the first must be settled before the second is read.
  bool shares_rows() const { return shares_rows_; }
  // Ends early beyond the limits, with too_large.
  Trees Gather(Connection& connection, const RowBatch& roots, const ReadLimits& limits) const;

 private:
  // A foreign key along which rows go with what they refer to.
  struct Edge {
    std::size_t parent;  // 0 is the root, n > 0 is tables_[n - 1]
    std::size_t child;
    ForeignKey key;
    std::vector<std::size_t> parent_columns, child_columns;
    std::string select;  // up to the list of values
  };
  struct Gathering;

  const TablePlan& table(std::size_t number) const;
  void AddEdges(const SourcePlan& plan, std::size_t parent);
  std::string BlockedExpression(const SourcePlan& plan, const TablePlan& table) const;
  // One step down along `edge` from the parent rows from `first` on.
  void Descend(Connection& connection, const Edge& edge, std::size_t first,
               Gathering* gathering) const;
  void Fetch(Connection& connection, const Edge& edge, const std::vector<std::string>& values,
             Gathering* gathering) const;
  // Which of `values` a child refers to, asked of the server: its text may differ from the parent's
  // and be equal in their collation.
  std::optional<std::size_t> AskParent(Connection& connection, const Edge& edge,
                                       const std::string& child_key,
                                       const std::vector<std::string>& values) const;
  void SetLevels(Gathering* gathering) const;

  const TablePlan& root_;
  ReadPurpose purpose_;
  std::vector<const TablePlan*> tables_;  // in delete order
  std::vector<Edge> edges_;
  bool shares_rows_ = false;
};

}  // namespace osarchiver
