#include "source/range_reader.h"

#include <algorithm>

#include "mariadb/quote.h"
#include "source/row_tuples.h"

namespace osarchiver {
namespace {

// Rows found long ago are more likely to have changed by the time they are deleted.
constexpr std::chrono::seconds kUnitTime{3};
constexpr std::uint64_t kMostLiveRows = 1000;
constexpr std::size_t kMostBlockedKeys = 1000;
constexpr std::size_t kKeysPerStatement = 500;
// A statement behind which reading keys first pays: the next one may take four times as long, of
// which keys alone save a quarter; fetching a few rows by their keys takes about a millisecond.
constexpr std::chrono::milliseconds kWorthwhile{5};
// Rows by key are bounded by their number and bytes; only a server in trouble takes long.
constexpr std::chrono::seconds kFetchLimit{60};

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
  const std::size_t bytes = RowBytesBound(definition, row);
  if (bytes > bytes_left) return false;
  AppendCells(definition, row, bytes, rows);
  return true;
}

void RowWeight::Saw(std::uint64_t rows, std::uint64_t bytes) {
  if (rows == 0) return;
  const double seen = static_cast<double>(bytes) / static_cast<double>(rows);
  average_ = rows < 100 && average_ > 0 ? (average_ + seen) / 2 : seen;
}

std::uint64_t RowWeight::BytesOf(std::uint64_t rows) const {
  return static_cast<std::uint64_t>(average_ * static_cast<double>(rows));
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
  const std::string free = read_blocked_ ? "IF(" + selection_.free + ", 0, 2)" : "0";
  const std::string kind = read_live_ ? "IF(" + selection_.flag + ", " + free + ", 1)" : free;
  select_ += ", " + kind + " FROM " + order_.from() + " WHERE ";
  select_keys_ =
      "SELECT " + order_.expressions() + ", " + kind + " FROM " + order_.from() + " WHERE ";
  condition_ = selection_.old_enough;
  if (!read_live_ && selection_.flag != "1") condition_ += " AND " + selection_.flag;
  if (!read_blocked_ && selection_.free != "1") {
    // A live row is counted whether it is blocked or not.
    condition_ += read_live_ ? " AND (NOT " + selection_.flag + " OR " + selection_.free + ")"
                             : " AND " + selection_.free;
  }
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
  rows->Restart(table_.definition().columns.size());
  // Units are about as large as the one before; growing step by step copies and holds them twice.
  // What is reserved and not written costs nothing.
  const std::size_t expected = last_bytes_ > 0 ? last_bytes_ : weight_.BytesOf(limits.rows);
  if (rows->capacity() < expected) {
    rows->Reserve(std::min<std::size_t>(limits.bytes, expected + expected / 16));
  }
  const auto begin = clock_.Now();
  if (!begun_) Begin(connection);
  Place place = place_;
  full_ = false;
  for (bool first = true; !place.done && !full_; first = false) {
    if (rows->row_count() == 0) place_ = place;
    if (!first && pause_) pause_();
    if (stop_.stopped()) return false;
    if (rows->row_count() > 0 && clock_.Now() - begin > kUnitTime) break;
    Step(connection, limits, &place, rows);
  }
  last_bytes_ = rows->byte_count();
  before_ = place_;
  place_ = place;
  if (place_.done) {
    passed_over_ = PassedOver{std::nullopt, place_.blocked, BlockedRows()};
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
    // The window last: where few rows match, most fail at the first comparison, and the index has
    // the window already.
    const std::string rest =
        condition_ + " AND " + window.condition + " ORDER BY " + order_.OrderBy() + " LIMIT ";
    reading = keys_first_ ? ReadKeys(connection, rest + std::to_string(limit), limits, rows)
                          : ReadRows(connection, rest, limit, limits, rows);
    keys_first_ = KeysPay(reading, limit);
  }
  NotePassedOver(reading, place);
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

void RangeReader::NotePassedOver(const Reading& reading, Place* place) {
  place->live += reading.live;
  place->blocked = place->blocked || reading.blocked > 0;
  for (const auto& key : reading.blocked_keys) {
    if (place->blocked_keys.size() > kMostBlockedKeys) break;
    place->blocked_keys.insert(key);
  }
  const bool live = read_live_ && place->live <= kMostLiveRows;
  const bool blocked = read_blocked_ && place->blocked_keys.size() <= kMostBlockedKeys;
  if (live == read_live_ && blocked == read_blocked_) return;
  // Those that are many are counted by themselves and need not be sent.
  read_live_ = live;
  read_blocked_ = blocked;
  SetStatement();
}

std::optional<std::vector<RowSet>> RangeReader::BlockedRows() const {
  if (!read_blocked_) return std::nullopt;
  std::vector<std::string> tuples;
  for (const auto& key : place_.blocked_keys) tuples.push_back(order_.Tuple(KeyCursor{key}));
  std::vector<RowSet> sets;
  for (std::size_t i = 0; i < tuples.size(); i += kKeysPerStatement) {
    sets.push_back({order_.from(), order_.TupleColumns() + " IN (" +
                                       JoinLiterals(tuples, i, kKeysPerStatement) + ")"});
  }
  return sets;
}

void RangeReader::EndOfRange(Place* place) const {
  place->done = place->wrapped || !start_;
  if (place->done) return;
  place->wrapped = true;
  place->at.reset();
}

// The server unpacks every column of every row that it looks at, long texts included, before it
// knows whether the row is wanted. Where few are, the keys are read first, and then those rows
// alone.
bool RangeReader::KeysPay(const Reading& reading, std::uint64_t limit) const {
  if (order_.positions() != table_.definition().key) return false;
  if (keys_first_) return reading.rows < limit / 2;
  return reading.rows < limit / 8 && reading.elapsed > kWorthwhile;
}

// Runs a reading statement. Sets timed_out where the server ended it; what came before is whole and
// in order.
Connection::StreamResult RangeReader::Run(Connection& connection, const std::string& sql,
                                          const std::function<RowAction(const Row&)>& on_row,
                                          Reading* reading, std::chrono::milliseconds time_limit) {
  const auto begin = clock_.Now();
  Connection::StreamResult result;
  try {
    result = connection.Stream(Guarded(time_limit) + sql, on_row);
    RequireNoWarnings(connection, result, table_.name);
  } catch (const DatabaseError& error) {
    if (!IsTimeout(error) || !connection.usable()) throw;
    for (const std::string& warning : connection.Warnings()) {
      if (!warning.starts_with(std::to_string(error.code()))) ThrowWarning(table_.name, warning);
    }
    reading->timed_out = true;
  }
  reading->elapsed += std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Now() - begin);
  return result;
}

// A row that is not taken. False: it is one to take.
bool RangeReader::PassOver(const Row& row, const KeyCursor& key, Reading* reading) const {
  const Cell& kind = row.back();
  if (kind == "1") ++reading->live;
  if (kind == "2") {
    ++reading->blocked;
    reading->blocked_keys.insert(key.values);
  }
  return IsPassedOver(row);
}

bool RangeReader::Take(const Row& row, const ReadLimits& limits, RowBatch* rows) const {
  const bool alone = rows->row_count() == 0;
  const std::uint64_t left =
      limits.bytes - std::min<std::uint64_t>(limits.bytes, rows->byte_count());
  return AppendRow(table_.definition(), row, alone ? ~std::uint64_t{0} : left, rows);
}

RangeReader::Reading RangeReader::ReadRows(Connection& connection, const std::string& rest,
                                           std::uint64_t limit, const ReadLimits& limits,
                                           RowBatch* rows) {
  const std::size_t had_rows = rows->row_count(), had_bytes = rows->byte_count();
  Reading reading;
  bool last_taken = false;
  const auto result = Run(
      connection, select_ + rest + std::to_string(limit),
      [&](const Row& row) {
        if (IsPassedOver(row)) {
          reading.last = CursorOf(row);
          (void)PassOver(row, *reading.last, &reading);
          last_taken = false;
          return RowAction::kContinue;
        }
        reading.cut = !Take(row, limits, rows);
        if (reading.cut) return RowAction::kStop;
        last_taken = true;
        if (order_.has_numbers()) reading.last = CursorOf(row);
        return RowAction::kContinue;
      },
      &reading, windows_.limit());
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
  if (result.stopped && reading.rows > 0) {
    // A statement that was broken off has no warnings to show: its rows are asked for once more,
    // without their columns.
    Reading ignored;
    Run(
        connection, select_keys_ + rest + std::to_string(reading.rows),
        [](const Row&) { return RowAction::kContinue; }, &ignored, kFetchLimit);
  }
  return reading;
}

RangeReader::Reading RangeReader::ReadKeys(Connection& connection, const std::string& rest,
                                           const ReadLimits& limits, RowBatch* rows) {
  const std::size_t had_rows = rows->row_count(), had_bytes = rows->byte_count();
  Reading reading;
  std::vector<std::string> keys;
  Run(
      connection, select_keys_ + rest,
      [&](const Row& row) {
        reading.last = order_.FromCells(row, 0);
        if (!PassOver(row, *reading.last, &reading)) keys.push_back(order_.Tuple(*reading.last));
        return RowAction::kContinue;
      },
      &reading, windows_.limit());
  reading.rows = keys.size() + reading.live + reading.blocked;
  std::optional<KeyCursor> last;
  Reading fetch;
  for (std::size_t i = 0; i < keys.size() && !reading.cut; i += kKeysPerStatement) {
    Run(
        connection,
        select_ + order_.TupleColumns() + " IN (" + JoinLiterals(keys, i, kKeysPerStatement) +
            ") AND " + condition_ + " ORDER BY " + order_.OrderBy(),
        [&](const Row& row) {
          // Whatever changed since its key was read is left to the next pass.
          if (reading.cut || row.back() != "0") return RowAction::kContinue;
          reading.cut = !Take(row, limits, rows);
          if (!reading.cut) last = CursorOf(row);
          return RowAction::kContinue;
        },
        &fetch, kFetchLimit);
    if (fetch.timed_out) {
      throw Error("table " + ToText(table_.name) +
                  ": rows cannot be read by their keys in a minute");
    }
  }
  weight_.Saw(rows->row_count() - had_rows, rows->byte_count() - had_bytes);
  if (reading.cut) {
    // What was passed over behind the last row will be met again, so it cannot be counted on the
    // way.
    reading.last = last;
    reading.rows = rows->row_count() - had_rows;
    if (reading.live > 0) reading.live = kMostLiveRows + 1;
  }
  return reading;
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
