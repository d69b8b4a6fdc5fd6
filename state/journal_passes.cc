// Table passes, their positions and what was blocked.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "state/journal_state.h"
#include "util/error.h"

namespace osarchiver {
namespace {

constexpr std::size_t kMaxExamples = 100;

// Blocked: rows that were blocked at the last moment (counted by their batches) are among those
// counted after the pass, if that count was made.
#define PASS_COLUMNS                                                                              \
  "p.id, p.run_id, t.source, t.database_name, t.table_name, p.cutoff, p.state, p.reason, d.text," \
  " p.live_flag_rows, p.started_at, p.finished_at, p.rows_extracted, p.rows_archived, "           \
  "p.rows_verified,"                                                                              \
  " p.deleted, p.absent, p.changed, max(p.blocked, p.blocked_before), p.conflict_rows, "          \
  "p.rows_kept, "                                                                                 \
  "p.bytes,"                                                                                      \
  " p.batches_extracted, p.batches_archived, p.batches_verified, p.batches_deleted, "             \
  "p.released_deleted,"                                                                           \
  " p.released_absent"                                                                            \
  " FROM passes p JOIN tables t ON t.id = p.table_id JOIN texts d ON d.id = p.definition"

PassInfo ReadPass(const Statement& row) {
  PassInfo pass;
  pass.id = row.Int(0);
  pass.run = row.Int(1);
  pass.key = {row.Text(2), row.Text(3), row.Text(4)};
  pass.cutoff = row.Text(5);
  pass.state = PassStateFromText(row.Text(6));
  pass.reason = row.Text(7);
  pass.definition = row.Text(8);
  pass.live_flag_rows = row.Count(9);
  pass.started_at = row.Text(10);
  pass.finished_at = row.Text(11);
  PassCounts& counts = pass.counts;
  counts.extracted = row.Count(12);
  counts.archived = row.Count(13);
  counts.verified = row.Count(14);
  counts.deleted = row.Count(15);
  counts.absent = row.Count(16);
  counts.changed = row.Count(17);
  counts.blocked = row.Count(18);
  counts.conflict = row.Count(19);
  counts.kept = row.Count(20);
  counts.bytes = row.Count(21);
  counts.batches_extracted = row.Count(22);
  counts.batches_archived = row.Count(23);
  counts.batches_verified = row.Count(24);
  counts.batches_deleted = row.Count(25);
  counts.released_deleted = row.Count(26);
  counts.released_absent = row.Count(27);
  return pass;
}

void RequireChange(const Database& db, PassId pass) {
  if (db.changes() == 0)
    throw StateError(fmt::format("the journal has no table pass with id {}", pass));
}

}  // namespace

PassId Journal::BeginPass(RunId run, const PassKey& key, std::string_view cutoff,
                          std::string_view definition_json) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db, Transaction::Kind::kWriteWithNext);
  std::string archiver;
  {
    Statement found = state_->db->Query("SELECT archiver FROM runs WHERE id = ?", run);
    if (!found.Step()) throw StateError(fmt::format("the journal has no run {}", run));
    archiver = found.Text(0);
  }
  const std::int64_t table = state_->TableId(archiver, key);
  const std::int64_t definition = state_->TextId(definition_json);
  {
    Statement found = state_->db->Query(
        "SELECT id, definition FROM passes WHERE run_id = ? AND table_id = ?", run, table);
    if (found.Step()) {
      if (found.Int(1) == definition) return found.Int(0);
      throw StateError(fmt::format("the definition of {}.{} changed while run {} worked on it",
                                   key.database, key.table, run),
                       "the next run takes the table as it is then");
    }
  }
  state_->db->Run("INSERT INTO passes (run_id, table_id, cutoff, definition) VALUES (?, ?, ?, ?)",
                  run, table, cutoff, definition);
  const PassId id = state_->db->last_insert_id();
  transaction.Commit();
  return id;
}

bool Journal::KnowsTable(const PassKey& key) const {
  const State::Call call(*state_);
  return state_->db->QueryInt(
             "SELECT EXISTS (SELECT 1 FROM tables WHERE source = ? AND database_name = ? AND "
             "table_name = ?)",
             key.source, key.database, key.table) != 0;
}

std::string Journal::LastDefinition(const PassKey& key) const {
  const State::Call call(*state_);
  Statement found = state_->db->Query(
      "SELECT x.text FROM passes p JOIN tables t ON t.id = p.table_id"
      " JOIN texts x ON x.id = p.definition"
      " WHERE t.source = ? AND t.database_name = ? AND t.table_name = ? ORDER BY p.id DESC LIMIT 1",
      key.source, key.database, key.table);
  return found.Step() ? found.Text(0) : std::string();
}

bool Journal::WorkedBeside(const PassKey& key, std::string_view source) const {
  const State::Call call(*state_);
  return state_->db->QueryInt(
             "SELECT EXISTS (SELECT 1 FROM passes p JOIN tables t ON t.id = p.table_id, ("
             " SELECT min(p.run_id) AS first, max(p.run_id) AS last"
             " FROM passes p JOIN tables t ON t.id = p.table_id"
             " WHERE t.source = ?1 AND t.database_name = ?3 AND t.table_name = ?4)"
             " WHERE t.source = ?2 AND t.database_name = ?3 AND t.table_name = ?4"
             " AND p.run_id BETWEEN first AND last)",
             source, key.source, key.database, key.table) != 0;
}

