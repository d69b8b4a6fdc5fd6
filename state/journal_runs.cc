// Runs, invocations and verifications.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "state/journal_state.h"
#include "util/error.h"

namespace osarchiver {
namespace {

// How many answers about one path are remembered.
constexpr int kVerificationsPerPath = 10;

#define RUN_COLUMNS                                                                              \
  "id, name, archiver, site, now, host, pid, started_at, finished_at, last_progress_at, state, " \
  "settled,"                                                                                     \
  " exit_code, error, waiting, options"

RunInfo ReadRun(const Statement& row) {
  RunInfo run;
  run.id = row.Int(0);
  run.name = row.Text(1);
  run.archiver = row.Text(2);
  run.site = row.Text(3);
  run.now = row.Text(4);
  run.host = row.Text(5);
  run.pid = row.Int(6);
  run.started_at = row.Text(7);
  run.finished_at = row.Text(8);
  run.last_progress_at = row.Text(9);
  run.state = RunStateFromText(row.Text(10));
  run.settled = row.Flag(11);
  if (!row.IsNull(12)) run.exit_code = static_cast<int>(row.Int(12));
  run.error = row.Text(13);
  run.waiting = row.Text(14);
  run.options = row.Text(15);
  return run;
}

std::vector<RunInfo> ReadRuns(Statement rows) {
  std::vector<RunInfo> runs;
  while (rows.Step()) runs.push_back(ReadRun(rows));
  return runs;
}

std::int64_t ClampLimit(std::size_t limit) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(
      limit, static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())));
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.size() <= 18 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

RunId Journal::BeginRun(const NewRun& run) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db);
  const std::int64_t configuration = state_->TextId(run.configuration);
  state_->db->Run(
      "INSERT INTO runs (name, archiver, site, now, host, pid, configuration, options, started_at)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      run.name, run.archiver, run.site, run.now, run.host, run.pid, configuration, run.options,
      UtcNow());
  const RunId id = state_->db->last_insert_id();
  transaction.Commit();
  return id;
}

void Journal::FinishRun(RunId run, RunState state, int exit_code, std::string_view error) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db, Transaction::Kind::kWriteWithNext);
  {
    Statement found = state_->db->Query("SELECT name, state FROM runs WHERE id = ?", run);
    if (!found.Step()) throw StateError(fmt::format("the journal has no run {}", run));
    const std::string name = found.Text(0);
    const RunState now = RunStateFromText(found.Text(1));
    if (state == RunState::kRunning)
      throw StateError("run " + name + " cannot be finished as running");
    if (now == state) return;
    if (now != RunState::kRunning) {
      throw StateError(
          fmt::format("run {} is {} and cannot become {}", name, ToText(now), ToText(state)));
    }
  }
  state_->db->Run(
      "UPDATE runs SET state = ?, finished_at = ?, exit_code = ?, error = ?, waiting = '' WHERE id "
      "= ?",
      ToText(state), UtcNow(), exit_code, error, run);
  transaction.Commit();
}

void Journal::MarkRunSettled(RunId run) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db, Transaction::Kind::kWriteWithNext);
  state_->db->Run("UPDATE runs SET settled = 1 WHERE id = ?", run);
  if (state_->db->changes() == 0) throw StateError(fmt::format("the journal has no run {}", run));
  transaction.Commit();
}

void Journal::SetWaiting(RunId run, std::string_view reason) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db, Transaction::Kind::kWriteWithNext);
  state_->db->Run("UPDATE runs SET waiting = ? WHERE id = ? AND waiting <> ?", reason, run, reason);
  if (state_->db->changes() > 0) transaction.Commit();
}

