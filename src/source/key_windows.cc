#include "source/key_windows.h"

#include <algorithm>
#include <cmath>

#include "source/selection.h"

namespace osarchiver {
namespace {

constexpr double kTargetMs = 300;
// A statement as quick as this met next to nothing.
constexpr std::chrono::milliseconds kGap{5};
constexpr std::uint64_t kFirstRows = 10000;
constexpr std::uint64_t kLeastRows = 16;
constexpr std::uint64_t kMostRows = 5'000'000;

// From the time that a window took: towards the target, at most by four at once.
double Factor(std::chrono::milliseconds elapsed) {
  const double ms = std::max(1.0, static_cast<double>(elapsed.count()));
  return std::clamp(kTargetMs / ms, 0.25, 4.0);
}

// Below this a walk by the key costs next to nothing, and rows come in the key's order.
constexpr std::uint64_t kSmallTable = 10000;
// Rows that match, of all: where they are fewer, looking each up costs less than reading all.
constexpr std::uint64_t kFewOf = 20;
constexpr std::chrono::milliseconds kCountLimit{500};

}  // namespace

KeyOrder ChooseOrder(Connection& connection, const TablePlan& table) {
  KeyOrder by_key(table.definition());
  const std::uint64_t rows = table.loaded.info.rows_estimate;
  if (!table.index_on_deleted_column || rows < kSmallTable) return by_key;
  auto by_index = KeyOrder::ByIndex(table.definition(), table.deleted_index,
                                    OldEnoughCondition(table, kRowAlias));
  if (!by_index) return by_key;
  const std::uint64_t few = rows / kFewOf;
  try {
    const auto matching = connection.QueryValue(
        Guarded(kCountLimit) + "SELECT COUNT(*) FROM (SELECT 1 FROM " + by_index->from() +
        " WHERE " + by_index->Between(std::nullopt, std::nullopt) + " LIMIT " +
        std::to_string(few) + ") AS few");
    if (matching && std::stoull(*matching) < few) return *std::move(by_index);
  } catch (const DatabaseError& error) {
    if (!IsTimeout(error)) throw;
  }
  return by_key;
}

std::string Guarded(std::chrono::milliseconds limit) {
  const std::string milliseconds = std::to_string(limit.count() % 1000 + 1000).substr(1);
  return "SET STATEMENT max_statement_time=" + std::to_string(limit.count() / 1000) + "." +
         milliseconds + ", optimizer_switch='exists_to_in=off,subquery_cache=off' FOR ";
}

bool IsTimeout(const DatabaseError& error) {
  // MariaDB's ER_STATEMENT_TIMEOUT, MySQL's ER_QUERY_TIMEOUT.
  return error.code() == 1969 || error.code() == 3024;
}

KeyWindows::KeyWindows(const KeyOrder& order, std::uint64_t rows_estimate, Clock& clock)
    : order_(order),
      clock_(clock),
      rows_estimate_(rows_estimate),
      by_arithmetic_(order.leads_with_integer()) {}

KeyWindows::Wide KeyWindows::ToWide(const std::string& text) {
  Wide number = 0;
  for (const char c : text) {
    if (c >= '0' && c <= '9') number = number * 10 + (c - '0');
  }
  return text.starts_with('-') ? -number : number;
}

std::string KeyWindows::ToText(Wide number) {
  if (number == 0) return "0";
  std::string text;
  const bool negative = number < 0;
  for (Wide rest = negative ? -number : number; rest > 0; rest /= 10) {
    text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  }
  return negative ? "-" + text : text;
}

bool KeyWindows::Measure(Connection& connection) {
  if (!by_arithmetic_) return true;
  const Table ends = connection.Query("SELECT MIN(" + order_.leading() + "), MAX(" +
                                      order_.leading() + ") FROM " + order_.from());
  min_ = 0;
  max_ = -1;
  if (ends.empty() || !ends[0][0] || !ends[0][1]) return false;
  min_ = ToWide(*ends[0][0]);
  max_ = ToWide(*ends[0][1]);
  const Wide rows = std::max<Wide>(1, static_cast<Wide>(rows_estimate_));
  width_ = std::max<Wide>(100, (max_ - min_ + 1) / rows * kFirstRows);
  return true;
}

KeyWindow KeyWindows::Behind(Connection& connection, const std::optional<KeyCursor>& after,
                             const std::optional<KeyCursor>& end) {
  return by_arithmetic_ ? Arithmetic(connection, after, end) : Asked(connection, after, end);
}

KeyWindow KeyWindows::Arithmetic(Connection& connection, const std::optional<KeyCursor>& after,
                                 const std::optional<KeyCursor>& end) {
  Wide base = min_;
  if (after) {
    base = std::max(min_, ToWide(after->values[0]) + (after->values.size() == 1 ? 1 : 0));
  }
  Wide last = max_;
  if (end) last = std::min(last, ToWide(end->values[0]));
  if (base > last) return {"FALSE", std::nullopt};
  if (probe_) {
    // Over a gap in one step, however wide it is.
    probe_ = false;
    const auto next = connection.QueryValue(
        "SELECT " + order_.leading() + " FROM " + order_.from() + " WHERE " +
        order_.Between(after, std::nullopt) + " ORDER BY " + order_.OrderBy() + " LIMIT 1");
    if (!next || ToWide(*next) > last) return {"FALSE", std::nullopt};
    base = std::max(base, ToWide(*next));
  }
  const Wide high = base + width_ - 1;
  std::string condition = order_.leading() + " >= " + ToText(base);
  if (after) condition += " AND " + order_.After(*after);
  if (high >= last) {
    condition +=
        end ? " AND " + order_.UpTo(*end) : " AND " + order_.leading() + " <= " + ToText(last);
    return {condition, std::nullopt};
  }
  return {condition + " AND " + order_.leading() + " <= " + ToText(high),
          KeyCursor{{ToText(high)}}};
}

KeyWindow KeyWindows::Asked(Connection& connection, const std::optional<KeyCursor>& after,
                            const std::optional<KeyCursor>& end) {
  for (;;) {
    const auto begin = clock_.Now();
    try {
      std::optional<KeyCursor> bound;
      connection.Stream(Guarded(limit_) + "SELECT " + order_.expressions() + " FROM " +
                            order_.from() + " WHERE " + order_.Between(after, end) + " ORDER BY " +
                            order_.OrderBy() + " LIMIT 1 OFFSET " + std::to_string(rows_ - 1),
                        [&](const Row& row) {
                          bound = order_.FromCells(row, 0);
                          return RowAction::kContinue;
                        });
      const auto elapsed =
          std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Now() - begin);
      // Finding a window may take as long as reading it.
      if (elapsed.count() > kTargetMs) rows_ = std::max(kLeastRows, rows_ / 2);
      return {order_.Between(after, bound ? bound : end), bound};
    } catch (const DatabaseError& error) {
      if (!IsTimeout(error)) throw;
      TookTooLong();
    }
  }
}

