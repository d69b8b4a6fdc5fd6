// Reads rows of one table that meet a condition, in key order, once around: from a position to the
// end and from the start to the position.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "formats/row_batch.h"
#include "mariadb/connection.h"
#include "source/key_windows.h"
#include "source/unit_reader.h"

namespace osarchiver {

// Which rows are taken, in steps: those of the last steps that are passed over are counted on the
// way, so that a sparse table is not scanned again to count them. Conditions are about kRowAlias.
struct RowSelection {
  std::string old_enough;
  std::string flag = "1";  // the flag column says deleted
  std::string free = "1";  // nothing blocks
  // Whether blocked rows are worth noticing: in a table that refers to itself most rows are, at
  // first.
  bool notice_blocked = true;
};

// What a whole walk passed over.
struct PassedOver {
  std::optional<std::uint64_t> live_flag_rows;  // nothing when they were too many to be read along
  bool blocked = false;                         // there were blocked rows
  // These rows, a list of keys for each; nothing when they were too many to be remembered.
  std::optional<std::vector<RowSet>> blocked_rows;
};

// How rows of a pass's table are found. Next() leaves the reader where it was when it throws.
class RowReader {
 public:
  virtual ~RowReader() = default;
  // Replaces what `rows` holds, up to the limits; false: no more, or `stop` says so.
  virtual bool Next(Connection& connection, const ReadLimits& limits, RowBatch* rows) = 0;
  // Back to before the last Next() that returned.
  virtual void Undo() = 0;
  virtual std::string position() const = 0;
  virtual void Restart() = 0;
  virtual double progress() const = 0;
  // Of the last whole walk; nothing when there was none yet.
  virtual std::optional<PassedOver> passed_over() const = 0;
};

// Throws DatabaseError when the server warned about the statement just read: what it selected is
// not what was meant.
void RequireNoWarnings(Connection& connection, const Connection::StreamResult& result,
                       const TableName& table);

// Appends the row's cells (ReadExpressions' columns first) unless they exceed `bytes_left`.
bool AppendRow(const TableDefinition& definition, const Row& row, std::uint64_t bytes_left,
               RowBatch* rows);

// Rows per statement, out of the limits and of what rows have weighed so far, so that a statement
// rarely has to be broken off.
class RowWeight {
 public:
  explicit RowWeight(std::uint64_t average_row_bytes)
      : average_(static_cast<double>(average_row_bytes)) {}
  void Saw(std::uint64_t rows, std::uint64_t bytes);
  std::uint64_t BytesOf(std::uint64_t rows) const;
  std::uint64_t RowsFor(const ReadLimits& limits, const RowBatch& have) const;

 private:
  double average_;
};

class RangeReader : public RowReader {
 public:
  RangeReader(const TablePlan& table, KeyOrder order, RowSelection selection,
              const std::string& position, Clock& clock, StopControl& stop);
  // As UnitReader::BetweenStatements(); before the first Next().
  void BetweenStatements(std::function<void()> pause) { pause_ = std::move(pause); }
  // Over a stretch without rows the reader moves on also when it stops or throws behind it: what is
  // done is not read again.
  bool Next(Connection& connection, const ReadLimits& limits, RowBatch* rows) override;
  void Undo() override { place_ = before_; }
  std::string position() const override;
  void Restart() override;
  double progress() const override;
  std::optional<PassedOver> passed_over() const override { return passed_over_; }

 private:
  using Keys = std::set<std::vector<std::string>>;
  // Where the walk stands; a copy is worked on and kept when the unit is whole.
  struct Place {
    std::optional<KeyCursor> at;  // rows up to it are done
    bool wrapped = false;         // in the part before `start_`
    bool done = false;
    std::uint64_t live = 0;  // rows met whose flag says live
    bool blocked = false;    // blocked rows were met
    Keys blocked_keys;       // of blocked rows, one more than is remembered when they are too many
  };
  // What one statement gave.
  struct Reading {
    std::uint64_t rows = 0;  // met, taken or not
    std::uint64_t live = 0;
    std::uint64_t blocked = 0;
    Keys blocked_keys;
    bool cut = false;  // by the byte limit
    bool timed_out = false;
    std::optional<KeyCursor> last;
    std::chrono::milliseconds elapsed{0};
  };

  void Begin(Connection& connection);
  void Step(Connection& connection, const ReadLimits& limits, Place* place, RowBatch* rows);
  Connection::StreamResult Run(Connection& connection, const std::string& sql,
                               const std::function<RowAction(const Row&)>& on_row, Reading* reading,
                               std::chrono::milliseconds time_limit);
  // `rest`: window, condition and order, up to LIMIT.
  Reading ReadRows(Connection& connection, const std::string& rest, std::uint64_t limit,
                   const ReadLimits& limits, RowBatch* rows);
  Reading ReadKeys(Connection& connection, const std::string& rest, const ReadLimits& limits,
                   RowBatch* rows);
  bool KeysPay(const Reading& reading, std::uint64_t limit) const;
  bool PassOver(const Row& row, const KeyCursor& key, Reading* reading) const;
  static bool IsPassedOver(const Row& row) { return row.back() != "0"; }
  void NotePassedOver(const Reading& reading, Place* place);
  std::optional<std::vector<RowSet>> BlockedRows() const;
  bool Take(const Row& row, const ReadLimits& limits, RowBatch* rows) const;
  void EndOfRange(Place* place) const;
  KeyCursor CursorOf(const Row& row) const;
  void SetStatement();

  const TablePlan& table_;
  RowSelection selection_;
  KeyOrder order_;
  KeyWindows windows_;
  RowWeight weight_;
  Clock& clock_;
  StopControl& stop_;
  std::function<void()> pause_;
  // The last expression of both lists: 0 for a row to take, 1 for one whose flag says live, 2 for a
  // blocked one.
  std::string select_, select_keys_, condition_;
  bool keys_first_ = false;
  // Rows of these two kinds are read along while they are few.
  bool read_live_ = false;
  bool read_blocked_ = false;
  std::optional<PassedOver> passed_over_;
  std::optional<KeyCursor> start_;
  Place place_, before_;
  bool begun_ = false;
  bool full_ = false;
  std::size_t last_bytes_ = 0;  // of the unit before
  // Without arithmetic: a plain LIMIT, until it takes too long because few rows match.
  bool plain_ = true;
};

}  // namespace osarchiver
