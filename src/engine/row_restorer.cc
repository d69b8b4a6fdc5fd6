#include "engine/row_restorer.h"

#include <fmt/format.h>

#include <map>
#include <unordered_map>

#include "destination/archived_keys.h"
#include "mariadb/quote.h"
#include "mariadb/retry.h"
#include "util/failpoint.h"

namespace osarchiver {
namespace {

constexpr unsigned kDuplicateKey = 1062;
constexpr unsigned kNoParent = 1452;
constexpr unsigned kNoVisibleParent = 1216;  // the same, to an account that may not see the parent
constexpr std::size_t kConditionBytes = 1u << 20;

RowBatch KeysOf(const RowBatch& rows, const std::vector<std::size_t>& key,
                const std::vector<std::size_t>& which) {
  RowBatch keys(key.size());
  for (const std::size_t index : which) keys.AppendRow(KeyBytes(rows.row(index), key));
  return keys;
}

std::vector<std::size_t> AllOf(const RowBatch& rows) {
  std::vector<std::size_t> all(rows.row_count());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  return all;
}

bool LacksParent(const DatabaseError& error) {
  return error.code() == kNoParent || error.code() == kNoVisibleParent;
}

// A row stands in the way of others, or there are too many: fewer at once will do.
bool MayGoInParts(const DatabaseError& error) {
  return LacksParent(error) || error.code() == kDuplicateKey ||
         Classify(error) == ErrorClass::kTooLarge;
}

}  // namespace

// For each archived row what stands in the table under its key; positions in the batch.
struct RowRestorer::Existing {
  Positions missing;
  Positions identical;
  Positions different;
};

RowRestorer::RowRestorer(RestoreTarget& target, TableName name, TableDefinition definition,
                         Clock& clock)
    : target_(target),
      name_(std::move(name)),
      definition_(std::move(definition)),
      clock_(clock),
      same_checks_(RequireFits(definition_, name_, target_.connection())) {}

RestoreOutcome RowRestorer::Restore(const RestoreBatch& batch) {
  RestoreOutcome outcome;
  bool all_new = false;
  if (!batch.inserts.empty()) WithRetry([&] { all_new = TryAllNew(batch); });
  if (all_new) {
    outcome.inserted = batch.rows.row_count();
  } else {
    TryPart(batch, AllOf(batch.rows), &outcome);
  }
  return outcome;
}

RestoreOutcome RowRestorer::Look(const RestoreBatch& batch) {
  const Existing existing = FindExisting(batch, AllOf(batch.rows), false);
  RestoreOutcome outcome;
  outcome.inserted = existing.missing.size();
  outcome.identical = existing.identical.size();
  outcome.conflicts = existing.different;
  return outcome;
}

// A lost answer to COMMIT needs no care: what was committed is found identical the next time.
void RowRestorer::WithRetry(const std::function<void()>& work) {
  Retry({}, clock_, "restoring into " + ToText(name_), work,
        [&](const DatabaseError&) { target_.connection().Rollback(); });
}

void RowRestorer::BeginTransaction() {
  // Rows may have been stored while the CHECKs were off; as long as these are the same ones, the
  // rows may come back. A CHECK that is new is the operator's word.
  target_.connection().Execute(
      fmt::format("SET SESSION check_constraint_checks = {}", same_checks_ ? 0 : 1));
  target_.connection().Begin();
}

// The usual case, without looking first: no row of the batch is there. False when one is, or when
// one has no parent; nothing of the batch stays then.
bool RowRestorer::TryAllNew(const RestoreBatch& batch) {
  try {
    BeginTransaction();
    Insert(batch.inserts);
    Compare(batch, AllOf(batch.rows));
    Failpoint("restore-commit-before");
    target_.connection().Commit();
    Failpoint("restore-commit-after");
    return true;
  } catch (const DatabaseError& error) {
    if (!MayGoInParts(error)) throw;
    target_.connection().Rollback();
    return false;
  } catch (...) {
    target_.connection().Rollback();
    throw;
  }
}

// One transaction over the rows named; when one of them cannot go in, each half by itself.
void RowRestorer::TryPart(const RestoreBatch& batch, const Positions& which,
                          RestoreOutcome* outcome) {
  Existing existing;
  try {
    WithRetry([&] {
      BeginTransaction();
      existing = FindExisting(batch, which, true);
      Insert(BuildInserts(definition_, batch.rows, existing.missing, target_.statement_bytes()));
      Compare(batch, existing.missing);
      Failpoint("restore-commit-before");
      target_.connection().Commit();
      Failpoint("restore-commit-after");
    });
  } catch (const DatabaseError& error) {
    if (!MayGoInParts(error)) throw;
    target_.connection().Rollback();
    if (which.size() > 1) {
      const auto middle = which.begin() + static_cast<std::ptrdiff_t>(which.size() / 2);
      TryPart(batch, Positions(which.begin(), middle), outcome);
      TryPart(batch, Positions(middle, which.end()), outcome);
    } else if (LacksParent(error)) {
      outcome->without_parent.push_back(which.front());
    } else if (error.code() == kDuplicateKey) {
      outcome->conflicts.push_back(which.front());
    } else {
      throw;
    }
    return;
  } catch (...) {
    target_.connection().Rollback();
    throw;
  }
  outcome->inserted += existing.missing.size();
  outcome->identical += existing.identical.size();
  outcome->conflicts.insert(outcome->conflicts.end(), existing.different.begin(),
                            existing.different.end());
}

RowRestorer::Existing RowRestorer::FindExisting(const RestoreBatch& batch, const Positions& which,
                                                bool lock) {
  const RowBatch keys = KeysOf(batch.rows, definition_.key, which);
  std::unordered_map<std::string_view, std::size_t> by_key;
  for (std::size_t i = 0; i < keys.row_count(); ++i) by_key.emplace(keys.row(i), i);
  std::vector<bool> found(which.size()), same(which.size());
  Sha256 sha;
  RowBatch row(definition_.columns.size());
  for (std::size_t begin = 0; begin < keys.row_count();) {
    const std::size_t end = KeyRangeEnd(keys, begin, kConditionBytes);
    const std::string sql = "SELECT " + ReadExpressions(definition_) + " FROM " + Quoted(name_) +
                            " WHERE " + KeyListCondition(definition_, keys, begin, end) +
                            (lock ? " FOR UPDATE" : "");
    target_.connection().Stream(sql, [&](const Row& cells) {
      row.Clear();
      for (std::size_t i = 0; i < cells.size(); ++i)
        AppendCell(definition_.columns[i], cells[i], &row);
      row.EndRow();
      // The key list compares by collation: 'A' answers for 'a' too. Which of several rows it
      // stands in the way of shows when they are inserted one by one.
      const auto it = by_key.find(KeyBytes(row.row(0), definition_.key));
      if (it == by_key.end() && which.size() > 1) return RowAction::kContinue;
      const std::size_t index = it == by_key.end() ? 0 : it->second;
      found[index] = true;
      same[index] = sha.Of(row.row(0)) == batch.hashes[which[index]];
      return RowAction::kContinue;
    });
    begin = end;
  }
  Existing existing;
  for (std::size_t i = 0; i < which.size(); ++i) {
    (!found[i] ? existing.missing
     : same[i] ? existing.identical
               : existing.different)
        .push_back(which[i]);
  }
  return existing;
}

void RowRestorer::Insert(const std::vector<InsertText>& inserts) {
  Connection& connection = target_.connection();
  for (const InsertText& insert : inserts) {
    Failpoint("restore-insert-before");
    const ExecuteResult result =
        connection.Execute(InsertHead(definition_, Quoted(name_), insert) + insert.values);
    // Of generated columns the server may say anything: what was inserted is read back.
    if (result.warnings > insert.enum_errors && definition_.generated.empty()) {
      throw Error(fmt::format("table {} takes the rows with a warning: {}", ToText(name_),
                              fmt::join(connection.Warnings(), "; ")));
    }
    if (result.affected_rows != insert.rows) {
      throw Error(fmt::format("table {} took {} of {} rows", ToText(name_), result.affected_rows,
                              insert.rows));
    }
    Failpoint("restore-insert-after");
  }
}

void RowRestorer::Compare(const RestoreBatch& batch, const Positions& which) {
  const RowBatch keys = KeysOf(batch.rows, definition_.key, which);
  std::map<Hash, std::size_t> expected;
  for (const std::size_t index : which) ++expected[batch.hashes[index]];
  Sha256 sha;
  RowBatch row(definition_.columns.size());
  for (std::size_t begin = 0; begin < keys.row_count();) {
    const std::size_t end = KeyRangeEnd(keys, begin, kConditionBytes);
    target_.connection().Stream(
        "SELECT " + ReadExpressions(definition_) + " FROM " + Quoted(name_) + " WHERE " +
            KeyListCondition(definition_, keys, begin, end),
        [&](const Row& cells) {
          row.Clear();
          for (std::size_t i = 0; i < cells.size(); ++i)
            AppendCell(definition_.columns[i], cells[i], &row);
          row.EndRow();
          const auto it = expected.find(sha.Of(row.row(0)));
          if (it == expected.end()) {
            throw Error(fmt::format("table {}: row {} is not what was archived once it is inserted",
                                    ToText(name_), KeyText(KeyBytes(row.row(0), definition_.key))),
                        "look for a trigger that changes rows");
          }
          if (--it->second == 0) expected.erase(it);
          return RowAction::kContinue;
        });
    begin = end;
  }
  if (expected.empty()) return;
  throw Error(fmt::format("table {}: {} rows were inserted and are not there", ToText(name_),
                          expected.size()));
}

}  // namespace osarchiver
