#include "engine/restore.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <map>

#include "destination/registry.h"
#include "engine/copy_reader.h"
#include "engine/restore_session.h"
#include "state/journal.h"
#include "state/run_lock.h"
#include "util/file_system.h"
#include "util/log.h"

namespace osarchiver {
namespace {

struct KeyHashes {
  std::vector<std::int64_t> keys;
  std::vector<KeptRow> rows;
};

KeyHashes HashesOf(const RestoreBatch& batch, BatchId id) {
  KeyHashes hashes;
  for (std::size_t i = 0; i < batch.rows.row_count(); ++i) {
    const std::int64_t key = KeyHash(batch.rows.row(i), batch.definition->key);
    hashes.keys.push_back(key);
    hashes.rows.push_back({key, ShortHash(batch.hashes[i]), id});
  }
  return hashes;
}

class RunsRestore {
 public:
  RunsRestore(const Settings& settings, const RestoreRequest& request, Clock& clock,
              StopControl& stop, Progress& progress)
      : settings_(settings),
        request_(request),
        clock_(clock),
        stop_(stop),
        progress_(progress),
        filter_(request.where_keys) {}

  RestoreReport Execute(const std::function<bool(const std::string&)>& confirm);

 private:
  void MakeSessions();
  std::string Question() const;
  void Produce(const std::function<bool(RestoreBatch)>& push);
  RestoreBatch Read(const RestoreItem& item, const BatchInfo& batch);
  std::optional<RowBatch> ReadProven(const RestoreItem& item, const BatchInfo& batch,
                                     RestoreBatch* ready);
  void Remember(const RestoreItem& item, BatchId id, RestoreBatch* batch);
  void RestoreAll();

