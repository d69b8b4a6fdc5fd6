#include "source/delete_transaction.h"

#include <algorithm>
#include <unordered_map>

#include "mariadb/quote.h"
#include "mariadb/retry.h"
#include "util/error.h"
#include "util/failpoint.h"

namespace osarchiver {
namespace {

// A row was refused because a child refers to it; the second number hides the child's name from an
// account that may not see it.
constexpr unsigned kRowIsReferenced = 1451;
constexpr unsigned kRowIsReferencedHidden = 1217;
constexpr unsigned kTableDenied = 1142;
constexpr unsigned kColumnDenied = 1143;
// The scratch row keeps no more memory than this between rows.
constexpr std::size_t kScratchBytes = 1 << 20;

bool IsReferenced(const DatabaseError& error) {
  return error.code() == kRowIsReferenced || error.code() == kRowIsReferencedHidden;
}

// Makes the canonical bytes of one result row at a time.
class ScratchRow {
 public:
  explicit ScratchRow(const TableDefinition& definition)
      : definition_(definition), batch_(definition.columns.size()) {}
  std::string_view Fill(const Row& row) {
    const bool was_large = batch_.byte_count() > kScratchBytes;
    batch_.Clear();
    if (was_large) batch_.ShrinkToFit();
    AppendCells(definition_, row, RowBytesBound(definition_, row), &batch_);
    return batch_.row(0);
  }

 private:
  const TableDefinition& definition_;
  RowBatch batch_;
};

// The canonical bytes of a result row that ReadKey() asked for.
std::string KeyOf(const TableDefinition& definition, const Row& row) {
  RowBatch batch(definition.key.size());
  for (std::size_t i = 0; i < definition.key.size(); ++i) {
    AppendCell(definition.columns[definition.key[i]], row[i], &batch);
  }
  batch.EndRow();
  return std::string(batch.row(0));
}

std::unordered_map<std::string, std::uint32_t> RowsByKey(const DeletableRows& part,
                                                         const std::vector<std::uint32_t>& rows) {
  std::unordered_map<std::string, std::uint32_t> by_key;
  by_key.reserve(rows.size());
  for (const std::uint32_t row : rows) {
    by_key.emplace(KeyBytes(part.row(row), part.definition().key), row);
  }
  return by_key;
}

}  // namespace

DeleteUnit::DeleteUnit(const std::vector<DeletableRows>& the_parts)
    : parts(the_parts), groups(the_parts) {
  std::uint32_t begin = 0;
  for (const DeletableRows& part : parts) {
    indexes.emplace_back(part);
    part_begin.push_back(begin);
    begin += static_cast<std::uint32_t>(part.size());
  }
}

DeleteTransaction::DeleteTransaction(DeleteSession& session, const DeleteUnit& unit, Clock& clock)
    : session_(session),
      unit_(unit),
      clock_(clock),
      list_of_(unit.groups.row_count(), 0),
      current_(unit.parts.size(), nullptr) {}

void DeleteTransaction::Run(const std::vector<std::uint32_t>& rows, KeysAs form,
                            DeleteAttempt* attempt) {
  form_ = form;
  Connection& connection = session_.connection();
  // Whatever takes time is done before the transaction begins.
  const std::vector<KeyedRows> lists = MakeLists(rows);
  for (const KeyedRows& list : lists) (void)ReferrersOf(list);
  attempt->returned.reserve(rows.size());
  Failpoint("batch-delete-before");
  const auto begin = clock_.Now();
  connection.Begin();
  if (!DeleteLists(lists, attempt)) return;
  Failpoint("batch-delete-executed");
  if (!ReferrersHold(lists, Question::kWhereCascadesMayHide)) {
    connection.Rollback();
    attempt->end = DeleteAttempt::End::kReferrersChanged;
    return;
  }
  Failpoint("batch-delete-compared");
  Failpoint("batch-commit-before");
  attempt->committing = true;
  connection.Commit();
  attempt->end = DeleteAttempt::End::kCommitted;
  attempt->duration = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Now() - begin);
  Failpoint("batch-commit-after");
}

