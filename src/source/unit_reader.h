// Reads the rows of one table pass, unit by unit, in key order, every statement bounded by a key
// window. Read committed, no transaction is held between calls.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/row_batch.h"
#include "mariadb/connection.h"
#include "source/table_plan.h"
#include "util/clock.h"
#include "util/stop.h"

namespace osarchiver {

// Rows of one table that go together. `levels[i]`: rows of a lower level are deleted before those
// of a higher one, in all parts, and within a level part by part (a row and its referrer never
// share a statement); all 0 where a row's referrers are in earlier parts.
struct UnitPart {
  const TablePlan* table = nullptr;
  RowBatch rows;
  std::vector<std::uint32_t> levels;
};

// What is archived, verified and deleted together: rows of the pass's table (the last part) and,
// before it, dependents that go with them, in delete order.
struct Unit {
  std::vector<UnitPart> parts;
};

struct ReadLimits {
  std::uint64_t rows = 5000;
  std::uint64_t bytes = 16u << 20;  // canonical bytes; one row may exceed it alone
};

// Rows of one table as SQL: what follows FROM, with the index that finds them, and a condition.
struct RowSet {
  std::string from;
  std::string condition;
};

inline constexpr std::size_t kMaxExamples = 100;

struct BlockedCount {
  std::string referring;  // "database.table"
  std::string constraint;
  std::string why;
  std::string advice;
  std::uint64_t rows = 0;
  std::vector<std::string> example_keys;  // KeyText, at most kMaxExamples
  std::string select_sql;                 // lists them all
};

enum class ReadPurpose {
  kArchiveOnly,  // blocked rows are taken too: nothing is deleted
  kDelete,       // rows with children that block are left out
};

// BlockedCount::why of rows whose dependents are too many; no statement can find them again.
inline constexpr std::string_view kTooLargeTree =
    "more dependents than one transaction should hold";

class UnitReader {
 public:
  // `position` is what position() of an interrupted pass said; "" starts at the beginning. The pass
  // goes from there to the end of the table and then from its start to there. `plan` and `table`
  // must outlive the reader.
  UnitReader(Connection& connection, const SourcePlan& plan, const TablePlan& table,
             ReadPurpose purpose, std::string position, Clock& clock, StopControl& stop);
  ~UnitReader();

  // Reads the next unit; false at the end of the pass or when `stop` says so. A warning of the
  // server on the selecting statement is a DatabaseError. A lost connection is thrown; after
  // Reconnect() the same unit is read again.
  bool Next(const ReadLimits& limits, Unit* unit);
  // The next unit's rows are put there, if they fit.
  void UseMemoryOf(RowBatch spare);
  void Reconnect(Connection& connection);
  // `pause` is called between two statements of one walk, and may wait: no statement and no
  // transaction is open then, and position() and progress() say where the walk stands.
  void BetweenStatements(std::function<void()> pause);
  // Everything before it has been returned by Next.
  std::string position() const;
  // The rows of a unit must be gone (or kept) before the next is read: the table refers to itself.
  bool needs_previous_unit_settled() const;
  // Forget what Next remembered of rows that turned out to stay (only for tables that refer to
  // themselves). After a whole pass in which something was deleted, another round may find rows
  // that became free: Restart() begins one.
  void Restart();
  // Share of the key space walked, 0 to 1, for the progress line; and an estimate of rows still to
  // come, 0 when unknown.
  double progress() const;
  // What the last whole pass met on its way, so that a sparse table need not be scanned once more:
  // rows that are old enough and whose flag says live (nothing: not known, CountLiveFlagRows()
  // counts them), and whether CountBlocked() can find any.
  std::optional<std::uint64_t> live_flag_rows() const;
  bool may_be_blocked() const;
  // The rows whose dependents are more than a transaction should hold, which therefore stay, by the
  // foreign key along which they are. Of more than a thousand the statement lists the first.
  std::vector<BlockedCount> too_large() const;
  // The blocked rows that it met, for CountBlocked(); nothing when they are not known one by one.
  std::optional<std::vector<RowSet>> blocked_rows() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Rows that are old enough but whose flag column says live; bounded windows. 0 for tables without
// the column.
std::uint64_t CountLiveFlagRows(Connection& connection, const TablePlan& table, Clock& clock,
                                StopControl& stop);

// The rows of a table that are eligible and blocked, per reason, counted in bounded windows after
// its pass; only those of `among`, when given. `total`, when given, gets how many they are: a row
// counts under each of its reasons.
std::vector<BlockedCount> CountBlocked(
    Connection& connection, const SourcePlan& plan, const TablePlan& table, Clock& clock,
    StopControl& stop, const std::optional<std::vector<RowSet>>& among = std::nullopt,
    std::uint64_t* total = nullptr);

// How many rows a run would take. At most `seconds` (0: no limit); `exact` says whether it came to
// the end.
struct PlanCount {
  std::uint64_t rows = 0;
  std::uint64_t blocked = 0;
  bool exact = false;
};
PlanCount CountPlanned(Connection& connection, const SourcePlan& plan, const TablePlan& table,
                       ReadPurpose purpose, int seconds, Clock& clock, StopControl& stop);

}  // namespace osarchiver
