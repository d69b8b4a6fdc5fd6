#include "state/journal_state.h"

#include <fmt/format.h>

#include "util/clock.h"
#include "util/error.h"

namespace osarchiver {
namespace {

template <typename State, std::size_t N>
State FromText(std::string_view text, const State (&states)[N], const char* what) {
  for (State state : states) {
    if (ToText(state) == text) return state;
  }
  throw IntegrityError(fmt::format("the journal holds the unknown {} state '{}'", what, text));
}

}  // namespace

BatchState BatchStateFromText(std::string_view text) {
  static constexpr BatchState kAll[] = {BatchState::kExtracted, BatchState::kArchived,
                                        BatchState::kVerified, BatchState::kDeleted,
                                        BatchState::kForgotten};
  return FromText(text, kAll, "batch");
}

SegmentState SegmentStateFromText(std::string_view text) {
  static constexpr SegmentState kAll[] = {SegmentState::kOpen, SegmentState::kSealing,
                                          SegmentState::kSealed, SegmentState::kRetired,
                                          SegmentState::kDamaged};
  return FromText(text, kAll, "segment");
}

RunState RunStateFromText(std::string_view text) {
  static constexpr RunState kAll[] = {RunState::kRunning, RunState::kCompleted,
                                      RunState::kInterrupted, RunState::kFailed};
  return FromText(text, kAll, "run");
}

PassState PassStateFromText(std::string_view text) {
  static constexpr PassState kAll[] = {PassState::kPending, PassState::kRunning,
                                       PassState::kCompleted, PassState::kFailed,
                                       PassState::kSkipped};
  return FromText(text, kAll, "table pass");
}

std::string UtcNow() { return FormatUtc(SystemClock().UnixSeconds()); }

void Journal::State::Sync() {
  if (db->commits() == db->durable_commits()) return;
  Transaction transaction(*db);
  // A transaction that changes nothing syncs nothing.
  db->Run("UPDATE syncs SET count = count + 1");
  transaction.Commit();
}

void Journal::State::NoteUndurable(Undurable& said, std::int64_t id) {
  const std::uint64_t durable = db->durable_commits();
  std::erase_if(said, [durable](const auto& entry) { return entry.second <= durable; });
  said[id] = db->commits();
}

void Journal::State::EnsureDurable(Undurable& said, std::int64_t id) {
  const auto found = said.find(id);
  if (found == said.end()) return;
  if (found->second > db->durable_commits()) Sync();
  said.erase(found);
}

std::int64_t Journal::State::TextId(std::string_view text) {
  Sha256 sha;
  const Hash hash = sha.Of(text);
  const Blob key{{reinterpret_cast<const char*>(hash.data()), hash.size()}};
  if (Statement found = db->Query("SELECT id FROM texts WHERE sha256 = ?", key); found.Step())
    return found.Int(0);
  db->Run("INSERT INTO texts (sha256, text) VALUES (?, ?)", key, text);
  return db->last_insert_id();
}

std::int64_t Journal::State::TargetId(const CopyTarget& target) {
  if (Statement found = db->Query("SELECT id FROM targets WHERE destination = ? AND format = ?",
                                  target.destination, target.format);
      found.Step()) {
    return found.Int(0);
  }
  db->Run("INSERT INTO targets (destination, format) VALUES (?, ?)", target.destination,
          target.format);
  return db->last_insert_id();
}

std::int64_t Journal::State::FindTable(std::string_view archiver, const PassKey& key) {
  return db->QueryInt(
      "SELECT id FROM tables WHERE archiver = ? AND source = ? AND database_name = ? AND "
      "table_name = ?",
      archiver, key.source, key.database, key.table);
}

std::int64_t Journal::State::TableId(std::string_view archiver, const PassKey& key) {
  if (const std::int64_t found = FindTable(archiver, key)) return found;
  db->Run("INSERT INTO tables (archiver, source, database_name, table_name) VALUES (?, ?, ?, ?)",
          archiver, key.source, key.database, key.table);
  return db->last_insert_id();
}

BatchRow Journal::State::LoadBatch(BatchId batch) {
  Statement found = db->Query(
      "SELECT b.pass_id, p.run_id, p.table_id, b.row_count, b.state, b.settled, b.delete_begun, "
      "b.kept_rows,"
      " b.deleted, b.absent, b.changed, b.blocked"
      " FROM batches b JOIN passes p ON p.id = b.pass_id WHERE b.id = ?",
      batch);
  if (!found.Step()) throw StateError(fmt::format("the journal has no batch with id {}", batch));
  BatchRow row;
  row.id = batch;
  row.pass = found.Int(0);
  row.run = found.Int(1);
  row.table = found.Int(2);
  row.rows = found.Count(3);
  row.state = BatchStateFromText(found.Text(4));
  row.settled = found.Flag(5);
  row.delete_begun = found.Flag(6);
  row.kept_rows = found.Count(7);
  row.counts = {found.Count(8), found.Count(9), found.Count(10), found.Count(11)};
  return row;
}

std::string Journal::State::Describe(BatchId batch) {
  Statement found = db->Query(
      "SELECT b.number, t.database_name, t.table_name, r.name FROM batches b JOIN passes p ON p.id "
      "= b.pass_id"
      " JOIN tables t ON t.id = p.table_id JOIN runs r ON r.id = p.run_id WHERE b.id = ?",
      batch);
  if (!found.Step()) return fmt::format("batch with id {}", batch);
  return fmt::format("batch {} of {}.{} in run {}", found.Int(0), found.Text(1), found.Text(2),
                     found.Text(3));
}

void Journal::State::RequireTransition(const BatchRow& batch, BatchState to) {
  if (MayFollow(batch.state, to)) return;
  throw StateError(fmt::format("{} is {} and cannot become {}", Describe(batch.id),
                               ToText(batch.state), ToText(to)));
}

void Journal::State::Touch(RunId run) {
  db->Run("UPDATE runs SET last_progress_at = ? WHERE id = ?", UtcNow(), run);
}

}  // namespace osarchiver
