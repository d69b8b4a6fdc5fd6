#include "engine/restore.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "destination/registry.h"
#include "engine/batch_verifier.h"
#include "engine/restore_session.h"
#include "state/journal.h"
#include "state/run_lock.h"
#include "util/file_system.h"
#include "util/log.h"

namespace osarchiver {
namespace {

const ArchiverSettings& FindArchiver(const Settings& settings, const std::string& name) {
  for (const ArchiverSettings& archiver : settings.archivers) {
    if (archiver.name == name) return archiver;
  }
  throw ConfigError("archiver '" + name + "' is not in the configuration any more",
                    "restore its segments with --file, or put the archiver back");
}

std::string TargetText(const std::string& endpoint, const std::string& site,
                       const std::string& tables) {
  return fmt::format("restoring to {}{}\n{}", endpoint, site.empty() ? "" : ", site " + site,
                     tables);
}

// The rows of one batch from the first copy that is proven.
RowBatch ReadBatch(BatchVerifier& verifier, const Destinations& destinations,
                   const RestoreItem& item, const BatchInfo& batch) {
  std::string problems;
  for (const CopyLocation& copy : batch.copies) {
    Destination* destination = FindDestination(destinations, copy.target);
    if (destination == nullptr) continue;
    try {
      return verifier.ReadProven(*destination,
                                 {item.run.name, item.pass.key, batch.batch.number, copy},
                                 item.definition, batch.batch.digest, batch.batch.rows);
    } catch (const IntegrityError& error) {
      LogError(error.what());
      problems += std::string("; ") + error.what();
    }
  }
  throw IntegrityError(fmt::format(
      "batch {} of {}.{} in run {} has no copy that is whole; none of its rows was written{}",
      batch.batch.number, item.pass.key.database, item.pass.key.table, item.run.name, problems));
}

struct KeyHashes {
  std::vector<std::int64_t> keys;
  std::vector<KeptRow> rows;
};

KeyHashes HashesOf(const RowBatch& rows, const TableDefinition& definition, BatchId batch) {
  KeyHashes hashes;
  const std::vector<Hash> row_hashes = RowHashes(rows);
  for (std::size_t i = 0; i < rows.row_count(); ++i) {
    const std::int64_t key = KeyHash(rows.row(i), definition.key);
    hashes.keys.push_back(key);
    hashes.rows.push_back({key, ShortHash(row_hashes[i]), batch});
  }
  return hashes;
}

class RunsRestore {
 public:
  RunsRestore(const Settings& settings, const RestoreRequest& request, Clock& clock,
              StopControl& stop, Progress& progress)
      : settings_(settings), request_(request), clock_(clock), stop_(stop), progress_(progress) {}

  RestoreReport Execute(const std::function<bool(const std::string&)>& confirm);

 private:
  void RestoreItemOf(const RestoreItem& item, RestoreSession& session);
  void Remember(const RestoreItem& item, const KeyHashes& hashes);

