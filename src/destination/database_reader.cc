#include "destination/database_reader.h"

#include <fmt/format.h>

#include <unordered_map>

#include "destination/archived_keys.h"
#include "destination/superseded_rows.h"
#include "mariadb/quote.h"

namespace osarchiver {
namespace {

constexpr std::size_t kConditionBytes = 1 << 20;

// The batch's rows that are still to be found: key bytes to place in the list of keys.
using Wanted = std::unordered_map<std::string, std::size_t>;

std::string Describe(const ControlTable& control, const ControlEntry& entry) {
  return fmt::format("batch {} of {}.{} (run {}) in {}.{}", entry.number, entry.key.database,
                     entry.key.table, entry.run_name, control.database(), entry.archive_table);
}

// Rows that a later batch put newer versions in the place of. It may be another source's: where two
// had the same bytes in a row, both entries list it, and the version that one replaced is kept in
// that one's entry.
void TakeSuperseded(Connection& connection, const ControlTable& control, const ControlEntry& entry,
                    const TableDefinition& definition, const ArchivedKeys& keys, Wanted* wanted,
                    RowBatch* found, std::vector<Hash>* hashes) {
  Sha256 sha;
  for (const std::string& blob : control.ListSuperseded(connection, entry.archive_table)) {
    for (const SupersededVersion& version : DecodeSuperseded(blob)) {
      const auto place = wanted->find(version.key);
      if (place == wanted->end() || !IsCanonical(version.row, definition.columns.size())) continue;
      const Hash hash = sha.Of(version.row);
      if (ShortHash(hash) != keys.row_hashes[place->second]) continue;
      found->AppendRow(version.row);
      hashes->push_back(hash);
      wanted->erase(place);
    }
    if (wanted->empty()) return;
  }
}

}  // namespace

void ReadByKeys(Connection& connection, const TableName& table, const TableDefinition& definition,
                const RowBatch& keys, std::size_t begin, std::size_t end, std::string_view lock,
                RowBatch* rows) {
  const std::string sql =
      fmt::format("SELECT {} FROM {} WHERE {}{}", ReadExpressions(definition), Quoted(table),
                  KeyListCondition(definition, keys, begin, end), lock);
  connection.Stream(sql, [&](const Row& row) {
    AppendCells(definition, row, RowBytesBound(definition, row), rows);
    return RowAction::kContinue;
  });
}

Hash ReadEntry(Connection& connection, const ControlTable& control, const ControlEntry& entry,
               const TableDefinition& definition, RowBatch* rows) {
  const ArchivedKeys keys = DecodeKeys(entry.row_keys, definition.key.size());
  if (keys.keys.row_count() != entry.rows) {
    throw IntegrityError(fmt::format("{}: its entry lists {} keys for {} rows",
                                     Describe(control, entry), keys.keys.row_count(), entry.rows));
  }
  Wanted wanted;
  for (std::size_t i = 0; i < keys.keys.row_count(); ++i) {
    wanted.emplace(std::string(keys.keys.row(i)), i);
  }
  const TableName table{control.database(), entry.archive_table};
  Sha256 sha;
  std::vector<Hash> hashes;
  hashes.reserve(entry.rows);
  for (std::size_t begin = 0; begin < keys.keys.row_count();) {
    const std::size_t end = KeyRangeEnd(keys.keys, begin, kConditionBytes);
    RowBatch read(definition.columns.size());
    ReadByKeys(connection, table, definition, keys.keys, begin, end, "", &read);
    std::vector<std::size_t> archived;
    for (std::size_t i = 0; i < read.row_count(); ++i) {
      const auto place = wanted.find(KeyBytes(read.row(i), definition.key));
      if (place == wanted.end()) continue;
      // Another version than the archived one: if a newer batch brought it, the older is kept
      // there.
      const Hash hash = sha.Of(read.row(i));
      if (ShortHash(hash) != keys.row_hashes[place->second]) continue;
      archived.push_back(i);
      hashes.push_back(hash);
      wanted.erase(place);
    }
    if (rows->row_count() == 0 && archived.size() == read.row_count()) {
      *rows = std::move(read);  // the usual case, and a long row is not held twice
    } else {
      for (const std::size_t i : archived) rows->AppendRow(read.row(i));
    }
    begin = end;
  }
  if (!wanted.empty()) {
    TakeSuperseded(connection, control, entry, definition, keys, &wanted, rows, &hashes);
  }
  if (wanted.empty()) return BatchDigest(std::move(hashes));
  throw IntegrityError(fmt::format(
      "{}: {} of {} rows are not there as they were archived; the key "
      "of one is {}",
      Describe(control, entry), wanted.size(), entry.rows, KeyText(wanted.begin()->first)));
}

}  // namespace osarchiver
