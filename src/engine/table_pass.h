// The work of one run on one table: reads its units, tells new rows from kept ones, and feeds the
// pipeline.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/pass_pipeline.h"
#include "engine/pass_targets.h"
#include "engine/run_services.h"
#include "source/unit_reader.h"

namespace osarchiver {

class Throttle;

// What the configuration wants of a table.
PassMode ModeOf(const TableSettings& settings);

class TablePass {
 public:
  // `targets` are those of the table's component. `throttle` may wait before reads and deletes.
  // Both outlive the pass.
  TablePass(RunServices& services, const SourceSettings& source, const SourcePlan& plan,
            const TablePlan& table, PassTargets& targets, Throttle& throttle);
  ~TablePass();

  // One walk over the table (from where the last run stopped, wrapping around). Returns the rows
  // that are gone since. Throws what stopped it; everything is then in the journal. May be called
  // again while other tables of the same cycle free more rows, unless it was the last one: that one
  // seals the segments while its last rows are deleted.
  enum class Turn { kAnother, kLast };
  std::uint64_t Round(Turn turn);
  // Seals the segments that are not yet, counts what is left and why, closes the pass in the
  // journal. After the last Round(), also a stopped one.
  void Finish();
  // Records in the journal why the pass ended early.
  void Fail(const std::string& reason);
  // Rows that met somebody else's rows at a destination.
  std::uint64_t conflicts() const { return conflicts_; }

 private:
  PassTargets::Target& TargetFor(const TablePlan& table);
  // What was read since `read_began_` took that long.
  void AddRead();
  bool ReadUnit(UnitReader& reader, std::uint64_t rows, Unit* unit);
  UnitInFlight Prepare(Unit unit);
  void RequireText(const TableDefinition& definition, const RowBatch& rows) const;
  void CompleteReleases(PassPipeline& pipeline, const UnitInFlight& unit);
  // Of all its tables.
  std::vector<PassArchive*> Archives();
  void SavePosition(const UnitReader& reader, bool complete);
  // What is left of the table and why, for the journal.
  void CountWhatStays();
  void CountBlockedOf(const TablePlan& table, const std::optional<std::vector<RowSet>>& among,
                      std::vector<BlockedCount> too_large);

  RunServices& services_;
  const SourceSettings& source_;
  const SourcePlan& plan_;
  const TablePlan& table_;
  Throttle& throttle_;
  const PassMode mode_;
  PassTargets& targets_;
  std::unique_ptr<Connection> connection_;
  // The pass's own table and the dependents that went with it.
  std::set<const TablePlan*> tables_;
  std::unique_ptr<UnitReader> reader_;
  std::chrono::steady_clock::time_point position_saved_{};
  std::chrono::steady_clock::time_point read_began_{};
  std::uint64_t conflicts_ = 0;
  // Rows that were found blocked only when they were to be deleted.
  std::uint64_t blocked_late_ = 0;
};

}  // namespace osarchiver
