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
constexpr std::size_t kConditionBytes = 1u << 20;
constexpr std::size_t kNoRow = SIZE_MAX;

std::string ColumnList(const TableDefinition& definition) {
  std::string list;
  for (const Column& column : definition.columns) {
    list += (list.empty() ? "" : ",") + QuoteIdentifier(column.name);
  }
  return list;
}

// Columns that the table lacks or holds as another type, as "name (archived as X, is Y)".
std::string Difference(const TableDefinition& archived, const TableDefinition& now) {
  std::string text;
  for (const Column& column : archived.columns) {
    const Column* found = nullptr;
    for (const Column& candidate : now.columns) {
      if (candidate.name == column.name) found = &candidate;
    }
    const bool same =
        found != nullptr && found->type == column.type && found->charset == column.charset;
    if (same) continue;
    text +=
        fmt::format("{}{} (archived as {}, {})", text.empty() ? "" : "; ", column.name, column.type,
                    found == nullptr ? std::string("is missing") : "is " + found->type);
  }
  for (const Column& column : now.columns) {
    bool known = column.nullable || !column.default_sql.empty() || column.auto_increment;
    for (const Column& candidate : archived.columns) known = known || candidate.name == column.name;
    if (!known)
      text += fmt::format("{}{} has no default and was not archived", text.empty() ? "" : "; ",
                          column.name);
  }
  return text;
}

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

}  // namespace

// For each archived row what stands in the table under its key.
struct RowRestorer::Existing {
  std::vector<std::size_t> missing;
  std::vector<std::size_t> identical;
  std::vector<std::size_t> different;
};

RowRestorer::RowRestorer(std::function<std::unique_ptr<Connection>()> connect, TableName target,
                         TableDefinition definition, Clock& clock)
    : connect_(std::move(connect)),
      target_(std::move(target)),
      definition_(std::move(definition)),
      clock_(clock),
      connection_(connect_()) {
  const auto table = LoadTable(*connection_, target_);
  if (!table)
    throw Error("there is no table " + ToText(target_) + " to restore to",
                "create it, or name another database with --to");
  const std::string difference = Difference(definition_, table->definition);
  if (!difference.empty()) {
    throw Error(
        fmt::format("table {} cannot take the archived rows: {}", ToText(target_), difference),
        "restore into another database with --to, or bring the columns back; the rows were "
        "archived from: " +
            definition_.create_sql);
  }
  statement_bytes_ =
      std::min<std::size_t>(LoadServerInfo(*connection_).max_allowed_packet / 2, 4u << 20);
}

RestoreOutcome RowRestorer::Restore(const RowBatch& rows) {
  RestoreOutcome outcome;
  // A lost answer to COMMIT needs no care: what was committed is found identical the next time.
  Retry(
      {}, clock_, "restoring into " + ToText(target_),
      [&] {
        try {
          outcome = TryWhole(rows);
        } catch (const DatabaseError& error) {
          if (error.code() != kNoParent && error.code() != kDuplicateKey) throw;
          connection_->Rollback();
          outcome = TrySingly(rows);
        }
      },
      [&](const DatabaseError&) {
        if (connection_->usable()) {
          connection_->Rollback();
        } else {
          connection_ = connect_();
        }
      });
  return outcome;
}

RestoreOutcome RowRestorer::Look(const RowBatch& rows) {
  const Existing existing = FindExisting(rows, false);
  RestoreOutcome outcome;
  outcome.inserted = existing.missing.size();
  outcome.identical = existing.identical.size();
  outcome.conflicts = existing.different;
  return outcome;
}

RowRestorer::Existing RowRestorer::FindExisting(const RowBatch& rows, bool lock) {
  const RowBatch keys = KeysOf(rows, definition_.key, AllOf(rows));
  std::unordered_map<std::string_view, std::size_t> by_key;
  for (std::size_t i = 0; i < keys.row_count(); ++i) by_key.emplace(keys.row(i), i);
  const std::vector<Hash> hashes = RowHashes(rows);
  std::vector<bool> found(rows.row_count()), same(rows.row_count());
  Sha256 sha;
  RowBatch row(definition_.columns.size());
  for (std::size_t begin = 0; begin < keys.row_count();) {
    const std::size_t end = KeyRangeEnd(keys, begin, kConditionBytes);
    const std::string sql = "SELECT " + ReadExpressions(definition_) + " FROM " + Quoted(target_) +
                            " WHERE " + KeyListCondition(definition_, keys, begin, end) +
                            (lock ? " FOR UPDATE" : "");
    connection_->Stream(sql, [&](const Row& cells) {
      row.Clear();
      for (std::size_t i = 0; i < cells.size(); ++i)
        AppendCell(definition_.columns[i], cells[i], &row);
      row.EndRow();
      const std::string key = KeyBytes(row.row(0), definition_.key);
      const auto it = by_key.find(key);
      // The key list compares by collation: 'A' may answer for 'a', and then stands where the
      // archived row would go.
      std::size_t index = it == by_key.end() ? kNoRow : it->second;
      if (index == kNoRow) {
        for (std::size_t i = begin; i < end; ++i) {
          if (!found[i]) index = i;
        }
      }
      if (index == kNoRow) return RowAction::kContinue;
      found[index] = true;
      same[index] = sha.Of(row.row(0)) == hashes[index];
      return RowAction::kContinue;
    });
    begin = end;
  }
  Existing existing;
  for (std::size_t i = 0; i < rows.row_count(); ++i) {
    (!found[i] ? existing.missing : same[i] ? existing.identical : existing.different).push_back(i);
  }
  return existing;
}