bool DeleteTransaction::DeleteLists(const std::vector<KeyedRows>& lists, DeleteAttempt* attempt) {
  try {
    LockTables(lists);
    LockReferencedRows(lists);
    Failpoint("batch-delete-locked");
    for (const KeyedRows& list : lists) {
      if (!DeleteList(list, attempt)) return false;
    }
    return true;
  } catch (const DatabaseError& error) {
    if (Classify(error) != ErrorClass::kPermanent) throw;
    session_.Rollback();
    // A statement may have named the child of a foreign key that is no more.
    if (ReferrersHold(lists, Question::kEverywhere)) throw;
    attempt->returned.clear();
    attempt->end = DeleteAttempt::End::kReferrersChanged;
    return false;
  }
}

std::vector<KeyedRows> DeleteTransaction::MakeLists(const std::vector<std::uint32_t>& rows) const {
  std::vector<RowPosition> positions;
  positions.reserve(rows.size());
  for (const std::uint32_t id : rows) positions.push_back(unit_.groups.Locate(id));
  const auto place = [this](const RowPosition& p) {
    return std::pair(unit_.parts[p.part].level(p.row), p.part);
  };
  std::stable_sort(
      positions.begin(), positions.end(),
      [&place](const RowPosition& a, const RowPosition& b) { return place(a) < place(b); });
  std::vector<KeyedRows> lists;
  std::vector<std::uint32_t> same;
  for (std::size_t i = 0; i < positions.size(); ++i) {
    same.push_back(positions[i].row);
    if (i + 1 < positions.size() && place(positions[i + 1]) == place(positions[i])) continue;
    const auto [level, part] = place(positions[i]);
    AppendKeyedRows(unit_.parts[part], part, level, same, session_.max_statement_bytes(), &lists);
    same.clear();
  }
  return lists;
}

void DeleteTransaction::LockTables(const std::vector<KeyedRows>& lists) {
  std::fill(current_.begin(), current_.end(), nullptr);
  for (const KeyedRows& list : lists) {
    if (current_[list.part] != nullptr) continue;
    const TableName& name = Part(list).table().name;
    // The metadata lock: from here to the end of the transaction no ALTER TABLE gets through.
    (void)session_.connection().Query("SELECT 1 FROM " + Quoted(name) + " LIMIT 0");
    current_[list.part] =
        &session_.definitions.Require(session_.connection(), name, Part(list).definition());
  }
}

void DeleteTransaction::LockReferencedRows(const std::vector<KeyedRows>& lists) {
  for (const KeyedRows& list : lists) {
    std::vector<std::string> statements;
    for (const ForeignKey& key : ReferrersOf(list)) {
      if (!TouchesChildren(key)) continue;
      for (std::string& sql : LockStatements(Part(list), *current_[list.part], key, list.rows)) {
        // Several foreign keys often refer to the same columns.
        if (std::find(statements.begin(), statements.end(), sql) != statements.end()) continue;
        (void)session_.connection().Query(sql);
        statements.push_back(std::move(sql));
      }
    }
  }
}

bool DeleteTransaction::DeleteList(const KeyedRows& list, DeleteAttempt* attempt) {
  const std::vector<ForeignKey> touching = TouchingKeys(list);
  if (!touching.empty()) attempt->blocked = ReferredRows(list, touching);
  bool goes_on = attempt->blocked.empty();
  if (goes_on) {
    try {
      goes_on = touching.empty() && !session_.referrers.complete() ? DeleteAlone(list, attempt)
                                                                   : DeleteCompared(list, attempt);
    } catch (const DatabaseError& error) {
      if (!IsReferenced(error)) throw;
      goes_on = false;
      FindReferred(list, attempt);
    }
  }
  if (goes_on) return true;
  session_.connection().Rollback();
  attempt->returned.clear();
  if (attempt->end != DeleteAttempt::End::kNone) return false;
  attempt->end =
      attempt->suspects.empty() ? DeleteAttempt::End::kRowsStay : DeleteAttempt::End::kReferred;
  if (attempt->suspects.empty() && attempt->blocked.empty() && attempt->changed.empty()) {
    attempt->changed = RenamedRows(list);
  }
  return false;
}

