// Counting what stays and what would go, in key windows.
#include <algorithm>
#include <chrono>
#include <functional>
#include <numeric>
#include <optional>

#include "mariadb/quote.h"
#include "source/key_windows.h"
#include "source/range_reader.h"
#include "source/row_tuples.h"
#include "source/selection.h"
#include "source/unit_reader.h"

namespace osarchiver {
namespace {

// The rows between two keys, read by the index that orders them, so that the window bounds what is
// read.
struct Window {
  std::string guard;
  std::string from;
  std::string condition;

  std::string Select(const std::string& expressions, const std::string& further) const {
    return guard + "SELECT " + expressions + " FROM " + from + " WHERE " + further + " AND " +
           condition;
  }
};

// Walks a table in windows, calling `count` with each window's condition. False when it was ended
// early.
bool ForEachWindow(Connection& connection, const TablePlan& table, int seconds, Clock& clock,
                   StopControl& stop, const std::function<void(const Window& window)>& count) {
  const KeyOrder order = ChooseOrder(connection, table);
  KeyWindows windows(order, table.loaded.info.rows_estimate, clock);
  const auto begin = clock.Now();
  if (!windows.Measure(connection)) return true;
  std::optional<KeyCursor> at;
  for (;;) {
    if (stop.stopped()) return false;
    if (seconds > 0 && clock.Now() - begin >= std::chrono::seconds(seconds)) return false;
    const KeyWindow window = windows.Behind(connection, at, std::nullopt);
    if (window.condition != "FALSE") {
      const auto started = clock.Now();
      try {
        count({Guarded(windows.limit()), order.from(), window.condition});
      } catch (const DatabaseError& error) {
        if (!IsTimeout(error) || !connection.usable()) throw;
        windows.TookTooLong();
        continue;
      }
      windows.Took(std::chrono::duration_cast<std::chrono::milliseconds>(clock.Now() - started));
    }
    if (!window.up_to) return true;
    at = window.up_to;
  }
}

std::uint64_t ToNumber(const Cell& cell) { return cell ? std::stoull(std::string(*cell)) : 0; }

// The numbers of the only row of a SELECT, which must not warn.
std::vector<std::uint64_t> Numbers(Connection& connection, const TablePlan& table,
                                   const std::string& sql) {
  std::vector<std::uint64_t> numbers;
  const auto result = connection.Stream(sql, [&](const Row& row) {
    for (const Cell& cell : row) numbers.push_back(ToNumber(cell));
    return RowAction::kContinue;
  });
  RequireNoWarnings(connection, result, table.name);
  return numbers;
}

// A blocker's children of one kind, told apart by `which`; a row is counted under the first kind
// that it has children of.
struct Kind {
  std::string why;
  std::string condition;  // about the row
  // The same where no earlier kind's holds: what is asked row by row, and cheaper.
  std::string then;
};

// One foreign key whose children block, by whichever ways its children stand under a row.
using Blockers = std::vector<Blocker>;

// By foreign key, in their order: an operator is told of a key once, however many ways lead to it.
std::vector<Blockers> ByKey(std::vector<Blocker> blockers) {
  std::vector<Blockers> groups;
  for (Blocker& blocker : blockers) {
    const auto same = [&](const Blockers& group) {
      const ForeignKey& key = group.front().key;
      return key.database == blocker.key.database && key.table == blocker.key.table &&
             key.name == blocker.key.name;
    };
    const auto found = std::find_if(groups.begin(), groups.end(), same);
    if (found != groups.end()) {
      found->push_back(std::move(blocker));
    } else {
      groups.push_back({std::move(blocker)});
    }
  }
  return groups;
}

std::string AnyOf(const SourcePlan& plan, const TablePlan& table, const Blockers& blockers,
                  const ChildCondition& which = {}) {
  std::string any;
  for (const Blocker& blocker : blockers) {
    any += (any.empty() ? "(" : " OR ") + BlockedCondition(plan, table, blocker, kRowAlias, which);
  }
  return any + ")";
}

std::vector<Kind> KindsOf(const SourcePlan& plan, const TablePlan& table,
                          const Blockers& blockers) {
  const ForeignKey& key = blockers.front().key;
  const TablePlan* child = plan.Find({key.database, key.table});
  const std::string any = AnyOf(plan, table, blockers);
  if (child == nullptr || !child->has_deleted_column || !child->settings.delete_rows) {
    return {{blockers.front().why, any, any}};
  }
  const std::string live = AnyOf(plan, table, blockers, [&](std::string_view alias) {
    return SoftDeletedCondition(*child, alias) + " IS NOT TRUE";
  });
  const std::string younger = AnyOf(plan, table, blockers, [&](std::string_view alias) {
    return SoftDeletedCondition(*child, alias) + " AND " + EligibleCondition(*child, alias) +
           " IS NOT TRUE";
  });
  // Which of the two it is, no statement of bounded size can say.
  const bool in_cycle = child->component == table.component;
  return {{"live child", live, live},
          {"child is younger", younger + " AND NOT " + live, younger},
          {in_cycle ? "child is blocked itself, or in a circle with it" : "child is blocked itself",
           any + " AND NOT " + younger + " AND NOT " + live, any}};
}

// One foreign key's counts; a kind each.
struct Counting {
  std::string any;
  std::vector<Kind> kinds;
  std::vector<BlockedCount> counts;
};

Counting Prepare(const TablePlan& table, const Blocker& blocker, std::string any,
                 std::vector<Kind> kinds) {
  Counting counting;
  counting.any = std::move(any);
  counting.kinds = std::move(kinds);
  for (const Kind& kind : counting.kinds) {
    BlockedCount count;
    count.referring = ToText(TableName{blocker.key.database, blocker.key.table});
    count.constraint = blocker.key.name;
    count.why = kind.why;
    count.advice = kind.why == blocker.why ? blocker.advice : "";
    count.select_sql = "SELECT " + KeyColumns(table.definition(), kRowAlias) + " FROM " +
                       Quoted(table.name) + " AS " + std::string(kRowAlias) + " WHERE " +
                       EligibleCondition(table, kRowAlias) + " AND " + kind.condition + ";";
    counting.counts.push_back(std::move(count));
  }
  return counting;
}

// Rows whose tree goes on along the key, and that nothing else explains.
Counting PrepareDeeper(const SourcePlan& plan, const TablePlan& table, const Blockers& recursion,
                       const std::string& others) {
  const std::string any = "(" + AnyOf(plan, table, recursion) + others + ")";
  return Prepare(table, recursion.front(), any, {{recursion.front().why, any, any}});
}

void AddExamples(Connection& connection, const TablePlan& table, const Window& window,
                 const std::string& where, std::vector<std::string>* keys) {
  const TableDefinition& definition = table.definition();
  std::string expressions;
  for (const std::size_t index : definition.key) {
    expressions +=
        (expressions.empty() ? "" : ", ") + ReadExpression(definition.columns[index], kRowAlias);
  }
  connection.Stream(
      window.Select(expressions, where) + " LIMIT " + std::to_string(kMaxExamples - keys->size()),
      [&](const Row& row) {
        RowBatch key(definition.key.size());
        for (std::size_t i = 0; i < definition.key.size(); ++i) {
          AppendCell(definition.columns[definition.key[i]], row[i], &key);
        }
        key.EndRow();
        keys->push_back(KeyText(key.row(0)));
        return RowAction::kContinue;
      });
}

// How many of a window's rows each kind of one key holds.
std::vector<std::uint64_t> KindNumbers(Connection& connection, const TablePlan& table,
                                       const Window& window, const std::string& where,
                                       const Counting& counting) {
  std::vector<std::uint64_t> numbers(counting.kinds.size(), 0);
  std::string which = "CASE";
  for (std::size_t i = 0; i < counting.kinds.size(); ++i) {
    which += " WHEN " + counting.kinds[i].then + " THEN " + std::to_string(i);
  }
  const auto result = connection.Stream(
      window.Select(which + " END, COUNT(*)", where) + " GROUP BY 1", [&](const Row& row) {
        if (row[0]) numbers.at(ToNumber(row[0])) = ToNumber(row[1]);
        return RowAction::kContinue;
      });
  RequireNoWarnings(connection, result, table.name);
  return numbers;
}

// Adds a window's numbers to one key's counts, and example keys while there is room for them.
void AddKinds(Connection& connection, const TablePlan& table, const Window& window,
              const std::vector<std::uint64_t>& numbers, Counting* counting) {
  const std::string eligible = EligibleCondition(table, kRowAlias);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    BlockedCount& count = counting->counts[i];
    count.rows += numbers[i];
    if (numbers[i] > 0 && count.example_keys.size() < kMaxExamples) {
      AddExamples(connection, table, window, eligible + " AND " + counting->kinds[i].condition,
                  &count.example_keys);
    }
  }
}

// How many rows of a window are blocked, when `rows[i]` of them are by the i-th key.
std::uint64_t CountDistinct(Connection& connection, const TablePlan& table, const Window& window,
                            const std::vector<Counting>& all,
                            const std::vector<std::uint64_t>& rows) {
  std::uint64_t sum = 0;
  std::size_t keys = 0;
  std::string any;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] == 0) continue;
    sum += rows[i];
    ++keys;
    any += (any.empty() ? "(" : " OR ") + all[i].any;
  }
  if (keys <= 1) return sum;
  return Numbers(
             connection, table,
             window.Select("COUNT(*)", EligibleCondition(table, kRowAlias) + " AND " + any + ")"))
      .at(0);
}