void KeyWindows::Took(std::chrono::milliseconds elapsed) {
  const double factor = Factor(elapsed);
  if (by_arithmetic_) {
    probe_ = elapsed < kGap;
    const double wider = static_cast<double>(width_) * factor;
    // Beyond all integer types there is nothing to gain.
    width_ = std::max<Wide>(1, static_cast<Wide>(std::min(wider, std::ldexp(1.0, 66))));
  } else {
    rows_ = std::clamp(static_cast<std::uint64_t>(static_cast<double>(rows_) * factor), kLeastRows,
                       kMostRows);
  }
}

void KeyWindows::TookTooLong() {
  probe_ = false;
  if (by_arithmetic_ && width_ > 1) {
    width_ = std::max<Wide>(1, width_ / 16);
  } else if (by_arithmetic_ && !order_.single_column()) {
    by_arithmetic_ = false;
  } else if (!by_arithmetic_ && rows_ > kLeastRows) {
    rows_ = std::max(kLeastRows, rows_ / 4);
  } else {
    limit_ *= 2;
  }
}

double KeyWindows::Share(const std::optional<KeyCursor>& at) const {
  if (!order_.leads_with_integer() || max_ < min_ || !at) return 0;
  const auto done = static_cast<double>(ToWide(at->values[0]) - min_ + 1);
  return std::clamp(done / static_cast<double>(max_ - min_ + 1), 0.0, 1.0);
}

}  // namespace osarchiver
