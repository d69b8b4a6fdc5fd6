#include "engine/rebuild.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "destination/archived_keys.h"
#include "destination/quarantine.h"
#include "destination/registry.h"
#include "engine/batch_verifier.h"
#include "engine/copy_repair.h"
#include "engine/found_archives.h"
#include "engine/rebuilt_names.h"
#include "engine/source_session.h"
#include "mariadb/quote.h"
#include "state/journal.h"
#include "state/run_lock.h"
#include "util/file_system.h"
#include "util/log.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kConditionBytes = 1u << 20;

// Writes what was found into a new journal.
class JournalWriter {
 public:
  JournalWriter(Journal& journal, const Settings& settings, const ArchiverArchives& archives,
                Progress& progress, RebuildReport* report)
      : journal_(journal),
        settings_(settings),
        archives_(archives),
        progress_(progress),
        report_(report),
        verifier_(journal, archives.destinations) {}

  void Write(const FoundRuns& runs);

 private:
  void WriteRun(const std::string& name, const FoundRun& run);
  void WritePass(const std::string& run_name, PassId pass, const PassKey& key,
                 const FoundPass& found);
  void WriteBatch(const std::string& run_name, PassId pass, const PassKey& key,
                  const FoundPass& found, const std::vector<SegmentId>& segments, FoundRows rows,
                  std::set<std::size_t>* damaged);
  void ReportLost(const std::string& run_name, const PassKey& key, const NewBatch& batch);
  void PutAside(const CopyTarget& target, SegmentId id, const StoredSegment& segment);
  std::vector<bool> StillThere(const PassKey& key, const TableDefinition& definition,
                               const RowBatch& rows);
  Connection& SourceOf(const std::string& name);

  Journal& journal_;
  const Settings& settings_;
  const ArchiverArchives& archives_;
  Progress& progress_;
  RebuildReport* report_;
  BatchVerifier verifier_;
  std::map<std::string, std::unique_ptr<Connection>> sources_;
};

void JournalWriter::Write(const FoundRuns& runs) {
  for (const auto& [name, run] : runs) WriteRun(name, run);
}

void JournalWriter::WriteRun(const std::string& name, const FoundRun& found) {
  NewRun run;
  run.name = name;
  run.archiver = archives_.settings->name;
  run.site = settings_.site;
  run.now = found.now;
  run.host = "rebuilt";
  run.configuration = RebuiltConfiguration(settings_, found.databases);
  const RunId id = journal_.BeginRun(run);
  bool has_files = false;
  for (const auto& [key, pass] : found.passes) {
    const PassId pass_id =
        journal_.BeginPass(id, key, pass.cutoff, DefinitionToJson(pass.definition));
    journal_.SetPassState(pass_id, PassState::kRunning, "");
    WritePass(name, pass_id, key, pass);
    journal_.SetPassState(pass_id, PassState::kCompleted, "made again from the archives");
    has_files = has_files || !pass.segments.empty();
  }
  journal_.FinishRun(id, RunState::kInterrupted, static_cast<int>(ExitCode::kStopped),
                     "made again from the archives");
  // The next run closes what was never sealed, makes copies in damaged files again elsewhere, and
  // lists the checksums of what was sealed and not listed, like after any crash.
  if (!has_files) journal_.MarkRunSettled(id);
  ++report_->runs;
}

void JournalWriter::WritePass(const std::string& run_name, PassId pass, const PassKey& key,
                              const FoundPass& found) {
  const ShownTable shown(progress_, key.database + "." + key.table, false);
  std::vector<SegmentId> segments;
  for (const auto& [target, segment] : found.segments) {
    segments.push_back(journal_.AddSegment(pass, target, segment.header.part, segment.path));
    if (!segment.problem.empty() && !segment.aside)
      report_->problems.push_back(segment.path + ": " + segment.problem);
  }
  std::set<std::size_t> damaged;  // segments
  for (const auto& [number, rows] : found.batches)
    WriteBatch(run_name, pass, key, found, segments, rows, &damaged);
  std::set<std::uint64_t> lost;
  for (const auto& [target, segment] : found.segments) {
    for (const BatchRecord& batch : segment.damaged) {
      if (found.batches.contains(batch.number) || !lost.insert(batch.number).second) continue;
      NewBatch info;
      info.number = batch.number;
      info.rows = batch.rows;
      info.first_key = batch.first_key;
      info.last_key = batch.last_key;
      ReportLost(run_name, key, info);
    }
  }
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const StoredSegment& segment = found.segments[i].second;
    if (IsDamaged(segment) || damaged.contains(i)) {
      PutAside(found.segments[i].first, segments[i], segment);
    }
    if (!segment.sealed || damaged.contains(i)) continue;
    journal_.MarkSealing(segments[i]);
    journal_.MarkSealed(segments[i], segment.length, segment.sha256, segment.footer_hash);
  }
}

