// The transitions of batches. Each function is one transaction; the triggers in schema.cc refuse
// what must never be, the checks here only say it better.
#include <fmt/format.h>

#include "state/journal_state.h"
#include "state/row_marks.h"
#include "util/error.h"

namespace osarchiver {

std::uint64_t Sum(const DeleteCounts& counts) {
  return counts.deleted + counts.absent + counts.changed + counts.blocked;
}

void Journal::State::PutCopy(const BatchRow& batch, const CopyLocation& copy) {
  const std::int64_t target = TargetId(copy.target);
  const bool in_place =
      db->QueryInt(
          "SELECT EXISTS (SELECT 1 FROM copies WHERE batch_id = ? AND target_id = ?"
          " AND segment_id IS nullif(?, 0) AND frame_offset = ? AND frame_bytes = ? AND frame_end "
          "= ?)",
          batch.id, target, copy.segment, copy.offset, copy.frame_bytes, copy.end) != 0;
  if (in_place) return;
  db->Run(
      "INSERT INTO copies (batch_id, target_id, segment_id, frame_offset, frame_bytes, frame_end)"
      " VALUES (?, ?, nullif(?, 0), ?, ?, ?)"
      " ON CONFLICT (batch_id, target_id) DO UPDATE SET segment_id = excluded.segment_id,"
      " frame_offset = excluded.frame_offset, frame_bytes = excluded.frame_bytes, frame_end = "
      "excluded.frame_end",
      batch.id, target, copy.segment, copy.offset, copy.frame_bytes, copy.end);
  if (copy.segment != 0)
    db->Run("UPDATE segments SET length = ? WHERE id = ?", copy.end, copy.segment);
}

std::vector<BatchId> Journal::AddBatches(const std::vector<std::pair<PassId, NewBatch>>& batches) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db, Transaction::Kind::kWriteWithNext);
  std::vector<BatchId> ids;
  for (const auto& [pass, batch] : batches) {
    state_->db->Run(
        "INSERT INTO batches (pass_id, number, unit, row_count, bytes, digest, first_key, last_key)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        pass, batch.number, batch.unit, batch.rows, batch.bytes,
        Blob{{reinterpret_cast<const char*>(batch.digest.data()), batch.digest.size()}},
        Blob{batch.first_key}, Blob{batch.last_key});
    ids.push_back(state_->db->last_insert_id());
    state_->Touch(state_->db->QueryInt("SELECT run_id FROM passes WHERE id = ?", pass));
  }
  transaction.Commit();
  for (const BatchId id : ids) state_->NoteUndurable(state_->undurable, id);
  return ids;
}

void Journal::EnsureDurable(BatchId batch) {
  const State::Call call(*state_);
  state_->EnsureDurable(state_->undurable, batch);
}

void Journal::MarkArchived(const std::vector<ArchivedBatch>& batches) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db, Transaction::Kind::kWriteWithNext);
  for (const auto& [id, copies] : batches) {
    const BatchRow batch = state_->LoadBatch(id);
    state_->RequireTransition(batch, BatchState::kArchived);
    if (copies.empty()) throw StateError(state_->Describe(id) + " has no copy and is not archived");
    for (const CopyLocation& copy : copies) state_->PutCopy(batch, copy);
    state_->db->Run("UPDATE batches SET state = 'archived' WHERE id = ?", id);
    state_->Touch(batch.run);
  }
  transaction.Commit();
}

void Journal::MarkVerified(const std::vector<BatchId>& batches, Next next) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db, Transaction::Kind::kWriteWithNext);
  for (const BatchId id : batches) {
    const BatchRow batch = state_->LoadBatch(id);
    if (batch.state != BatchState::kVerified)
      state_->RequireTransition(batch, BatchState::kVerified);
    state_->db->Run(
        "UPDATE batches SET state = 'verified', delete_begun = max(delete_begun, ?) WHERE id = ?",
        next == Next::kDelete, id);
    state_->Touch(batch.run);
  }
  transaction.Commit();
  for (const BatchId id : batches) state_->NoteUndurable(state_->undurable, id);
}

void Journal::MarkKept(BatchId id, const std::vector<KeptRow>& rows) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db);
  const BatchRow batch = state_->LoadBatch(id);
  if (batch.state != BatchState::kVerified) {
    throw StateError(fmt::format("{} is {}; only a verified batch is kept", state_->Describe(id),
                                 ToText(batch.state)));
  }
  state_->db->Run("UPDATE batches SET settled = 1 WHERE id = ?", id);
  state_->PutKept(batch.table, id, rows);
  state_->Touch(batch.run);
  transaction.Commit();
}