  const Settings& settings_;
  const RestoreRequest& request_;
  Clock& clock_;
  StopControl& stop_;
  Progress& progress_;
  std::unique_ptr<Journal> journal_;
  std::vector<std::unique_ptr<Destination>> owned_;
  Destinations destinations_;
  std::unique_ptr<BatchVerifier> verifier_;
  RestoreReport report_;
};

RestoreReport RunsRestore::Execute(const std::function<bool(const std::string&)>& confirm) {
  journal_ = Journal::Open(settings_.state, request_.dry_run ? OpenMode::kRead : OpenMode::kWrite);
  const std::vector<RestoreItem> items = PlanRestore(*journal_, request_.selection);
  const std::string& archiver_name = items.front().run.archiver;
  const ArchiverSettings& archiver = FindArchiver(settings_, archiver_name);
  std::optional<RunLock> lock;
  if (!request_.dry_run) lock = RunLock::Acquire(settings_.state, archiver_name);

  std::vector<DestinationSettings> destinations;
  for (const std::string& name : archiver.destinations)
    destinations.push_back(settings_.destinations.at(name));
  owned_ = MakeDestinations(destinations);
  for (const auto& destination : owned_) destinations_.push_back(destination.get());
  verifier_ = std::make_unique<BatchVerifier>(*journal_, destinations_);

  std::map<std::string, std::unique_ptr<RestoreSession>> sessions;
  std::string tables, endpoint;
  for (const RestoreItem& item : items) {
    std::uint64_t rows = 0;
    for (const BatchInfo& batch : item.batches) rows += batch.batch.rows;
    tables +=
        fmt::format("  {}.{} of run {}: {} rows\n",
                    request_.to_database.empty() ? item.pass.key.database : request_.to_database,
                    item.pass.key.table, item.run.name, HumanCount(rows));
    const std::string& source = item.pass.key.source;
    if (sessions.contains(source)) continue;
    const auto settings = settings_.sources.find(source);
    if (settings == settings_.sources.end())
      throw ConfigError("source '" + source + "' is not in the configuration any more");
    const auto connect = [address = AddressOf(settings->second.server)] {
      return Connection::Open(address);
    };
    endpoint = connect()->endpoint();
    sessions[source] = std::make_unique<RestoreSession>(request_, connect, clock_, &report_);
  }
  if (!request_.dry_run && !confirm(TargetText(endpoint, settings_.site, tables))) {
    throw ConfigError("not confirmed; nothing was written", "--yes answers");
  }
  std::array<char, 256> host{};
  (void)::gethostname(host.data(), host.size() - 1);
  std::optional<InvocationId> invocation;
  if (!request_.dry_run) {
    invocation = journal_->BeginInvocation("restore", archiver_name, items.front().run.id,
                                           host.data(), ::getpid());
  }
  for (const RestoreItem& item : items) {
    if (stop_.stopped()) break;
    try {
      RestoreItemOf(item, *sessions[item.pass.key.source]);
    } catch (const IntegrityError& error) {
      report_.problems.emplace_back(error.what());
      report_.exit_code = Worse(report_.exit_code, ExitCode::kDamage);
    } catch (const Error& error) {
      report_.problems.push_back(error.hint().empty()
                                     ? error.what()
                                     : std::string(error.what()) + "; HINT: " + error.hint());
      report_.exit_code = Worse(report_.exit_code, ExitCode::kFailed);
    }
  }
  for (auto& [name, session] : sessions) session->Finish();
  if (stop_.stopped()) report_.exit_code = Worse(report_.exit_code, ExitCode::kStopped);
  if (invocation)
    journal_->FinishInvocation(*invocation, static_cast<int>(report_.exit_code), stop_.reason());
  return std::move(report_);
}

void RunsRestore::RestoreItemOf(const RestoreItem& item, RestoreSession& session) {
  ShownTable shown(progress_, "restoring " + ToText(session.TargetOf(item.definition)), false);
  std::uint64_t done = 0;
  for (const BatchInfo& batch : item.batches) {
    if (stop_.stopped()) return;
    RowBatch rows = ReadBatch(*verifier_, destinations_, item, batch);
    const KeyHashes hashes = HashesOf(rows, item.definition, batch.id);
    // Rows that this batch archived and that stayed in the source (changed since) are no conflict.
    const auto kept = journal_->FindKept(item.run.archiver, item.pass.key, hashes.keys);
    // The journal learns first: a row that is back and unknown would be archived a second time by
    // the next run.
    if (!request_.dry_run && request_.to_database.empty()) Remember(item, hashes);
    session.Restore(item.definition, std::move(rows),
                    [&](std::size_t index) { return kept[index].has_value(); });
    progress_.AddVerified(batch.batch.rows);
    shown.SetShare(static_cast<double>(++done) / static_cast<double>(item.batches.size()));
  }
}

void RunsRestore::Remember(const RestoreItem& item, const KeyHashes& hashes) {
  std::vector<KeptRow> unknown;
  const auto kept = journal_->FindKept(item.run.archiver, item.pass.key, hashes.keys);
  for (std::size_t i = 0; i < hashes.rows.size(); ++i) {
    if (!kept[i]) unknown.push_back(hashes.rows[i]);
  }
  journal_->AddKept(item.run.archiver, item.pass.key, unknown);
  if (request_.hold)
    journal_->AddHolds(item.run.archiver, item.pass.key, hashes.keys, "restore --hold");
}

}  // namespace

RestoreReport RestoreRuns(const Settings& settings, const RestoreRequest& request, Clock& clock,
                          StopControl& stop, Progress& progress,
                          const std::function<bool(const std::string&)>& confirm) {
  return RunsRestore(settings, request, clock, stop, progress).Execute(confirm);
}

RestoreReport RestoreFiles(const RestoreRequest& request, const ServerAddress& target, Clock& clock,
                           StopControl& stop, Progress& progress,
                           const std::function<bool(const std::string&)>& confirm) {
  RestoreReport report;
  std::vector<RestoreFile> files = PlanRestoreFiles(request.files);
  const auto connect = [target] { return Connection::Open(target); };
  std::string tables;
  for (const RestoreFile& file : files) {
    std::uint64_t rows = 0;
    for (const FoundBatch& batch : file.batches) rows += batch.record.rows;
    tables += fmt::format("  {}: {} rows of {}.{}\n", file.path.string(), HumanCount(rows),
                          file.header.definition.database, file.header.definition.table);
  }
  if (!request.dry_run &&
      !confirm(TargetText(connect()->endpoint(), files.front().header.site, tables))) {
    throw ConfigError("not confirmed; nothing was written", "--yes answers");
  }
  RestoreSession session(request, connect, clock, &report);
  for (const RestoreFile& file : files) {
    const ShownTable shown(progress,
                           "restoring " + ToText(session.TargetOf(file.header.definition)), false);
    const auto reader = SegmentReader::Open(PosixFileSystem(), file.path);
    for (const FoundBatch& batch : file.batches) {
      if (stop.stopped()) break;
      RowBatch rows(file.header.definition.columns.size());
      (void)reader->ReadBatch(batch.location, &rows);
      session.Restore(file.header.definition, std::move(rows), [](std::size_t) { return false; });
      progress.AddVerified(batch.record.rows);
    }
  }
  session.Finish();
  if (stop.stopped()) report.exit_code = Worse(report.exit_code, ExitCode::kStopped);
  return report;
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
  if (!request.hold && request.to_database.empty() && request.files.empty()) {
    text +=
        "NOTE: restored rows are still soft-deleted and old enough: the next run takes them "
        "again,\n"
        "unless their deleted_at is cleared first or they were restored with --hold.\n";
  }
  return text;
}

}  // namespace osarchiver
