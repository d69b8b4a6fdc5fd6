// Rows of a table that refers to itself, leaves first: rows that nothing refers to, then rows whose
// referrers are all chosen already, and so on up to the limits of a unit. Where a unit was full
// before the climb was over, the next one goes on climbing, so that a long chain costs as much as
// its rows, not a walk over the table for each unit.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "source/range_reader.h"

namespace osarchiver {

class LevelReader {
 public:
  // `leaves` reads rows that are free, self references included.
  LevelReader(const SourcePlan& plan, const TablePlan& table, std::unique_ptr<RowReader> leaves);

  // As RowReader::Next(). The rows of earlier calls must be gone, or stay.
  bool Next(Connection& connection, const ReadLimits& limits, RowBatch* rows,
            std::vector<std::uint32_t>* levels);
  // Back to before the last Next() that returned.
  void Undo();
  void Restart();
  RowReader& leaves() { return *leaves_; }

 private:
  // A foreign key of the table to itself.
  struct SelfKey {
    ForeignKey key;
    std::vector<std::size_t> columns;  // of the referring row
  };
  // By self key: the values under which parents of chosen rows are found.
  using Frontier = std::vector<std::vector<std::string>>;
  // The rows of the unit so far.
  struct Chosen {
    std::unordered_set<std::string> keys;
    // By self key: the keys of those rows that refer to a value.
    std::vector<std::unordered_map<std::string, std::vector<std::string>>> children;
  };
  // What the last Next() must be able to take back.
  struct State {
    Frontier frontier;
    std::vector<std::string> pending;  // keys of the last unit's rows that the walk may still meet
    std::set<std::string> stayed;      // of earlier ones, those that are still there
    bool took_leaves = false;
  };

  bool Fill(Connection& connection, const ReadLimits& limits, RowBatch* rows,
            std::vector<std::uint32_t>* levels);
  bool TakeLeaves(Connection& connection, const ReadLimits& limits, RowBatch* rows);
  void NoteStayed(Connection& connection);
  bool IsEmpty(const Frontier& frontier) const;
  // Adds the rows from `first` on to `chosen`; returns where their parents are found.
  Frontier Choose(const RowBatch& rows, std::size_t first, Chosen* chosen) const;
  // Appends those parents at `frontier` that nothing but chosen rows refers to. False: the unit is
  // full.
  bool Climb(Connection& connection, const ReadLimits& limits, const Frontier& frontier,
             const Chosen& chosen, RowBatch* rows) const;
  std::string ParentQuery(std::size_t self_key, const std::vector<std::string>& values,
                          const Chosen& chosen) const;
  std::string OtherChildren(std::size_t self_key, std::size_t found_by,
                            const std::vector<std::string>& values, const Chosen& chosen) const;

  const TablePlan& table_;
  std::unique_ptr<RowReader> leaves_;
  std::vector<SelfKey> self_keys_;
  std::string select_;  // parents that nothing in other tables blocks, up to the list of values
  std::string condition_;
  State state_, before_;
};

}  // namespace osarchiver