void JournalWriter::ReportLost(const std::string& run_name, const PassKey& key,
                               const NewBatch& batch) {
  report_->problems.push_back(fmt::format(
      "no copy of batch {} of {}.{} in run {} ({}) is whole: {} rows are lost, but for "
      "those that are still in the source",
      batch.number, key.database, key.table, run_name, KeyRangeText(batch), batch.rows));
}

// As a run does that meets damage. The name in the journal is the one that the file gets.
void JournalWriter::PutAside(const CopyTarget& target, SegmentId id, const StoredSegment& segment) {
  if (segment.aside) {
    journal_.MarkDamaged(id, segment.path);
    return;
  }
  Destination* destination = FindDestination(archives_.destinations, target);
  CopyLocation location;
  location.target = target;
  location.segment = id;
  destination->Quarantine(location, journal_);
}

void JournalWriter::WriteBatch(const std::string& run_name, PassId pass, const PassKey& key,
                               const FoundPass& found, const std::vector<SegmentId>& segments,
                               FoundRows rows, std::set<std::size_t>* damaged) {
  SortCopies(found, &rows);
  const BatchId id = journal_.AddBatches({{pass, rows.info}}).front();
  std::vector<CopyLocation> proven;
  RowBatch content;
  for (const auto& [segment, found_location] : rows.copies) {
    CopyLocation location = found_location;
    if (segment != kNoSegment) location.segment = segments[segment];
    Destination* destination = FindDestination(archives_.destinations, location.target);
    try {
      content = verifier_.ReadProven(*destination, {run_name, key, rows.info.number, location},
                                     found.definition, rows.info.digest, rows.info.rows);
      // A batch that settling moved has a second frame behind a journaled length; one copy a target
      // is enough.
      const bool have = std::any_of(proven.begin(), proven.end(), [&](const CopyLocation& copy) {
        return copy.target == location.target;
      });
      if (!have) proven.push_back(location);
    } catch (const IntegrityError& error) {
      // What lies in a file that was put aside was found damaged before.
      const bool known = segment != kNoSegment && found.segments[segment].second.aside;
      if (!known) report_->problems.emplace_back(error.what());
      if (segment != kNoSegment) damaged->insert(segment);
    }
  }
  if (proven.empty()) {
    ReportLost(run_name, key, rows.info);
    journal_.MarkForgotten(id);
    return;
  }
  journal_.MarkArchived({{id, proven}});
  journal_.MarkVerified({id}, Journal::Next::kDelete);
  const std::vector<bool> there = StillThere(key, found.definition, content);
  const std::vector<Hash> hashes = RowHashes(content);
  Journal::DeletedBatch outcome{id, {}, {}};
  for (std::size_t i = 0; i < there.size(); ++i) {
    if (!there[i]) {
      ++outcome.counts.absent;
      continue;
    }
    ++outcome.counts.blocked;
    outcome.kept.push_back(
        {KeyHash(content.row(i), found.definition.key), ShortHash(hashes[i]), id});
  }
  journal_.MarkDeleted({outcome});
  ++report_->batches;
  report_->rows += there.size();
  report_->still_there += outcome.counts.blocked;
  progress_.AddVerified(there.size());
}

Connection& JournalWriter::SourceOf(const std::string& name) {
  auto& connection = sources_[name];
  if (connection) return *connection;
  const auto settings = settings_.sources.find(name);
  if (settings == settings_.sources.end()) {
    throw ConfigError(
        "the archives name a source '" + name + "' that the configuration does not have",
        "put it back, so that it can be asked which rows are still there");
  }
  connection = Connection::Open(AddressOf(settings->second.server));
  return *connection;
}

std::vector<bool> JournalWriter::StillThere(const PassKey& key, const TableDefinition& definition,
                                            const RowBatch& rows) {
  Connection& source = SourceOf(key.source);
  std::vector<bool> there(rows.row_count());
  const auto table = LoadTable(source, {key.database, key.table});
  if (!table) return there;
  RowBatch keys(definition.key.size());
  std::map<std::string, std::size_t, std::less<>> positions;
  for (std::size_t i = 0; i < rows.row_count(); ++i) {
    std::string bytes = KeyBytes(rows.row(i), definition.key);
    keys.AppendRow(bytes);
    positions.emplace(std::move(bytes), i);
  }
  std::string columns;
  for (const std::size_t column : definition.key) {
    columns += (columns.empty() ? "" : ",") + ReadExpression(definition.columns[column]);
  }
  for (std::size_t begin = 0; begin < keys.row_count();) {
    const std::size_t end = KeyRangeEnd(keys, begin, kConditionBytes);
    RowBatch found(definition.key.size());
    source.Stream("SELECT " + columns + " FROM " + Quoted(TableName{key.database, key.table}) +
                      " WHERE " + KeyListCondition(definition, keys, begin, end),
                  [&](const Row& cells) {
                    for (std::size_t i = 0; i < cells.size(); ++i) {
                      AppendCell(definition.columns[definition.key[i]], cells[i], &found);
                    }
                    found.EndRow();
                    return RowAction::kContinue;
                  });
    for (std::size_t i = 0; i < found.row_count(); ++i) {
      const auto it = positions.find(found.row(i));
      if (it != positions.end()) there[it->second] = true;
    }
    begin = end;
  }
  return there;
}