std::optional<RunInfo> Journal::FindRun(std::string_view number_or_name_or_last,
                                        std::string_view archiver) const {
  const State::Call call(*state_);
  const auto first = [](Statement rows) -> std::optional<RunInfo> {
    if (!rows.Step()) return std::nullopt;
    return ReadRun(rows);
  };
  std::optional<RunInfo> run;
  if (number_or_name_or_last == "last") {
    if (archiver.empty()) {
      return first(state_->db->Query("SELECT " RUN_COLUMNS " FROM runs ORDER BY id DESC LIMIT 1"));
    }
    return first(state_->db->Query(
        "SELECT " RUN_COLUMNS " FROM runs WHERE archiver = ? ORDER BY id DESC LIMIT 1", archiver));
  }
  if (IsNumber(number_or_name_or_last)) {
    run = first(state_->db->Query(
        "SELECT " RUN_COLUMNS " FROM runs WHERE id = ?",
        static_cast<std::int64_t>(std::stoll(std::string(number_or_name_or_last)))));
  } else {
    run = first(state_->db->Query("SELECT " RUN_COLUMNS " FROM runs WHERE name = ?",
                                  number_or_name_or_last));
  }
  if (run && !archiver.empty() && run->archiver != archiver) return std::nullopt;
  return run;
}

std::vector<RunInfo> Journal::ListRuns(std::string_view archiver, std::size_t limit) const {
  const State::Call call(*state_);
  if (archiver.empty()) {
    return ReadRuns(state_->db->Query("SELECT " RUN_COLUMNS " FROM runs ORDER BY id DESC LIMIT ?",
                                      ClampLimit(limit)));
  }
  return ReadRuns(state_->db->Query("SELECT " RUN_COLUMNS
                                    " FROM runs WHERE archiver = ? ORDER BY id DESC LIMIT ?",
                                    archiver, ClampLimit(limit)));
}

std::vector<std::string> Journal::ListArchivers() const {
  const State::Call call(*state_);
  Statement rows = state_->db->Query("SELECT DISTINCT archiver FROM runs ORDER BY archiver");
  std::vector<std::string> archivers;
  while (rows.Step()) archivers.push_back(rows.Text(0));
  return archivers;
}

std::vector<CopyTarget> Journal::ListTargets(std::string_view archiver,
                                             std::optional<RunId> run) const {
  const State::Call call(*state_);
  Statement rows = state_->db->Query(
      "SELECT t.destination, t.format FROM targets t WHERE EXISTS ("
      " SELECT 1 FROM runs r JOIN passes p ON p.run_id = r.id JOIN batches b ON b.pass_id = p.id"
      " JOIN copies c ON c.batch_id = b.id AND c.target_id = t.id"
      " WHERE r.archiver = ?1 AND (?2 IS NULL OR r.id = ?2)) ORDER BY t.destination, t.format",
      archiver, run);
  std::vector<CopyTarget> targets;
  while (rows.Step()) targets.push_back({rows.Text(0), rows.Text(1)});
  return targets;
}

std::vector<RunInfo> Journal::UnsettledRuns(std::string_view archiver) const {
  const State::Call call(*state_);
  // A damaged segment to which copies still point is work that a settled run has got back.
  return ReadRuns(
      state_->db->Query(
          "SELECT " RUN_COLUMNS " FROM runs WHERE archiver = ?1 AND settled = 0"
          " UNION SELECT " RUN_COLUMNS " FROM runs WHERE archiver = ?1 AND id IN ("
          "  SELECT p.run_id FROM segments s JOIN passes p ON p.id = s.pass_id"
          "  WHERE s.state = 'damaged' AND EXISTS (SELECT 1 FROM copies WHERE segment_id = s.id))"
          " ORDER BY id",
          archiver));
}

bool Journal::HasRunNamed(std::string_view name) const {
  const State::Call call(*state_);
  return state_->db->QueryInt("SELECT EXISTS (SELECT 1 FROM runs WHERE name = ?)", name) != 0;
}

std::string Journal::ConfigurationOf(std::string_view run_name) const {
  const State::Call call(*state_);
  Statement row = state_->db->Query(
      "SELECT text FROM texts WHERE id = (SELECT configuration FROM runs WHERE name = ?)",
      run_name);
  return row.Step() ? row.Text(0) : std::string();
}