// The blocked rows of a window: of a table to which one key refers every row is asked once.
std::uint64_t CountOneKey(Connection& connection, const TablePlan& table, const Window& window,
                          Counting* counting) {
  const auto numbers =
      KindNumbers(connection, table, window, EligibleCondition(table, kRowAlias), *counting);
  AddKinds(connection, table, window, numbers, counting);
  return std::accumulate(numbers.begin(), numbers.end(), std::uint64_t{0});
}

// Of one to which several do: first whether any row is blocked by each, for most block none.
std::uint64_t CountKeys(Connection& connection, const TablePlan& table, const Window& window,
                        bool distinct, std::vector<Counting>* all) {
  const std::string eligible = EligibleCondition(table, kRowAlias);
  std::string sums;
  for (const Counting& counting : *all) {
    sums += (sums.empty() ? "" : ", ") + ("SUM(" + counting.any + ")");
  }
  const auto rows = Numbers(connection, table, window.Select(sums, eligible));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] == 0) continue;
    Counting& counting = all->at(i);
    const auto numbers =
        counting.kinds.size() == 1
            ? std::vector<std::uint64_t>{rows[i]}
            : KindNumbers(connection, table, window, eligible + " AND " + counting.any, counting);
    AddKinds(connection, table, window, numbers, &counting);
  }
  return distinct ? CountDistinct(connection, table, window, *all, rows) : 0;
}

}  // namespace