std::vector<ForeignKey> DeleteTransaction::TouchingKeys(const KeyedRows& list) {
  std::vector<ForeignKey> touching;
  for (const ForeignKey& key : ReferrersOf(list)) {
    if (TouchesChildren(key)) touching.push_back(key);
  }
  return touching;
}

void DeleteTransaction::FindReferred(const KeyedRows& list, DeleteAttempt* attempt) {
  try {
    // Asked in the same transaction, in which the rows of lower levels are gone.
    attempt->blocked = ReferredRows(list, ReferrersOf(list));
  } catch (const DatabaseError& error) {
    // The account may not read the child.
    if (error.code() != kTableDenied && error.code() != kColumnDenied) throw;
  }
  if (!attempt->blocked.empty()) return;
  for (const std::uint32_t row : list.rows) attempt->suspects.push_back(Id(list, row));
}

bool DeleteTransaction::DeleteAlone(const KeyedRows& list, DeleteAttempt* attempt) {
  const std::optional<std::uint64_t> before = OpenedTables(session_.connection());
  const bool compared = DeleteCompared(list, attempt);
  const std::optional<std::uint64_t> after = OpenedTables(session_.connection());
  if (!compared || (before && after && *after <= *before + 1)) return compared;
  const TableName& name = Part(list).table().name;
  if (!doubted_.insert(name).second) {
    throw Error("table " + ToText(name) +
                    ": a DELETE opens other tables: a trigger does, or CASCADE or SET NULL of a "
                    "table that this account cannot see",
                "grant PROCESS, so that all foreign keys are seen");
  }
  // It may be a new foreign key, which the next try sees.
  session_.referrers.Forget(name);
  attempt->end = DeleteAttempt::End::kReferrersChanged;
  return false;
}

bool DeleteTransaction::DeleteCompared(const KeyedRows& list, DeleteAttempt* attempt) {
  const DeletableRows& part = Part(list);
  const RowIndex& index = unit_.indexes[list.part];
  ++list_number_;
  for (const std::uint32_t row : list.rows) list_of_[Id(list, row)] = list_number_;
  ScratchRow scratch(part.definition());
  std::vector<std::string> other_keys;  // of returned rows that are not what was archived
  // The row that comes next if the server keeps to the order of the keys, as it does.
  std::uint32_t next = list.rows.front();
  const auto is_asked_for = [&](std::uint32_t row) {
    return list_of_[Id(list, row)] == list_number_;
  };
  const std::string sql = DeleteStatement(part, KeyCondition(part, list, form_), list.rows.size());
  const bool may_start_triggers = part.table().settings.allow_delete_triggers;
  if (!may_start_triggers) session_.triggers.Begin(session_.connection());
  Failpoint("batch-delete-statement-before");
  const auto result = session_.connection().Stream(sql, [&](const Row& row) {
    const std::string_view bytes = scratch.Fill(row);
    std::optional<std::uint32_t> found = next;
    // Equal bytes have equal hashes; only what is not there has to be hashed to be found.
    if (next >= part.size() || !is_asked_for(next) || part.row(next) != bytes) {
      found = index.Find(sha256_.Of(bytes));
    }
    if (found && is_asked_for(*found)) {
      list_of_[Id(list, *found)] = 0;
      attempt->returned.push_back(Id(list, *found));
      next = *found + 1;
    } else {
      other_keys.push_back(KeyBytes(bytes, part.definition().key));
    }
    return RowAction::kContinue;
  });
  Failpoint("batch-delete-statement-after");
  if (may_start_triggers) {
    session_.triggers.Forget();
  } else {
    session_.triggers.RequireNone(session_.connection(), part.table().name);
  }
  // The server evaluates generated columns of rows that it deletes, and warns where the sql_mode
  // that they were written under did not. What was deleted is compared in any case.
  if (result.warnings > 0 && part.definition().generated.empty()) {
    std::string text;
    for (const std::string& line : session_.connection().Warnings()) text += "; " + line;
    throw Error("table " + ToText(part.table().name) + ": the server warns about a DELETE" + text,
                "a DELETE that is not understood exactly as meant is never committed");
  }
  if (other_keys.empty()) return true;
  MarkChanged(list, other_keys, attempt);
  return false;
}

