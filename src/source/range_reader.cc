#include "source/range_reader.h"

#include <algorithm>

#include "mariadb/quote.h"
#include "source/column_types.h"

namespace osarchiver {
namespace {

// Rows found long ago are more likely to have changed by the time they are deleted.
constexpr std::chrono::seconds kUnitTime{3};
constexpr std::uint64_t kMostLiveRows = 1000;
constexpr std::uint64_t kValueOverhead = 9;  // mark and length in the canonical bytes

[[noreturn]] void ThrowWarning(const TableName& table, const std::string& warning) {
  throw DatabaseError(
      0, "01000", "selecting rows of " + ToText(table) + " gave the warning " + warning,
      "the condition compares values that do not fit; nothing was taken from this table");
}

}  // namespace

void RequireNoWarnings(Connection& connection, const Connection::StreamResult& result,
                       const TableName& table) {
  if (result.warnings == 0 || result.stopped) return;
  const std::vector<std::string> warnings = connection.Warnings();
  ThrowWarning(table, warnings.empty() ? "(none shown)" : warnings.front());
}

bool AppendRow(const TableDefinition& definition, const Row& row, std::uint64_t bytes_left,
               RowBatch* rows) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < definition.columns.size(); ++i) {
    bytes += kValueOverhead + (row[i] ? row[i]->size() : 0);
  }
  if (bytes > bytes_left) return false;
  for (std::size_t i = 0; i < definition.columns.size(); ++i) {
    AppendCell(definition.columns[i], row[i], rows);
  }
  rows->EndRow();
  return true;
}

void RowWeight::Saw(std::uint64_t rows, std::uint64_t bytes) {
  if (rows == 0) return;
  const double seen = static_cast<double>(bytes) / static_cast<double>(rows);
  average_ = rows < 100 && average_ > 0 ? (average_ + seen) / 2 : seen;
}

std::uint64_t RowWeight::RowsFor(const ReadLimits& limits, const RowBatch& have) const {
  const std::uint64_t rows = limits.rows - std::min<std::uint64_t>(limits.rows, have.row_count());
  const std::uint64_t bytes =
      limits.bytes - std::min<std::uint64_t>(limits.bytes, have.byte_count());
  const double fit = static_cast<double>(bytes) / std::max(1.0, average_);
  return std::max<std::uint64_t>(1, std::min(rows, static_cast<std::uint64_t>(fit)));
}

RangeReader::RangeReader(const TablePlan& table, KeyOrder order, RowSelection selection,
                         const std::string& position, Clock& clock, StopControl& stop)
    : table_(table),
      selection_(std::move(selection)),
      order_(std::move(order)),
      windows_(order_, table.loaded.info.rows_estimate, clock),
      weight_(table.loaded.info.average_row_bytes),
      clock_(clock),
      stop_(stop) {
  read_live_ = selection_.flag != "1";
  read_blocked_ = selection_.notice_blocked && selection_.free != "1";
  SetStatement();
  start_ = order_.FromText(position);
  place_.at = start_;
}

void RangeReader::SetStatement() {
  select_ = "SELECT " + ReadExpressions(table_.definition(), kRowAlias);
  if (order_.has_numbers()) select_ += ", " + order_.expressions();
  // kTaken, kLive, kBlocked
  const std::string free = read_blocked_ ? "IF(" + selection_.free + ", 0, 2)" : "0";
  select_ += ", " + (read_live_ ? "IF(" + selection_.flag + ", " + free + ", 1)" : free);
  select_ += " FROM " + order_.from() + " WHERE ";
  condition_ = selection_.old_enough;
  if (!read_live_ && selection_.flag != "1") condition_ += " AND " + selection_.flag;
  if (!read_blocked_ && selection_.free != "1") condition_ += " AND " + selection_.free;
}

std::string RangeReader::position() const { return place_.at ? order_.ToText(*place_.at) : ""; }

void RangeReader::Restart() {
  start_.reset();
  place_ = Place();
  begun_ = false;
  read_live_ = selection_.flag != "1";
  read_blocked_ = selection_.notice_blocked && selection_.free != "1";
  SetStatement();
}

double RangeReader::progress() const {
  if (place_.done) return 1;
  const double share = windows_.Share(place_.at);
  if (!start_) return share;
  const double before = windows_.Share(start_);
  return place_.wrapped ? 1 - before + share : share - before;
}

bool RangeReader::Next(Connection& connection, const ReadLimits& limits, RowBatch* rows) {
  *rows = RowBatch(table_.definition().columns.size());
  const auto begin = clock_.Now();
  if (!begun_) Begin(connection);
  Place place = place_;
  full_ = false;
  while (!place.done && !full_) {
    if (stop_.stopped()) return false;
    if (rows->row_count() > 0 && clock_.Now() - begin > kUnitTime) break;
    Step(connection, limits, &place, rows);
  }
  before_ = place_;
  place_ = place;
  if (place_.done) {
    passed_over_ = PassedOver{std::nullopt, place_.blocked};
    if (read_live_ || selection_.flag == "1") passed_over_->live_flag_rows = place_.live;
  }
  return rows->row_count() > 0;
}

void RangeReader::Begin(Connection& connection) {
  place_.done = !windows_.Measure(connection);
  begun_ = true;
}

