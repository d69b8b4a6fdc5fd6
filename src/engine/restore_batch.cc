#include "engine/restore_batch.h"

#include <algorithm>
#include <exception>
#include <thread>

#include "engine/batch_verifier.h"
#include "engine/bounded_queue.h"

namespace osarchiver {
namespace {

constexpr std::size_t kInsertBytes = 1u << 20;
// Statements double a batch in memory; for rows this large building them costs little time beside
// sending them.
constexpr std::size_t kPreparedBytes = 32u << 20;

}  // namespace

void RestoreFilter::Announce(const TableName& target, const std::string& run_name) {
  seen_[target].runs.insert(run_name);
}

std::vector<std::size_t> RestoreFilter::Choose(const TableName& target,
                                               const TableDefinition& definition,
                                               const RowBatch& rows) {
  Seen& seen = seen_[target];
  std::vector<std::size_t> chosen;
  chosen.reserve(rows.row_count());
  for (std::size_t i = 0; i < rows.row_count(); ++i) {
    if (!where_keys_.empty()) {
      std::string text = WholeKeyText(KeyBytes(rows.row(i), definition.key));
      if (std::find(where_keys_.begin(), where_keys_.end(), text) == where_keys_.end()) continue;
      found_.insert(std::move(text));
    }
    if (seen.runs.size() > 1 && !seen.keys.insert(KeyHash(rows.row(i), definition.key)).second) {
      continue;
    }
    chosen.push_back(i);
  }
  return chosen;
}

std::vector<std::string> RestoreFilter::NotFound() const {
  std::vector<std::string> missing;
  for (const std::string& key : where_keys_) {
    if (!found_.contains(key)) missing.push_back(key);
  }
  return missing;
}

void RunRestorePipeline(
    const std::function<void(const std::function<bool(RestoreBatch)>& push)>& produce,
    const std::function<void(RestoreBatch)>& consume) {
  BoundedQueue<RestoreBatch> queue(1);
  std::exception_ptr failure;
  std::thread producer([&] {
    try {
      produce([&](RestoreBatch batch) { return queue.Push(std::move(batch)); });
    } catch (...) {
      failure = std::current_exception();
    }
    queue.Close();
  });
  try {
    while (auto batch = queue.Pop()) consume(*std::move(batch));
  } catch (...) {
    queue.Abandon();
    producer.join();
    throw;
  }
  producer.join();
  if (failure) std::rethrow_exception(failure);
}

void FillBatch(const RowBatch& rows, const std::vector<std::size_t>& which, RestoreBatch* batch) {
  batch->rows = RowBatch(rows.column_count());
  batch->rows.Reserve(rows.byte_count());
  for (const std::size_t index : which) batch->rows.AppendRow(rows.row(index));
  batch->hashes = RowHashes(batch->rows);
  batch->may_differ.assign(which.size(), false);
  if (batch->rows.byte_count() > kPreparedBytes) return;
  std::vector<std::size_t> all(which.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  batch->inserts = BuildInserts(*batch->definition, batch->rows, all, kInsertBytes);
}

}  // namespace osarchiver
