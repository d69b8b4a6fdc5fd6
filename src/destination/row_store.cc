#include "destination/row_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "destination/archived_keys.h"
#include "destination/database_reader.h"
#include "mariadb/quote.h"
#include "util/failpoint.h"

namespace osarchiver {
namespace {

constexpr unsigned kDuplicateEntry = 1062;
constexpr unsigned kUnknownColumn = 1054;
constexpr unsigned kTooManyPrepared = 1461;
constexpr std::size_t kConditionBytes = 1 << 20;
constexpr std::size_t kNamedKeys = 10;
constexpr std::size_t kLongRowBytes = 1 << 20;
// Longer statements are not faster.
constexpr std::size_t kMaxStatementBytes = 4 << 20;

std::size_t CountEnumErrors(std::string_view row) {
  std::size_t count = 0;
  for (ValueCursor values(row); !values.AtEnd();) {
    count += values.Next().kind == ValueKind::kEnumError ? 1 : 0;
  }
  return count;
}

RowBatch KeysOf(const RowBatch& rows, const std::vector<std::size_t>& indexes,
                const std::vector<std::size_t>& key) {
  RowBatch keys(key.size());
  for (const std::size_t index : indexes) keys.AppendRow(KeyBytes(rows.row(index), key));
  return keys;
}

}  // namespace

RowStore::RowStore(Connection& connection, const ControlTable& control, const TableName& table,
                   const PassContext& pass, std::size_t max_packet_bytes)
    : connection_(connection),
      control_(control),
      table_(table),
      pass_(pass),
      max_packet_bytes_(max_packet_bytes),
      max_statement_bytes_(std::min(kMaxStatementBytes, max_packet_bytes / 2)),
      table_id_(TableId({pass.run.source, pass.definition.database, pass.definition.table})) {
  has_generated_ = !pass_.definition.generated.empty();
  insert_head_ = "INSERT INTO " + Quoted(table_) + " (";
  for (const Column& column : pass_.definition.columns) {
    insert_head_ += QuoteIdentifier(column.name) + ",";
  }
  insert_head_.back() = ')';
  insert_head_ += " VALUES ";
  if (connection_.supports_bulk() && BulkRows::Take(pass_.definition)) {
    bulk_.emplace(pass_.definition);
  }
}

std::vector<SupersededVersion> RowStore::Insert(const BatchToStore& batch) {
  const RowBatch& rows = *batch.rows;
  done_.assign(rows.row_count(), false);
  superseded_.clear();
  conflicts_.clear();
  for (std::size_t begin = 0; begin < rows.row_count();) {
    Statement statement = BuildBulk(rows, begin);
    if (statement.rows.empty()) statement = BuildInsert(rows, begin);
    if (statement.rows.empty()) break;
    Failpoint("archive-insert-before");
    try {
      Execute(statement);
    } catch (const DatabaseError& error) {
      if (statement.is_bulk && error.code() == kTooManyPrepared) {
        bulk_.reset();  // the server has its statements for others
        continue;
      }
      if (error.code() != kDuplicateEntry) throw;
      ResolveDuplicates(batch, statement);
      continue;  // the same rows again, without those that are there
    }
    Failpoint("archive-insert-after");
    begin = statement.end;
  }
  if (conflicts_.empty()) return std::move(superseded_);

  std::sort(conflicts_.begin(), conflicts_.end());
  std::string keys;
  for (std::size_t i = 0; i < conflicts_.size() && i < kNamedKeys; ++i) {
    keys += (i > 0 ? "; " : "") + KeyText(KeyBytes(rows.row(conflicts_[i]), pass_.definition.key));
  }
  const std::string message = fmt::format(
      "{} rows of {}.{} have keys that rows of {} have which osarchiver did not archive "
      "in this version from here: {}{}",
      conflicts_.size(), pass_.definition.database, pass_.definition.table, ToText(table_), keys,
      conflicts_.size() > kNamedKeys ? "; ..." : "");
  throw BatchConflict(message, std::move(conflicts_));
}

RowStore::Statement RowStore::BuildBulk(const RowBatch& rows, std::size_t begin) {
  Statement statement;
  statement.is_bulk = true;
  statement.end = begin;
  if (!bulk_) return statement;
  bulk_->Clear();
  for (; statement.end < rows.row_count(); ++statement.end) {
    if (done_[statement.end]) continue;
    const std::string_view row = rows.row(statement.end);
    if (row.size() > kLongRowBytes || HoldsEnumError(row) || has_generated_) break;
    if (bulk_->packet_bytes() + 2 * row.size() > max_statement_bytes_) break;
    bulk_->Add(row);
    statement.rows.push_back(statement.end);
  }
  if (statement.rows.empty()) return statement;
  statement.sql = insert_head_ + "(";
  for (std::size_t i = 0; i < pass_.definition.columns.size(); ++i) statement.sql += "?,";
  statement.sql.back() = ')';
  return statement;
}

RowStore::Statement RowStore::BuildInsert(const RowBatch& rows, std::size_t begin) const {
  Statement statement;
  statement.end = begin;
  for (; statement.end < rows.row_count(); ++statement.end) {
    if (done_[statement.end]) continue;
    const std::string_view row = rows.row(statement.end);
    // An ENUM's error value needs a session that is not strict, so such a row goes alone.
    const std::size_t enum_errors = HoldsEnumError(row) ? CountEnumErrors(row) : 0;
    if (!statement.rows.empty() && enum_errors > 0) break;
    const std::size_t size_before = statement.sql.size();
    if (statement.rows.empty()) {
      // What the server works out of a row it may have taken from a session that was not strict.
      if (enum_errors > 0 || has_generated_) statement.sql = kEnumErrorPrefix;
      statement.sql += insert_head_;
    } else {
      statement.sql += ",";
    }
    // Literals are at most about twice as long. What is reserved and not written costs nothing,
    // while growing step by step would hold a long row's literal twice.
    if (row.size() > kLongRowBytes)
      statement.sql.reserve(size_before + 2 * row.size() + kLongRowBytes);
    char separator = '(';
    ValueCursor values(row);
    for (const Column& column : pass_.definition.columns) {
      statement.sql += separator;
      separator = ',';
      AppendInsertLiteral(column, values.Next(), &statement.sql);
    }
    statement.sql += ')';
    if (!statement.rows.empty() && statement.sql.size() > max_statement_bytes_) {
      statement.sql.resize(size_before);
      break;
    }
    statement.rows.push_back(statement.end);
    statement.enum_errors = enum_errors;
    if (enum_errors > 0) {
      ++statement.end;
      break;
    }
  }
  return statement;
}

void RowStore::Execute(const Statement& statement) const {
  RequirePacket(statement.sql, max_packet_bytes_);
  const ExecuteResult result = statement.is_bulk ? connection_.ExecuteBulk(statement.sql, *bulk_)
                                                 : connection_.Execute(statement.sql);
  // The batch is read back and compared all the same.
  if (result.warnings > 0 && !has_generated_) {
    const std::vector<std::string> warnings = connection_.Warnings();
    const bool expected =
        warnings.size() == statement.enum_errors && result.warnings == statement.enum_errors &&
        std::all_of(warnings.begin(), warnings.end(),
                    [](const std::string& line) { return line.starts_with("1265:"); });
    if (!expected) {
      throw Error(fmt::format("{} would not take a row unchanged: {}", ToText(table_),
                              fmt::join(warnings, "; ")));
    }
  }
  if (result.affected_rows != statement.rows.size()) {
    throw Error(fmt::format("{} took {} of {} rows", ToText(table_), result.affected_rows,
                            statement.rows.size()));
  }
}

void RowStore::ResolveDuplicates(const BatchToStore& batch, const Statement& statement) {
  std::vector<Mismatch> mismatches;
  const auto done_before = std::count(done_.begin(), done_.end(), true);
  Locate(batch, statement.rows, &mismatches);
  if (mismatches.empty() && std::count(done_.begin(), done_.end(), true) == done_before) {
    throw Error(fmt::format("{} refuses rows as duplicates, and not by the key ({}) of {}.{}",
                            ToText(table_), pass_.definition.key_name, pass_.definition.database,
                            pass_.definition.table),
                "drop the other unique index of the archive table");
  }
  if (mismatches.empty()) return;
  ProveByControlEntries(batch, &mismatches);
  ProveByJournal(batch, &mismatches);
  Settle(batch, mismatches);
}

// Marks rows that are there with the same bytes as done, and lists those that are there with
// others.
void RowStore::Locate(const BatchToStore& batch, const std::vector<std::size_t>& batch_rows,
                      std::vector<Mismatch>* mismatches) {
  const TableDefinition& definition = pass_.definition;
  const RowBatch keys = KeysOf(*batch.rows, batch_rows, definition.key);
  std::unordered_map<std::string, std::size_t> by_key;
  for (std::size_t i = 0; i < batch_rows.size(); ++i) {
    by_key.emplace(std::string(keys.row(i)), batch_rows[i]);
  }
  bool strangers = false;
  Sha256 sha;
  for (std::size_t begin = 0; begin < keys.row_count();) {
    const std::size_t end = KeyRangeEnd(keys, begin, kConditionBytes);
    RowBatch existing(definition.columns.size());
    ReadByKeys(connection_, table_, definition, keys, begin, end, " FOR UPDATE", &existing);
    for (std::size_t i = 0; i < existing.row_count(); ++i) {
      const std::string key = KeyBytes(existing.row(i), definition.key);
      const auto place = by_key.find(key);
      if (place == by_key.end()) {
        strangers = true;
      } else if (sha.Of(existing.row(i)) == (*batch.row_hashes)[place->second]) {
        done_[place->second] = true;
        by_key.erase(place);
      } else {
        mismatches->push_back(
            {place->second, key, std::string(existing.row(i)), Mismatch::Origin::kUnknown});
        by_key.erase(place);
      }
    }
    begin = end;
  }
  if (!strangers) return;
  // Keys that the collation takes for equal and whose bytes differ: find out which rows they meet.
  for (std::size_t i = 0; i < batch_rows.size(); ++i) {
    if (!by_key.contains(std::string(keys.row(i)))) continue;
    RowBatch existing(definition.columns.size());
    ReadByKeys(connection_, table_, definition, keys, i, i + 1, " FOR UPDATE", &existing);
    if (existing.row_count() == 0) continue;
    mismatches->push_back({batch_rows[i], KeyBytes(existing.row(0), definition.key),
                           std::string(existing.row(0)), Mismatch::Origin::kUnknown});
  }
}

std::vector<RowStore::Candidate> RowStore::FindCandidates(
    const std::vector<Mismatch>& mismatches) const {
  std::unordered_map<std::string, std::size_t> wanted;
  for (std::size_t i = 0; i < mismatches.size(); ++i) wanted.emplace(mismatches[i].key, i);
  std::vector<Candidate> candidates;
  control_.ForEachKeys(
      connection_, table_id_, pass_.run.journal_id, [&](const ControlEntry& entry) {
        ArchivedKeys archived;
        try {
          archived = DecodeKeys(entry.row_keys, pass_.definition.key.size());
        } catch (const IntegrityError&) {
          // A batch from before the table's key changed, or damage that `verify` names. Here it
          // only proves nothing.
          return;
        }
        for (std::size_t i = 0; i < archived.keys.row_count(); ++i) {
          const auto place = wanted.find(std::string(archived.keys.row(i)));
          if (place == wanted.end()) continue;
          candidates.push_back(
              {entry.run_name, entry.number, archived.row_hashes[i], place->second});
        }
      });
  return candidates;
}

std::optional<std::string> RowStore::ReadUnder(const TableDefinition& definition,
                                               const Mismatch& mismatch) const {
  if (SameRowShape(definition, pass_.definition)) return mismatch.existing;
  RowBatch key(pass_.definition.key.size());
  key.AppendRow(mismatch.key);
  RowBatch row(definition.columns.size());
  try {
    ReadByKeys(connection_, table_, definition, key, 0, 1, "", &row);
  } catch (const DatabaseError& error) {
    if (error.code() != kUnknownColumn) throw;
    return std::nullopt;
  }
  if (row.row_count() != 1) return std::nullopt;
  return std::string(row.row(0));
}

void RowStore::KeepVersion(SupersededVersion version) {
  const bool listed = std::any_of(superseded_.begin(), superseded_.end(), [&](const auto& other) {
    return other.key == version.key && other.row == version.row;
  });
  if (!listed) superseded_.push_back(std::move(version));
}

// Looks for control entries of this journal that list the key with the hash of the row that is
// there now. The hash is over the columns of that entry's batch, which may be fewer than today's.
void RowStore::ProveByControlEntries(const BatchToStore& batch, std::vector<Mismatch>* mismatches) {
  std::map<std::pair<std::string, std::uint64_t>, TableDefinition> definitions;
  Sha256 sha;
  for (const Candidate& candidate : FindCandidates(*mismatches)) {
    const std::pair batch_name(candidate.run_name, candidate.number);
    auto definition = definitions.find(batch_name);
    if (definition == definitions.end()) {
      const auto entry =
          control_.Find(connection_, candidate.run_name, table_id_, candidate.number);
      if (!entry) continue;
      definition = definitions.emplace(batch_name, DefinitionFromJson(entry->definition)).first;
    }
    Mismatch& mismatch = (*mismatches)[candidate.mismatch];
    const auto existing = ReadUnder(definition->second, mismatch);
    if (!existing || ShortHash(sha.Of(*existing)) != candidate.row_hash) continue;
    // Run names begin with the time.
    if (batch_name > std::pair(pass_.run.run_name, batch.number)) {
      mismatch.origin = Mismatch::Origin::kLater;
    } else if (mismatch.origin != Mismatch::Origin::kLater) {
      mismatch.origin = Mismatch::Origin::kEarlier;
      // Every batch that holds this version needs it under its own columns.
      KeepVersion({mismatch.key, *existing, candidate.run_name, candidate.number});
    }
  }
}

// What the caller's journal knows to be archived in this version.
void RowStore::ProveByJournal(const BatchToStore& batch, std::vector<Mismatch>* mismatches) {
  Sha256 sha;
  for (Mismatch& mismatch : *mismatches) {
    if (mismatch.origin != Mismatch::Origin::kUnknown) continue;
    const std::string hash = Hex(sha.Of(mismatch.existing)).substr(0, 16);
    for (const SupersededRow& earlier : batch.supersedes) {
      if (earlier.key != mismatch.key || earlier.old_row_hash != hash) continue;
      mismatch.origin = Mismatch::Origin::kEarlier;
      KeepVersion({mismatch.key, mismatch.existing, "", 0});
      break;
    }
  }
}

void RowStore::Settle(const BatchToStore& batch, const std::vector<Mismatch>& mismatches) {
  RowBatch keys(pass_.definition.key.size());
  for (const Mismatch& mismatch : mismatches) {
    switch (mismatch.origin) {
      case Mismatch::Origin::kEarlier:
        keys.AppendRow(mismatch.key);
        break;
      case Mismatch::Origin::kLater: {
        const std::string_view row = batch.rows->row(mismatch.row);
        KeepVersion({KeyBytes(row, pass_.definition.key), std::string(row), pass_.run.run_name,
                     batch.number});
        done_[mismatch.row] = true;
        break;
      }
      case Mismatch::Origin::kUnknown:
        // Left out, so that the other conflicts of the batch are found too; nothing is committed.
        done_[mismatch.row] = true;
        conflicts_.push_back(mismatch.row);
        break;
    }
  }
  for (std::size_t begin = 0; begin < keys.row_count();) {
    const std::size_t end = KeyRangeEnd(keys, begin, kConditionBytes);
    Failpoint("archive-supersede-before");
    const ExecuteResult result =
        connection_.Execute("DELETE FROM " + Quoted(table_) + " WHERE " +
                            KeyListCondition(pass_.definition, keys, begin, end));
    if (result.affected_rows != end - begin || result.warnings > 0) {
      throw Error(fmt::format("{}: {} of {} earlier versions could be replaced", ToText(table_),
                              result.affected_rows, end - begin));
    }
    Failpoint("archive-supersede-after");
    begin = end;
  }
}

}  // namespace osarchiver