std::uint64_t CountLiveFlagRows(Connection& connection, const TablePlan& table, Clock& clock,
                                StopControl& stop) {
  if (!table.has_flag_column || !table.has_deleted_column) return 0;
  std::uint64_t rows = 0;
  const std::string condition =
      OldEnoughCondition(table, kRowAlias) + " AND NOT " + FlagCondition(table, kRowAlias);
  ForEachWindow(connection, table, 0, clock, stop, [&](const Window& window) {
    rows += Numbers(connection, table, window.Select("COUNT(*)", condition)).at(0);
  });
  return rows;
}

std::vector<BlockedCount> CountBlocked(Connection& connection, const SourcePlan& plan,
                                       const TablePlan& table, Clock& clock, StopControl& stop,
                                       const std::optional<std::vector<RowSet>>& among,
                                       std::uint64_t* total) {
  if (total != nullptr) *total = 0;
  std::vector<Counting> all;
  std::string others;
  for (const Blockers& blockers : ByKey(BlockersOf(plan, table))) {
    const std::string any = AnyOf(plan, table, blockers);
    all.push_back(Prepare(table, blockers.front(), any, KindsOf(plan, table, blockers)));
    others += " AND NOT " + any;
  }
  for (const Blockers& recursion : ByKey(RecursionsOf(plan, table))) {
    all.push_back(PrepareDeeper(plan, table, recursion, others));
  }
  if (all.empty()) return {};
  const auto count_window = [&](const Window& window) {
    // Counted in a copy: a statement that takes too long makes the window count again.
    std::vector<Counting> counted = all;
    const std::uint64_t distinct =
        all.size() == 1 ? CountOneKey(connection, table, window, &counted.front())
                        : CountKeys(connection, table, window, total != nullptr, &counted);
    all = std::move(counted);
    if (total != nullptr) *total += distinct;
  };
  if (among) {
    // A few hundred rows by their keys: bounded by that, not by time.
    for (const RowSet& rows : *among) count_window({"", rows.from, rows.condition});
  } else {
    ForEachWindow(connection, table, 0, clock, stop, count_window);
  }
  std::vector<BlockedCount> result;
  for (Counting& counting : all) {
    for (BlockedCount& count : counting.counts) {
      if (count.rows > 0) result.push_back(std::move(count));
    }
  }
  return result;
}

PlanCount CountPlanned(Connection& connection, const SourcePlan& plan, const TablePlan& table,
                       ReadPurpose purpose, int seconds, Clock& clock, StopControl& stop) {
  PlanCount count;
  std::string stays;
  if (purpose == ReadPurpose::kDelete) {
    for (const Blocker& blocker : BlockersOf(plan, table)) {
      stays += (stays.empty() ? "" : " OR ") + StayingCondition(plan, table, blocker, kRowAlias);
    }
  }
  const std::string blocked = stays.empty() ? "0" : "COALESCE(SUM(" + stays + "), 0)";
  const std::string eligible = EligibleCondition(table, kRowAlias);
  count.exact = ForEachWindow(connection, table, seconds, clock, stop, [&](const Window& window) {
    const auto numbers =
        Numbers(connection, table, window.Select("COUNT(*), " + blocked, eligible));
    count.rows += numbers.at(0) - numbers.at(1);
    count.blocked += numbers.at(1);
  });
  return count;
}

}  // namespace osarchiver
