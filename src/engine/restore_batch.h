// One batch on its way from an archive into a table: proven, what was not asked for left out, and
// as statements. Made beside the inserting, so that the server need not wait.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include "engine/insert_text.h"
#include "formats/row_batch.h"
#include "formats/table_definition.h"
#include "mariadb/catalogue.h"

namespace osarchiver {

struct RestoreBatch {
  // Outlives the batch.
  const TableDefinition* definition = nullptr;
  std::string source;  // whose session takes it
  RowBatch rows;
  std::vector<Hash> hashes;
  // For each row: the journal knows that the source has another version, which is no conflict.
  std::vector<bool> may_differ;
  // All rows; none where they would double large values in memory.
  std::vector<InsertText> inserts;
  std::uint64_t archived_rows = 0;  // those left out too
  bool first = false;               // of its table's pass
  double share = 0;                 // of its table's pass, once it is done
  // What of the archive is damaged; there may be no rows because of it.
  std::string damage;
  // Why there are no rows though nothing is known to be damaged: no copy is within reach.
  std::string unreachable;
};

// What a restore takes out of a batch: the rows that were asked for by key, and of several versions
// of a row the first that is seen, which is the newest.
class RestoreFilter {
 public:
  // KeyTexts of single rows; empty: all.
  explicit RestoreFilter(const std::vector<std::string>& where_keys) : where_keys_(where_keys) {}

  // Several versions of a row can come only out of several runs; without that nothing is
  // remembered.
  void Announce(const TableName& target, const std::string& run_name);
  // Positions of the rows to restore.
  std::vector<std::size_t> Choose(const TableName& target, const TableDefinition& definition,
                                  const RowBatch& rows);
  // The keys of where_keys that no row had.
  std::vector<std::string> NotFound() const;

 private:
  struct Seen {
    std::unordered_set<std::string> runs;
    std::unordered_set<std::int64_t> keys;
  };
  const std::vector<std::string>& where_keys_;
  std::unordered_set<std::string> found_;
  std::map<TableName, Seen> seen_;
};

// Runs `produce` on a thread of its own, at most two batches ahead of `consume`. `produce` ends
// when its argument returns false. What either throws is thrown on; whatever is left is dropped.
void RunRestorePipeline(
    const std::function<void(const std::function<bool(RestoreBatch)>& push)>& produce,
    const std::function<void(RestoreBatch)>& consume);

// Leaves `which` of the rows in the batch, hashes and statements made.
void FillBatch(const RowBatch& rows, const std::vector<std::size_t>& which, RestoreBatch* batch);

}  // namespace osarchiver