void RangeReader::Step(Connection& connection, const ReadLimits& limits, Place* place,
                       RowBatch* rows) {
  const std::optional<KeyCursor> end = place->wrapped ? start_ : std::nullopt;
  const bool plain = plain_ && !windows_.by_arithmetic();
  const KeyWindow window = plain ? KeyWindow{order_.Between(place->at, end), std::nullopt}
                                 : windows_.Behind(connection, place->at, end);
  const std::uint64_t limit = weight_.RowsFor(limits, *rows);
  Reading reading;
  if (window.condition != "FALSE") {
    reading = Read(connection, window.condition, limit, limits, rows);
  }
  place->live += reading.live;
  place->blocked = place->blocked || reading.blocked > 0;
  if (reading.blocked > 0 || place->live > kMostLiveRows) {
    // Known to be there is enough, and counted by themselves they need not be sent.
    read_blocked_ = read_blocked_ && reading.blocked == 0;
    read_live_ = read_live_ && place->live <= kMostLiveRows;
    SetStatement();
  }
  full_ = reading.cut || rows->row_count() >= limits.rows ||
          rows->byte_count() >= limits.bytes - limits.bytes / 10;
  if (reading.rows > 0 && (reading.timed_out || reading.cut || reading.rows == limit)) {
    place->at = reading.last;
    if (!reading.timed_out) plain_ = true;  // dense
  } else if (reading.timed_out) {
    if (plain) {
      plain_ = false;
    } else {
      windows_.TookTooLong();
    }
  } else if (!reading.cut) {
    if (!plain && window.condition != "FALSE") windows_.Took(reading.elapsed);
    if (window.up_to) {
      place->at = window.up_to;
    } else {
      EndOfRange(place);
    }
  }
}

void RangeReader::EndOfRange(Place* place) const {
  place->done = place->wrapped || !start_;
  if (place->done) return;
  place->wrapped = true;
  place->at.reset();
}

RangeReader::Reading RangeReader::Read(Connection& connection, const std::string& window,
                                       std::uint64_t limit, const ReadLimits& limits,
                                       RowBatch* rows) {
  const TableDefinition& definition = table_.definition();
  const std::size_t had_rows = rows->row_count(), had_bytes = rows->byte_count();
  const auto begin = clock_.Now();
  Reading reading;
  bool last_taken = false;
  try {
    const auto result = connection.Stream(
        Guarded(windows_.limit()) + select_ + window + " AND " + condition_ + " ORDER BY " +
            order_.OrderBy() + " LIMIT " + std::to_string(limit),
        [&](const Row& row) {
          if (row.back() == "1" || row.back() == "2") {
            ++(row.back() == "1" ? reading.live : reading.blocked);
            reading.last = CursorOf(row);
            last_taken = false;
            return RowAction::kContinue;
          }
          const bool alone = rows->row_count() == 0;
          const std::uint64_t left =
              limits.bytes - std::min<std::uint64_t>(limits.bytes, rows->byte_count());
          reading.cut = !AppendRow(definition, row, alone ? ~std::uint64_t{0} : left, rows);
          if (reading.cut) return RowAction::kStop;
          last_taken = true;
          if (order_.has_numbers()) reading.last = CursorOf(row);
          return RowAction::kContinue;
        });
    if (result.stopped && rows->row_count() > had_rows) {
      CheckStopped(connection, window, rows->row_count() - had_rows);
    } else {
      RequireNoWarnings(connection, result, table_.name);
    }
  } catch (const DatabaseError& error) {
    if (!IsTimeout(error) || !connection.usable()) throw;
    // What came before the end of its time is whole and in order.
    for (const std::string& warning : connection.Warnings()) {
      if (!warning.starts_with(std::to_string(error.code()))) ThrowWarning(table_.name, warning);
    }
    reading.timed_out = true;
  }
  reading.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Now() - begin);
  const std::uint64_t taken = rows->row_count() - had_rows;
  reading.rows = taken + reading.live + reading.blocked;
  weight_.Saw(taken, rows->byte_count() - had_bytes);
  if (last_taken && !order_.has_numbers()) {
    // Out of the batch and not of every row as it came.
    reading.last = KeyCursor();
    for (const std::size_t column : order_.positions()) {
      reading.last->values.emplace_back(rows->value(rows->row_count() - 1, column).bytes);
    }
  }
  return reading;
}

// A statement that was broken off has no warnings to show: its rows are asked for once more,
// without their columns.
void RangeReader::CheckStopped(Connection& connection, const std::string& window,
                               std::uint64_t rows) {
  const auto result = connection.Stream(
      Guarded(10 * windows_.limit()) + "SELECT 1 FROM " + order_.from() + " WHERE " + window +
          " AND " + condition_ + " ORDER BY " + order_.OrderBy() + " LIMIT " + std::to_string(rows),
      [](const Row&) { return RowAction::kContinue; });
  RequireNoWarnings(connection, result, table_.name);
}

KeyCursor RangeReader::CursorOf(const Row& row) const {
  if (order_.has_numbers()) return order_.FromCells(row, table_.definition().columns.size());
  KeyCursor cursor;
  for (const std::size_t column : order_.positions()) {
    cursor.values.emplace_back(row[column].value_or(""));
  }
  return cursor;
}

}  // namespace osarchiver