void DeleteTransaction::MarkChanged(const KeyedRows& list, const std::vector<std::string>& keys,
                                    DeleteAttempt* attempt) {
  const auto by_key = RowsByKey(Part(list), list.rows);
  for (const std::string& key : keys) {
    const auto found = by_key.find(key);
    if (found != by_key.end()) attempt->changed.push_back(Id(list, found->second));
  }
}

std::vector<std::uint32_t> DeleteTransaction::ReferredRows(const KeyedRows& list,
                                                           const std::vector<ForeignKey>& keys) {
  std::vector<std::uint32_t> referred;
  if (keys.empty()) return referred;
  std::vector<std::string> found;
  session_.connection().Stream(ReferredRowsStatement(Part(list), keys, list.keys),
                               [&](const Row& row) {
                                 found.push_back(KeyOf(Part(list).definition(), row));
                                 return RowAction::kContinue;
                               });
  if (found.empty()) return referred;
  const auto by_key = RowsByKey(Part(list), list.rows);
  for (const std::string& key : found) {
    // A key that is other bytes than archived is a changed row, which the DELETE finds.
    const auto row = by_key.find(key);
    if (row != by_key.end()) referred.push_back(Id(list, row->second));
  }
  return referred;
}

bool DeleteTransaction::ReferrersHold(const std::vector<KeyedRows>& lists, Question question) {
  std::vector<TableName> asked;
  for (const KeyedRows& list : lists) {
    const TableName& name = Part(list).table().name;
    if (std::find(asked.begin(), asked.end(), name) != asked.end()) continue;
    asked.push_back(name);
    const bool deleted_alone = !session_.referrers.complete() && TouchingKeys(list).empty();
    if (question == Question::kWhereCascadesMayHide && deleted_alone) continue;
    if (!session_.referrers.StillTrue(session_.connection(), name)) return false;
  }
  return true;
}

std::vector<std::uint32_t> DeleteTransaction::RenamedRows(const KeyedRows& list) {
  const DeletableRows& part = Part(list);
  const TableDefinition& definition = part.definition();
  std::vector<std::uint32_t> renamed;
  for (const std::uint32_t row : list.rows) {
    const std::string sql = "SELECT " + ReadKey(definition, {}) + " FROM " +
                            Quoted(part.table().name) + " WHERE " +
                            ColumnTuple(definition, definition.key, {}) + " IN (" +
                            ValueList(part, {row}, definition.key) + ")";
    const std::string key = KeyBytes(part.row(row), definition.key);
    bool other = false;
    session_.connection().Stream(sql, [&](const Row& cells) {
      other = other || KeyOf(definition, cells) != key;
      return RowAction::kContinue;
    });
    if (other) renamed.push_back(Id(list, row));
  }
  return renamed;
}

std::vector<RowOutcome> DeleteTransaction::Ask(const std::vector<std::uint32_t>& rows) {
  std::vector<RowOutcome> outcomes(unit_.groups.row_count(), RowOutcome::kAbsent);
  for (const KeyedRows& list : MakeLists(rows)) {
    const DeletableRows& part = Part(list);
    const auto by_key = RowsByKey(part, list.rows);
    ScratchRow scratch(part.definition());
    bool all_known = true;
    session_.connection().Stream(SelectByKeys(part, list.keys), [&](const Row& cells) {
      const std::string_view bytes = scratch.Fill(cells);
      const auto found = by_key.find(KeyBytes(bytes, part.definition().key));
      all_known = all_known && found != by_key.end();
      if (found != by_key.end()) {
        outcomes[Id(list, found->second)] = sha256_.Of(bytes) == part.hash(found->second)
                                                ? RowOutcome::kBlocked
                                                : RowOutcome::kChanged;
      }
      return RowAction::kContinue;
    });
    if (all_known) continue;
    for (const std::uint32_t id : RenamedRows(list)) outcomes[id] = RowOutcome::kChanged;
  }
  std::vector<RowOutcome> answer;
  answer.reserve(rows.size());
  for (const std::uint32_t id : rows) answer.push_back(outcomes[id]);
  return answer;
}

const std::vector<ForeignKey>& DeleteTransaction::ReferrersOf(const KeyedRows& list) {
  return session_.referrers.Of(session_.connection(), Part(list).table().name);
}

}  // namespace osarchiver
