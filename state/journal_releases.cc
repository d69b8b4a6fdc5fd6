// Releases: kept rows that a later run deletes. A row is counted in the batch that archived it, and
// which rows a DELETE was begun for is written before it, so that settling can ask for them.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "state/journal_state.h"
#include "util/error.h"

namespace osarchiver {
namespace {

// Key hashes as 8 bytes each, in the order of this machine: they leave the journal with the
// release.
std::string Pack(const std::vector<std::int64_t>& key_hashes) {
  return std::string(reinterpret_cast<const char*>(key_hashes.data()),
                     key_hashes.size() * sizeof(std::int64_t));
}

std::vector<std::int64_t> Unpack(std::string_view bytes) {
  std::vector<std::int64_t> key_hashes(bytes.size() / sizeof(std::int64_t));
  std::memcpy(key_hashes.data(), bytes.data(), key_hashes.size() * sizeof(std::int64_t));
  return key_hashes;
}

// Takes as much of `amount` from `from` as there is.
void Take(std::uint64_t* from, std::uint64_t* amount) {
  const std::uint64_t taken = std::min(*from, *amount);
  *from -= taken;
  *amount -= taken;
}

// What a batch counts once rows of it were released. A released row was blocked or changed before,
// and gives that up; one that was put back by a restore was deleted before, and is counted once.
DeleteCounts Released(const BatchRow& batch, const DeleteCounts& answer) {
  DeleteCounts counts = batch.counts;
  DeleteCounts added = answer;
  std::uint64_t again = 0;
  if (batch.state == BatchState::kDeleted) {
    again = Sum(added);
  } else {
    // Rows of a kept batch that stay are kept as before.
    added.changed = added.blocked = 0;
    const std::uint64_t left = batch.rows - Sum(counts);
    again = Sum(added) > left ? Sum(added) - left : 0;
  }
  Take(&counts.blocked, &again);
  Take(&counts.changed, &again);
  Take(&counts.deleted, &again);
  Take(&counts.absent, &again);
  counts.deleted += added.deleted;
  counts.absent += added.absent;
  counts.changed += added.changed;
  counts.blocked += added.blocked;
  return counts;
}

bool IsKept(const BatchRow& batch) { return batch.state == BatchState::kVerified && batch.settled; }

}  // namespace

void Journal::State::RequireKeptRows(const BatchRow& batch, std::uint64_t released) {
  if (!IsKept(batch) && batch.state != BatchState::kDeleted) {
    throw StateError(
        fmt::format("{} is {} and has no kept rows", Describe(batch.id), ToText(batch.state)));
  }
  if (released > batch.rows) {
    throw StateError(fmt::format("{}: {} rows were released out of {}", Describe(batch.id),
                                 released, batch.rows));
  }
}

std::vector<ReleaseId> Journal::BeginReleases(const std::vector<NewRelease>& releases) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db);
  std::vector<ReleaseId> ids;
  for (const NewRelease& release : releases) {
    state_->RequireKeptRows(state_->LoadBatch(release.batch), release.key_hashes.size());
    state_->db->Run("UPDATE batches SET delete_begun = 1 WHERE id = ? AND delete_begun = 0",
                    release.batch);
    const std::string key_hashes = Pack(release.key_hashes);
    state_->db->Run(
        "INSERT INTO releases (pass_id, batch_id, unit, key_hashes) VALUES (?, ?, ?, ?)",
        release.by, release.batch, release.unit, Blob{key_hashes});
    ids.push_back(state_->db->last_insert_id());
    state_->Touch(state_->db->QueryInt("SELECT run_id FROM passes WHERE id = ?", release.by));
  }
  transaction.Commit();
  return ids;
}

void Journal::AddReleased(ReleaseId release, const DeleteCounts& answer,
                          const std::vector<std::int64_t>& gone_key_hashes) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db, Transaction::Kind::kWriteWithNext);
  PassId by = 0;
  BatchId id = 0;
  {
    Statement found =
        state_->db->Query("SELECT pass_id, batch_id FROM releases WHERE id = ?", release);
    if (!found.Step()) throw StateError(fmt::format("the journal has no release {}", release));
    by = found.Int(0);
    id = found.Int(1);
  }
  state_->db->Run("DELETE FROM releases WHERE id = ?", release);
  const BatchRow batch = state_->LoadBatch(id);
  state_->RequireKeptRows(batch, Sum(answer));
  (void)state_->TakeKept(batch.table, gone_key_hashes);
  DeleteCounts counts = Released(batch, answer);
  bool all_gone = false;
  if (IsKept(batch)) {
    all_gone = state_->LoadBatch(id).kept_rows == 0;
    // What is neither deleted nor kept was archived again in a newer version.
    if (all_gone) counts.changed += batch.rows - Sum(counts);
  }
  state_->db->Run(
      "UPDATE batches SET state = CASE WHEN ?1 THEN 'deleted' ELSE state END,"
      " settled = CASE WHEN ?1 THEN 0 ELSE settled END, deleted = ?2, absent = ?3, changed = ?4, "
      "blocked = ?5"
      " WHERE id = ?6",
      all_gone, counts.deleted, counts.absent, counts.changed, counts.blocked, id);
  // Kept and released by one pass, a row is in its batch's counts already.
  if (by != batch.pass) {
    state_->db->Run(
        "UPDATE passes SET released_deleted = released_deleted + ?, released_absent = "
        "released_absent + ?"
        " WHERE id = ?",
        answer.deleted, answer.absent, by);
    state_->Touch(state_->db->QueryInt("SELECT run_id FROM passes WHERE id = ?", by));
  }
  transaction.Commit();
}

void Journal::DropRelease(ReleaseId release) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db);
  state_->db->Run("DELETE FROM releases WHERE id = ?", release);
  transaction.Commit();
}

std::vector<ReleaseInfo> Journal::OpenReleases(PassId by) const {
  const State::Call call(*state_);
  Statement rows = state_->db->Query(
      "SELECT id, batch_id, unit, key_hashes FROM releases WHERE pass_id = ? ORDER BY id", by);
  std::vector<ReleaseInfo> releases;
  while (rows.Step()) {
    releases.push_back(
        {rows.Int(0),
         {by, rows.Int(1), static_cast<std::uint64_t>(rows.Int(2)), Unpack(rows.Text(3))}});
  }
  return releases;
}

}  // namespace osarchiver
