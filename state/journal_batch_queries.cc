// What the journal knows about batches.
#include <algorithm>

#include "state/journal_state.h"
#include "util/error.h"

namespace osarchiver {
namespace {

#define BATCH_COLUMNS                                                                          \
  "id, pass_id, number, unit, row_count, bytes, digest, first_key, last_key, state, settled, " \
  "delete_begun"

BatchInfo ReadBatch(const Statement& row) {
  BatchInfo info;
  info.id = row.Int(0);
  info.pass = row.Int(1);
  info.batch.number = row.Count(2);
  info.batch.unit = row.Count(3);
  info.batch.rows = row.Count(4);
  info.batch.bytes = row.Count(5);
  const std::string digest = row.Text(6);
  if (digest.size() != info.batch.digest.size())
    throw IntegrityError("the journal holds a digest of a wrong size");
  std::copy(digest.begin(), digest.end(), info.batch.digest.begin());
  info.batch.first_key = row.Text(7);
  info.batch.last_key = row.Text(8);
  info.state = BatchStateFromText(row.Text(9));
  info.settled = row.Flag(10);
  info.delete_begun = row.Flag(11);
  return info;
}

std::vector<BatchInfo> ReadBatches(Database& db, Statement rows) {
  std::vector<BatchInfo> batches;
  while (rows.Step()) batches.push_back(ReadBatch(rows));
  for (BatchInfo& batch : batches) {
    Statement copies = db.Query(
        "SELECT t.destination, t.format, c.segment_id, c.frame_offset, c.frame_bytes, c.frame_end"
        " FROM copies c JOIN targets t ON t.id = c.target_id WHERE c.batch_id = ? ORDER BY "
        "c.target_id",
        batch.id);
    while (copies.Step()) {
      CopyLocation copy;
      copy.target = {copies.Text(0), copies.Text(1)};
      copy.segment = copies.Int(2);
      copy.offset = copies.Count(3);
      copy.frame_bytes = copies.Count(4);
      copy.end = copies.Count(5);
      batch.copies.push_back(std::move(copy));
    }
  }
  return batches;
}

}  // namespace

std::vector<BatchInfo> Journal::ListBatches(PassId pass) const {
  const State::Call call(*state_);
  const Transaction snapshot(*state_->db, Transaction::Kind::kRead);
  return ReadBatches(
      *state_->db,
      state_->db->Query("SELECT " BATCH_COLUMNS " FROM batches WHERE pass_id = ? ORDER BY number",
                        pass));
}

std::vector<BatchInfo> Journal::UnsettledBatches(PassId pass) const {
  const State::Call call(*state_);
  const Transaction snapshot(*state_->db, Transaction::Kind::kRead);
  return ReadBatches(
      *state_->db,
      state_->db->Query(
          "SELECT " BATCH_COLUMNS " FROM batches WHERE pass_id = ?"
          " AND (state IN ('extracted', 'archived') OR (state = 'verified' AND settled = 0))"
          " ORDER BY number",
          pass));
}

std::optional<BatchInfo> Journal::FindBatch(BatchId batch) const {
  const State::Call call(*state_);
  const Transaction snapshot(*state_->db, Transaction::Kind::kRead);
  std::vector<BatchInfo> found = ReadBatches(
      *state_->db, state_->db->Query("SELECT " BATCH_COLUMNS " FROM batches WHERE id = ?", batch));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

std::uint64_t Journal::LastBatchNumber(PassId pass) const {
  const State::Call call(*state_);
  return static_cast<std::uint64_t>(
      state_->db->QueryInt("SELECT coalesce(max(number), 0) FROM batches WHERE pass_id = ?", pass));
}

}  // namespace osarchiver