void Journal::SetPassState(PassId pass, PassState state, std::string_view reason) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db, Transaction::Kind::kWriteWithNext);
  const bool ends = state != PassState::kPending && state != PassState::kRunning;
  const std::string now = UtcNow();
  state_->db->Run(
      "UPDATE passes SET"
      " state = CASE WHEN state = 'failed' THEN state ELSE ?2 END,"
      " reason = CASE WHEN state = 'failed' AND ?2 <> 'failed' THEN reason ELSE ?3 END,"
      " started_at = CASE WHEN ?2 <> 'pending' THEN coalesce(started_at, ?4) ELSE started_at END,"
      " finished_at = CASE WHEN ?5 THEN ?4 WHEN state = 'failed' THEN finished_at END"
      " WHERE id = ?1",
      pass, ToText(state), reason, now, ends);
  RequireChange(*state_->db, pass);
  transaction.Commit();
}

void Journal::SetLiveFlagRows(PassId pass, std::uint64_t rows) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db, Transaction::Kind::kWriteWithNext);
  state_->db->Run("UPDATE passes SET live_flag_rows = ? WHERE id = ?", rows, pass);
  RequireChange(*state_->db, pass);
  transaction.Commit();
}

void Journal::AddConflicts(PassId pass, std::uint64_t rows) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db, Transaction::Kind::kWriteWithNext);
  state_->db->Run("UPDATE passes SET conflict_rows = conflict_rows + ? WHERE id = ?", rows, pass);
  RequireChange(*state_->db, pass);
  transaction.Commit();
}

void Journal::SetPosition(std::string_view archiver, const PassKey& key,
                          std::string_view position) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db, Transaction::Kind::kWriteWithNext);
  state_->db->Run("UPDATE tables SET position = ? WHERE id = ?", Blob{position},
                  state_->TableId(archiver, key));
  transaction.Commit();
}

std::string Journal::Position(std::string_view archiver, const PassKey& key) const {
  const State::Call call(*state_);
  Statement found = state_->db->Query("SELECT position FROM tables WHERE id = ?",
                                      state_->FindTable(archiver, key));
  return found.Step() ? found.Text(0) : std::string();
}

std::vector<PassInfo> Journal::ListPasses(RunId run) const {
  const State::Call call(*state_);
  Statement rows =
      state_->db->Query("SELECT " PASS_COLUMNS " WHERE p.run_id = ? ORDER BY p.id", run);
  std::vector<PassInfo> passes;
  while (rows.Step()) passes.push_back(ReadPass(rows));
  return passes;
}

std::optional<PassInfo> Journal::FindPass(PassId pass) const {
  const State::Call call(*state_);
  Statement rows = state_->db->Query("SELECT " PASS_COLUMNS " WHERE p.id = ?", pass);
  if (!rows.Step()) return std::nullopt;
  return ReadPass(rows);
}

void Journal::SetBlocked(PassId pass, std::uint64_t rows,
                         const std::vector<BlockedReason>& reasons) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db, Transaction::Kind::kWriteWithNext);
  state_->db->Run("DELETE FROM blocked WHERE pass_id = ?", pass);
  int ordinal = 0;
  for (const BlockedReason& reason : reasons) {
    nlohmann::json examples = nlohmann::json::array();
    for (const std::string& example : reason.examples) {
      if (examples.size() < kMaxExamples) examples.push_back(example);
    }
    state_->db->Run(
        "INSERT INTO blocked (pass_id, ordinal, referring, constraint_name, why, row_count, "
        "examples, select_sql,"
        " advice) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        pass, ++ordinal, reason.referring, reason.constraint, reason.why, reason.rows,
        examples.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), reason.select_sql,
        reason.advice);
  }
  state_->db->Run("UPDATE passes SET blocked_before = ? WHERE id = ?", rows, pass);
  RequireChange(*state_->db, pass);
  transaction.Commit();
}

std::vector<BlockedReason> Journal::Blocked(PassId pass) const {
  const State::Call call(*state_);
  Statement rows = state_->db->Query(
      "SELECT referring, constraint_name, why, row_count, examples, select_sql, advice FROM blocked"
      " WHERE pass_id = ? ORDER BY ordinal",
      pass);
  std::vector<BlockedReason> reasons;
  while (rows.Step()) {
    BlockedReason reason;
    reason.referring = rows.Text(0);
    reason.constraint = rows.Text(1);
    reason.why = rows.Text(2);
    reason.rows = rows.Count(3);
    const auto examples = nlohmann::json::parse(rows.Text(4), nullptr, false);
    if (!examples.is_array())
      throw IntegrityError("the journal holds unreadable keys of blocked rows");
    for (const auto& example : examples) {
      if (example.is_string()) reason.examples.push_back(example.get<std::string>());
    }
    reason.select_sql = rows.Text(5);
    reason.advice = rows.Text(6);
    reasons.push_back(std::move(reason));
  }
  return reasons;
}

}  // namespace osarchiver