void RowRestorer::Insert(const RowBatch& rows, const std::vector<std::size_t>& which) {
  const std::string head =
      "INSERT INTO " + Quoted(target_) + " (" + ColumnList(definition_) + ") VALUES ";
  std::string sql;
  const auto flush = [&](std::string_view prefix, std::uint64_t warnings_allowed) {
    if (sql.empty()) return;
    Failpoint("restore-insert-before");
    const ExecuteResult result = connection_->Execute(std::string(prefix) + head + sql);
    if (result.warnings > warnings_allowed) {
      throw IntegrityError(fmt::format("table {} takes the rows with a warning: {}",
                                       ToText(target_), fmt::join(connection_->Warnings(), "; ")));
    }
    sql.clear();
    Failpoint("restore-insert-after");
  };
  for (const std::size_t index : which) {
    const bool enum_error = HoldsEnumError(rows.row(index));
    if (enum_error || sql.size() > statement_bytes_) flush({}, 0);
    sql += sql.empty() ? "(" : ",(";
    ValueCursor cursor(rows.row(index));
    std::uint64_t errors = 0;
    for (std::size_t i = 0; i < definition_.columns.size(); ++i) {
      const Value value = cursor.Next();
      if (value.kind == ValueKind::kEnumError) ++errors;
      if (i > 0) sql += ',';
      AppendInsertLiteral(definition_.columns[i], value, &sql);
    }
    sql += ')';
    if (enum_error) flush(kEnumErrorPrefix, errors);
  }
  flush({}, 0);
}

void RowRestorer::Compare(const RowBatch& rows, const std::vector<Hash>& hashes,
                          const std::vector<std::size_t>& which) {
  const RowBatch keys = KeysOf(rows, definition_.key, which);
  std::map<Hash, std::size_t> expected;
  for (const std::size_t index : which) ++expected[hashes[index]];
  Sha256 sha;
  RowBatch row(definition_.columns.size());
  for (std::size_t begin = 0; begin < keys.row_count();) {
    const std::size_t end = KeyRangeEnd(keys, begin, kConditionBytes);
    connection_->Stream("SELECT " + ReadExpressions(definition_) + " FROM " + Quoted(target_) +
                            " WHERE " + KeyListCondition(definition_, keys, begin, end),
                        [&](const Row& cells) {
                          row.Clear();
                          for (std::size_t i = 0; i < cells.size(); ++i)
                            AppendCell(definition_.columns[i], cells[i], &row);
                          row.EndRow();
                          const auto it = expected.find(sha.Of(row.row(0)));
                          if (it == expected.end()) {
                            throw IntegrityError(fmt::format(
                                "table {}: row {} is not what was archived once it is inserted",
                                ToText(target_), KeyText(KeyBytes(row.row(0), definition_.key))));
                          }
                          if (--it->second == 0) expected.erase(it);
                          return RowAction::kContinue;
                        });
    begin = end;
  }
  if (!expected.empty())
    throw IntegrityError(fmt::format("table {}: {} rows were inserted and are not there",
                                     ToText(target_), expected.size()));
}

RestoreOutcome RowRestorer::TryWhole(const RowBatch& rows) {
  connection_->Begin();
  try {
    const Existing existing = FindExisting(rows, true);
    Insert(rows, existing.missing);
    Compare(rows, RowHashes(rows), existing.missing);
    Failpoint("restore-commit-before");
    connection_->Commit();
    Failpoint("restore-commit-after");
    RestoreOutcome outcome;
    outcome.inserted = existing.missing.size();
    outcome.identical = existing.identical.size();
    outcome.conflicts = existing.different;
    return outcome;
  } catch (const DatabaseError&) {
    throw;
  } catch (...) {
    connection_->Rollback();
    throw;
  }
}

// Row by row, each in its own transaction: a row that cannot go in now must not keep the others
// out.
RestoreOutcome RowRestorer::TrySingly(const RowBatch& rows) {
  RestoreOutcome outcome;
  for (std::size_t i = 0; i < rows.row_count(); ++i) {
    RowBatch one(rows.column_count());
    one.AppendRow(rows.row(i));
    try {
      RestoreOutcome single = TryWhole(one);
      outcome.inserted += single.inserted;
      outcome.identical += single.identical;
      if (!single.conflicts.empty()) outcome.conflicts.push_back(i);
    } catch (const DatabaseError& error) {
      if (error.code() != kNoParent && error.code() != kDuplicateKey) throw;
      connection_->Rollback();
      (error.code() == kNoParent ? outcome.without_parent : outcome.conflicts).push_back(i);
    }
  }
  return outcome;
}

}  // namespace osarchiver