std::vector<std::string> Journal::ListConfigurations() const {
  const State::Call call(*state_);
  std::vector<std::string> texts;
  Statement rows = state_->db->Query(
      "SELECT text FROM texts WHERE id IN (SELECT configuration FROM runs) ORDER BY id DESC");
  while (rows.Step()) texts.push_back(rows.Text(0));
  return texts;
}

InvocationId Journal::BeginInvocation(std::string_view command, std::string_view archiver,
                                      std::optional<RunId> run, std::string_view host,
                                      std::int64_t pid) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db, Transaction::Kind::kWriteWithNext);
  state_->db->Run(
      "INSERT INTO invocations (command, archiver, run_id, host, pid, started_at) VALUES (?, ?, ?, "
      "?, ?, ?)",
      command, archiver, run, host, pid, UtcNow());
  const InvocationId id = state_->db->last_insert_id();
  transaction.Commit();
  return id;
}

void Journal::FinishInvocation(InvocationId invocation, int exit_code, std::string_view reason) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db);
  state_->db->Run(
      "UPDATE invocations SET finished_at = ?, exit_code = ?, reason = ? WHERE id = ? AND "
      "finished_at IS NULL",
      UtcNow(), exit_code, reason, invocation);
  if (state_->db->changes() == 0) {
    throw StateError(
        fmt::format("the journal has no invocation {} that is not finished", invocation));
  }
  transaction.Commit();
}

void Journal::RecordVerification(const Verification& verification) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db);
  state_->db->Run(
      "INSERT INTO verifications (destination, path, result, detail, at, batches, row_count)"
      " VALUES (?, ?, ?, ?, ?, ?, ?)",
      verification.destination, verification.path, verification.result, verification.detail,
      verification.at.empty() ? UtcNow() : verification.at, verification.batches,
      verification.rows);
  // A journal that remembers every answer of every night grows faster by its verifications than by
  // its batches.
  state_->db->Run(
      "DELETE FROM verifications WHERE destination = ?1 AND path = ?2 AND id <= ("
      " SELECT id FROM verifications WHERE destination = ?1 AND path = ?2 ORDER BY id DESC LIMIT 1 "
      "OFFSET ?3)",
      verification.destination, verification.path, kVerificationsPerPath);
  transaction.Commit();
}

std::vector<std::string> Journal::DoubtfulPaths(std::string_view destination) const {
  const State::Call call(*state_);
  std::vector<std::string> paths;
  Statement rows = state_->db->Query(
      "SELECT path FROM verifications v WHERE destination = ? AND result NOT IN ('ok', 'open')"
      " AND NOT EXISTS (SELECT 1 FROM verifications w WHERE w.destination = v.destination"
      " AND w.path = v.path AND w.id > v.id) ORDER BY path",
      destination);
  while (rows.Step()) paths.push_back(rows.Text(0));
  return paths;
}

std::vector<Verification> Journal::LastVerifications(std::string_view destination,
                                                     std::size_t limit) const {
  const State::Call call(*state_);
  Statement rows = destination.empty() ? state_->db->Query(
                                             "SELECT destination, path, result, detail, at, "
                                             "batches, row_count FROM verifications"
                                             " ORDER BY id DESC LIMIT ?",
                                             ClampLimit(limit))
                                       : state_->db->Query(
                                             "SELECT destination, path, result, detail, at, "
                                             "batches, row_count FROM verifications"
                                             " WHERE destination = ? ORDER BY id DESC LIMIT ?",
                                             destination, ClampLimit(limit));
  std::vector<Verification> found;
  while (rows.Step()) {
    Verification verification;
    verification.destination = rows.Text(0);
    verification.path = rows.Text(1);
    verification.result = rows.Text(2);
    verification.detail = rows.Text(3);
    verification.at = rows.Text(4);
    verification.batches = rows.Count(5);
    verification.rows = rows.Count(6);
    found.push_back(std::move(verification));
  }
  return found;
}

}  // namespace osarchiver