  const Settings& settings_;
  const RestoreRequest& request_;
  Clock& clock_;
  StopControl& stop_;
  Progress& progress_;
  RestoreFilter filter_;
  std::unique_ptr<Journal> journal_;
  const Destinations none_;  // a restore archives nowhere
  std::unique_ptr<CopyReader> reader_;
  std::vector<RestoreItem> items_;
  std::map<std::string, std::unique_ptr<RestoreSession>> sessions_;  // by source
  std::map<std::string, std::string> endpoints_;                     // by source
  RestoreReport report_;
};

RestoreReport RunsRestore::Execute(const std::function<bool(const std::string&)>& confirm) {
  journal_ = Journal::Open(settings_.state, request_.dry_run ? OpenMode::kRead : OpenMode::kWrite);
  items_ = PlanRestore(*journal_, request_.selection);
  const std::string& archiver_name = items_.front().run.archiver;
  std::optional<RunLock> lock;
  if (!request_.dry_run) lock = RunLock::Acquire(settings_.state, archiver_name);
  reader_ = std::make_unique<CopyReader>(settings_, *journal_, none_);
  MakeSessions();
  if (!request_.dry_run && !confirm(Question())) {
    throw ConfigError("not confirmed; nothing was written", "--yes answers");
  }
  std::optional<InvocationId> invocation;
  if (!request_.dry_run) {
    std::array<char, 256> host{};
    (void)::gethostname(host.data(), host.size() - 1);
    invocation = journal_->BeginInvocation("restore", archiver_name, items_.front().run.id,
                                           host.data(), ::getpid());
  }
  try {
    RestoreAll();
  } catch (const Error& error) {
    report_.AddFailure(TextOf(error));
  }
  if (invocation) {
    journal_->FinishInvocation(*invocation, static_cast<int>(report_.exit_code), stop_.reason());
  }
  return std::move(report_);
}

void RunsRestore::MakeSessions() {
  for (const RestoreItem& item : items_) {
    filter_.Announce(RestoreTargetOf(request_, item.definition), item.run.name);
    const std::string& source = item.pass.key.source;
    if (sessions_.contains(source)) continue;
    const auto settings = settings_.sources.find(source);
    if (settings == settings_.sources.end()) {
      throw ConfigError("source '" + source + "' is not in the configuration any more",
                        "restore its segments with --file, or put the source back");
    }
    ServerAddress address = AddressOf(settings->second.server);
    address.must_be_writable = !request_.dry_run;
    const auto connect = [address] { return Connection::Open(address); };
    endpoints_[source] = connect()->endpoint();
    sessions_[source] = std::make_unique<RestoreSession>(request_, connect, clock_, &report_);
  }
}

std::string RunsRestore::Question() const {
  std::string text;
  for (const auto& [source, endpoint] : endpoints_) {
    text += fmt::format("restoring to {} (source {}), site {}\n", endpoint, source, settings_.site);
    for (const RestoreItem& item : items_) {
      if (item.pass.key.source != source) continue;
      std::uint64_t rows = 0;
      for (const BatchInfo& batch : item.batches) rows += batch.batch.rows;
      text += fmt::format("  {}: {} rows of run {}\n",
                          ToText(RestoreTargetOf(request_, item.definition)), HumanCount(rows),
                          item.run.name);
    }
  }
  if (!request_.where_keys.empty()) {
    text += fmt::format("of these only the rows with the key {}\n",
                        fmt::join(request_.where_keys, " or "));
  }
  return text;
}

void RunsRestore::RestoreAll() {
  RunRestorePipeline([this](const auto& push) { Produce(push); },
                     [this](const RestoreBatch& batch) {
                       if (stop_.stopped()) return;
                       TakeBatch(batch, *sessions_[batch.source], request_, progress_, &report_);
                     });
  if (stop_.stopped()) {
    report_.exit_code = Worse(report_.exit_code, ExitCode::kStopped);
    return;
  }
  for (auto& [name, session] : sessions_) session->Finish();
  report_.AddKeysNotFound(filter_.NotFound());
}

void RunsRestore::Produce(const std::function<bool(RestoreBatch)>& push) {
  for (const RestoreItem& item : items_) {
    double done = 0;
    for (const BatchInfo& batch : item.batches) {
      if (stop_.stopped()) return;
      RestoreBatch ready = Read(item, batch);
      ready.first = done == 0;
      ready.share = ++done / static_cast<double>(item.batches.size());
      if (!push(std::move(ready))) return;
    }
  }
}

RestoreBatch RunsRestore::Read(const RestoreItem& item, const BatchInfo& batch) {
  RestoreBatch ready;
  ready.definition = &item.definition;
  ready.source = item.pass.key.source;
  ready.archived_rows = batch.batch.rows;
  const std::optional<RowBatch> rows = ReadProven(item, batch, &ready);
  if (!rows) return ready;
  FillBatch(*rows,
            filter_.Choose(RestoreTargetOf(request_, item.definition), item.definition, *rows),
            &ready);
  Remember(item, batch.id, &ready);
  return ready;
}

// The rows of one batch from the first copy that is proven. Says which copies are not, and which
// could not be looked at: the batch is damaged only when none of its copies may still be whole.
std::optional<RowBatch> RunsRestore::ReadProven(const RestoreItem& item, const BatchInfo& batch,
                                                RestoreBatch* ready) {
  CopyReader::Outcome found =
      reader_->Read({item.run, item.pass.key, item.definition, batch.batch}, batch.copies);
  if (found.rows) {
    if (!found.damaged.empty()) {
      ready->damage =
          fmt::format("{}; its rows are taken from another copy", fmt::join(found.damaged, "; "));
    }
    return std::move(found.rows);
  }
  const std::string what = fmt::format("batch {} of {}.{} in run {}", batch.batch.number,
                                       item.pass.key.database, item.pass.key.table, item.run.name);
  if (found.damaged.empty() && !found.unread.empty()) {
    ready->unreachable =
        fmt::format("{} has no copy within reach; none of its rows was written: {}", what,
                    fmt::join(found.unread, "; "));
    return std::nullopt;
  }
  std::vector<std::string>& why = found.damaged;
  why.insert(why.end(), found.unread.begin(), found.unread.end());
  ready->damage = fmt::format("{} has no copy that is whole; none of its rows was written{}{}",
                              what, why.empty() ? "" : ": ", fmt::join(why, "; "));
  return std::nullopt;
}

// The journal learns first: a row that is back and unknown would be archived a second time by the
// next run.
void RunsRestore::Remember(const RestoreItem& item, BatchId id, RestoreBatch* batch) {
  const KeyHashes hashes = HashesOf(*batch, id);
  const auto kept = journal_->FindKept(item.run.archiver, item.pass.key, hashes.keys);
  std::vector<KeptRow> unknown;
  for (std::size_t i = 0; i < hashes.rows.size(); ++i) {
    // Archived and still in the source: kept, or changed since. No conflict in either case.
    batch->may_differ[i] = kept[i].has_value();
    if (!kept[i]) unknown.push_back(hashes.rows[i]);
  }
  if (request_.dry_run || !request_.to_database.empty() || hashes.keys.empty()) return;
  journal_->AddKept(item.run.archiver, item.pass.key, unknown);
  if (request_.hold) {
    journal_->AddHolds(item.run.archiver, item.pass.key, hashes.keys, "restore --hold");
  }
}

}  // namespace

void RestoreReport::AddDamage(const std::string& problem) {
  problems.push_back(problem);
  exit_code = Worse(exit_code, ExitCode::kDamage);
}

void RestoreReport::AddFailure(const std::string& problem) {
  problems.push_back(problem);
  exit_code = Worse(exit_code, ExitCode::kFailed);
}

void RestoreReport::AddKeysNotFound(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) AddFailure("no archived row has the key " + key);
}