void Journal::MarkDeleted(const std::vector<DeletedBatch>& batches) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db, Transaction::Kind::kWriteWithNext);
  for (const auto& [id, counts, kept] : batches) {
    const BatchRow batch = state_->LoadBatch(id);
    // Deleted from extracted is for batches without copies.
    if (batch.state != BatchState::kVerified || batch.settled) {
      throw StateError(fmt::format("{} is {} and cannot become deleted", state_->Describe(id),
                                   batch.settled ? "kept" : ToText(batch.state)));
    }
    if (Sum(counts) != batch.rows) {
      throw StateError(fmt::format("{}: {} rows are accounted for out of {}", state_->Describe(id),
                                   Sum(counts), batch.rows));
    }
    state_->db->Run(
        "UPDATE batches SET state = 'deleted', delete_begun = 1, deleted = ?, absent = ?, changed "
        "= ?, blocked = ?"
        " WHERE id = ?",
        counts.deleted, counts.absent, counts.changed, counts.blocked, id);
    state_->PutKept(batch.table, id, kept);
    state_->Touch(batch.run);
  }
  transaction.Commit();
}

void Journal::MarkDeletedUnarchived(const DeletedBatch& deleted) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db);
  const BatchRow batch = state_->LoadBatch(deleted.batch);
  const DeleteCounts& counts = deleted.counts;
  if (batch.state != BatchState::kExtracted) {
    throw StateError(fmt::format("{} is {}; only an extracted batch is deleted unarchived",
                                 state_->Describe(deleted.batch), ToText(batch.state)));
  }
  if (!deleted.kept.empty()) {
    throw StateError(state_->Describe(deleted.batch) +
                     " is archived nowhere, so none of its rows is kept");
  }
  if (Sum(counts) != batch.rows) {
    throw StateError(fmt::format("{}: {} rows are accounted for out of {}",
                                 state_->Describe(deleted.batch), Sum(counts), batch.rows));
  }
  state_->db->Run(
      "UPDATE batches SET state = 'deleted', unarchived = 1, delete_begun = 1, deleted = ?, absent "
      "= ?, changed = ?,"
      " blocked = ? WHERE id = ?",
      counts.deleted, counts.absent, counts.changed, counts.blocked, deleted.batch);
  state_->Touch(batch.run);
  transaction.Commit();
}

void Journal::MarkForgotten(BatchId id) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db);
  const BatchRow batch = state_->LoadBatch(id);
  state_->RequireTransition(batch, BatchState::kForgotten);
  if (batch.delete_begun) {
    throw StateError(state_->Describe(id) + " cannot be forgotten: its deletion has begun");
  }
  if (batch.kept_rows > 0) {
    // Without an index on the batch, which every kept row would pay for: this happens when all
    // copies are damaged, and else never.
    state_->db->Run(
        fmt::format("UPDATE tables SET kept_rows = kept_rows - ?, kept_mark = kept_mark -"
                    " (SELECT coalesce(sum({}), 0) FROM kept"
                    " WHERE table_id = tables.id AND batch_id = ?) WHERE id = ?",
                    kKeptMarkSql),
        batch.kept_rows, id, batch.table);
    state_->db->Run("DELETE FROM kept WHERE table_id = ? AND batch_id = ?", batch.table, id);
  }
  state_->db->Run("UPDATE batches SET state = 'forgotten', settled = 0, kept_rows = 0 WHERE id = ?",
                  id);
  state_->db->Run("DELETE FROM copies WHERE batch_id = ?", id);
  state_->Touch(batch.run);
  transaction.Commit();
}

void Journal::ReplaceCopies(BatchId id, const std::vector<CopyLocation>& copies) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db);
  const BatchRow batch = state_->LoadBatch(id);
  if (batch.state == BatchState::kExtracted || batch.state == BatchState::kForgotten) {
    throw StateError(fmt::format("{} is {} and has no copies to replace", state_->Describe(id),
                                 ToText(batch.state)));
  }
  for (const CopyLocation& copy : copies) state_->PutCopy(batch, copy);
  state_->Touch(batch.run);
  transaction.Commit();
}

}  // namespace osarchiver