// Files of these runs that hold no batch that could be told. No journal that is made again can name
// them, and a run that is settled needs their names.
void PutEmptyAside(const Settings& settings, const ArchiverArchives& archives,
                   const std::string& journal_id, const FoundRuns& runs) {
  FileSystem& files = PosixFileSystem();
  for (const auto& [target, inventory] : archives.inventories) {
    std::vector<std::string> empty;
    for (const std::string& path : inventory.unreadable) {
      const bool ours = std::any_of(runs.begin(), runs.end(), [&](const auto& run) {
        return path.find("." + EncodeName(run.first) + ".") != std::string::npos;
      });
      if (ours) empty.push_back(path);
    }
    for (const StoredSegment& segment : inventory.segments) {
      if (segment.header.journal_id == journal_id && HoldsNothing(segment) && !segment.aside)
        empty.push_back(segment.path);
    }
    for (const std::string& path : empty) {
      const fs::path root = settings.destinations.at(target.destination).file.directory;
      files.Rename(root / path, root / (path + std::string(kDamagedEnding)));
      files.SyncDirectory((root / path).parent_path());
      LogWarning((root / path).string() + " holds no whole batch and was renamed to *" +
                 std::string(kDamagedEnding));
    }
  }
}

// No archive says which rows somebody asked to leave alone: only journals do, the one that is put
// aside and the copies at the archives' roots. Returns how many could be read.
std::size_t TakeHoldsOver(const Settings& settings, const std::vector<ArchiverArchives>& archivers,
                          const std::string& journal_id, Journal* journal, RebuildReport* report) {
  std::set<fs::path> paths = {settings.state};
  for (const ArchiverArchives& archives : archivers) {
    for (const Destination* destination : archives.destinations)
      paths.insert(destination->PlaceOfJournalCopy(journal_id));
  }
  std::size_t read = 0;
  for (const fs::path& path : paths) {
    if (path.empty() || !PosixFileSystem().Exists(path)) continue;
    try {
      const auto older = Journal::Open(path, OpenMode::kRead);
      if (older->id() != journal_id) continue;
      for (const HeldRows& held : older->ListHolds()) {
        const std::uint64_t before = journal->CountHeld(held.key);
        journal->AddHolds(held.archiver, held.key, held.key_hashes, "restore --hold");
        report->held += journal->CountHeld(held.key) - before;
      }
      ++read;
    } catch (const Error& error) {
      LogWarning(path.string() + " says no more which rows are held: " + error.what());
    }
  }
  return read;
}

// The old journal and what belongs to it get another name; nothing of it is thrown away.
std::string PutAside(const std::string& path, Clock& clock) {
  FileSystem& files = PosixFileSystem();
  const std::string aside = path + ".before-rebuild-" + FormatUtcCompact(clock.UnixSeconds());
  std::string moved;
  for (const char* ending : {"", "-wal", "-shm"}) {
    if (!files.Exists(path + ending)) continue;
    files.Rename(path + ending, aside + ending);
    moved = aside;
  }
  if (!moved.empty()) files.SyncDirectory(fs::path(path).parent_path());
  return moved;
}

}  // namespace

RebuildReport RebuildJournal(const Settings& settings, const std::string& journal_id, Clock& clock,
                             Progress& progress) {
  RebuildReport report;
  std::vector<RunLock> locks;
  std::vector<ArchiverArchives> archivers;
  for (const ArchiverSettings& archiver : settings.archivers) {
    if (archiver.destinations.empty()) continue;
    locks.push_back(RunLock::Acquire(settings.state, archiver.name));
    archivers.push_back(TakeInventories(settings, archiver, &report.problems));
  }
  const std::string id = ChooseJournal(archivers, journal_id);

  // Made under another name and put in place whole: a rebuild that is interrupted has changed
  // nothing.
  const std::string temporary = settings.state + ".rebuilding";
  for (const char* ending : {"", "-wal", "-shm"}) {
    if (PosixFileSystem().Exists(temporary + ending)) PosixFileSystem().Remove(temporary + ending);
  }
  Journal::CreateAs(temporary, id);
  {
    const auto journal = Journal::Open(temporary, OpenMode::kWrite);
    for (const ArchiverArchives& archives : archivers) {
      const FoundRuns runs = RunsOf(archives, id);
      PutEmptyAside(settings, archives, id, runs);
      JournalWriter(*journal, settings, archives, progress, &report).Write(runs);
    }
    report.holds_known = TakeHoldsOver(settings, archivers, id, journal.get(), &report) > 0;
    report.old_journal = PutAside(settings.state, clock);
    journal->CopyTo(settings.state, "rebuilt");
  }
  for (const char* ending : {"", "-wal", "-shm"}) {
    if (PosixFileSystem().Exists(temporary + ending)) PosixFileSystem().Remove(temporary + ending);
  }
  if (!report.problems.empty()) report.exit_code = ExitCode::kDamage;
  return report;
}

}  // namespace osarchiver