void TakeBatch(const RestoreBatch& batch, RestoreSession& session, const RestoreRequest& request,
               Progress& progress, RestoreReport* report) {
  const std::string shown = "restoring " + ToText(RestoreTargetOf(request, *batch.definition));
  if (batch.first) progress.BeginTable(shown, false);
  if (!batch.damage.empty()) report->AddDamage(batch.damage);
  if (!batch.unreachable.empty()) report->AddFailure(batch.unreachable);
  session.Restore(batch);
  progress.AddVerified(batch.archived_rows);
  progress.SetShare(shown, batch.share);
  if (batch.share >= 1) progress.EndTable(shown);
}

RestoreReport RestoreRuns(const Settings& settings, const RestoreRequest& request, Clock& clock,
                          StopControl& stop, Progress& progress,
                          const std::function<bool(const std::string&)>& confirm) {
  return RunsRestore(settings, request, clock, stop, progress).Execute(confirm);
}

std::string RestoreText(const RestoreReport& report, const RestoreRequest& request) {
  std::string text;
  for (const RestoreTableCount& count : report.tables) {
    text += fmt::format(
        "  {}: {} rows {}, {} there already", ToText(count.target), HumanCount(count.inserted),
        request.dry_run ? "would be restored" : "restored", HumanCount(count.identical));
    if (count.changed > 0)
      text += fmt::format(", {} changed since and left alone", HumanCount(count.changed));
    if (count.conflicts > 0) text += fmt::format(", {} in conflict", HumanCount(count.conflicts));
    if (count.without_parent > 0)
      text += fmt::format(", {} without their parent", HumanCount(count.without_parent));
    text += "\n";
  }
  if (request.dry_run) return text + "dry run: nothing was written\n";
  const bool any = std::any_of(report.tables.begin(), report.tables.end(), [](const auto& count) {
    return count.inserted + count.identical > 0;
  });
  if (!any) return text + "no row was restored\n";
  if (!request.hold && request.to_database.empty() && request.files.empty()) {
    text +=
        "NOTE: restored rows are still soft-deleted and old enough: the next run takes them "
        "again,\n"
        "unless their deleted_at is cleared first or they were restored with --hold.\n";
  }
  return text;
}

}  // namespace osarchiver
