#include "engine/settle.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "destination/older_journal.h"
#include "engine/throttle.h"
#include "engine/unit_outcome.h"
#include "engine/verified_unit.h"
#include "source/deleter.h"
#include "util/failpoint.h"
#include "util/log.h"

namespace osarchiver {
namespace {

// Above every unit number of a run: the units of batches and of releases that are alone.
constexpr std::uint64_t kAlone = std::uint64_t{1} << 61;
constexpr std::uint64_t kReleased = std::uint64_t{1} << 62;

}  // namespace

// The valid copies of one batch and, when there are any, its rows.
struct Settler::Proven {
  std::optional<RowBatch> rows;
  std::vector<CopyLocation> in_place;   // proven and within what the journal vouches for
  std::vector<CopyLocation> elsewhere;  // where the archiver archives no more, or put aside
  std::set<std::string> unread;         // why copies that may be whole could not be read
  Found found = Found::kNothing;
};

void RequireNothingForgotten(const Settings& settings, const Journal& journal,
                             const ArchiverSettings& archiver) {
  for (const std::string& name : journal.ListArchivers()) {
    const bool configured =
        std::any_of(settings.archivers.begin(), settings.archivers.end(),
                    [&name](const ArchiverSettings& known) { return known.name == name; });
    if (configured) continue;
    for (const RunInfo& run : journal.UnsettledRuns(name)) {
      for (const PassInfo& pass : journal.ListPasses(run.id)) {
        const PassKey& key = pass.key;
        if (std::find(archiver.sources.begin(), archiver.sources.end(), key.source) ==
                archiver.sources.end() ||
            (journal.UnsettledBatches(pass.id).empty() && journal.OpenReleases(pass.id).empty())) {
          continue;
        }
        throw ConfigError(
            fmt::format("run {} of archiver '{}', which is not in the configuration any more, was "
                        "interrupted and left rows of {}.{} of source {} in flight",
                        run.name, name, key.database, key.table, key.source),
            "give archiver '" + archiver.name + "' the name '" + name + "' for one run");
      }
    }
  }
}

Settler::Settler(RunServices& services, std::map<std::string, SettleSource> sources,
                 std::set<std::string> unreachable)
    : services_(services),
      sources_(std::move(sources)),
      unreachable_(std::move(unreachable)),
      verifier_(services.journal, services.destinations),
      reader_(services.settings, services.journal, services.destinations) {}

std::vector<RunInfo> Settler::EarlierRuns() const {
  std::vector<RunInfo> runs;
  for (RunInfo& run : services_.journal.UnsettledRuns(services_.context.archiver)) {
    if (run.id != services_.run) runs.push_back(std::move(run));
  }
  return runs;
}

SettleResult Settler::Settle() {
  SettleResult result;
  std::vector<RunInfo> runs = EarlierRuns();
  std::vector<PassToSettle> passes;
  if (!runs.empty()) {
    Failpoint("settle-begin");
    passes = SurveyAll(runs);
  }
  bool put_aside = false;
  for (Destination* destination : services_.destinations)
    put_aside = destination->PutDamagedAside(services_.journal) || put_aside;
  if (put_aside) {
    runs = EarlierRuns();
    passes = SurveyAll(runs);
  }
  if (runs.empty()) return result;
  std::map<RunId, bool> failed;
  const auto attempt = [&](RunId run, const std::set<PassKey>& tables, const std::string& what,
                           const std::function<void()>& work) {
    try {
      work();
    } catch (const IntegrityError&) {
      throw;
    } catch (const DeleteLeft&) {
      // The run was stopped while it had to wait: no failure, and not settled.
      failed[run] = true;
    } catch (const Error& error) {
      failed[run] = true;
      for (const PassKey& table : tables) AddUnsettled(table, &result);
      result.failures.push_back("settling " + what + ": " + WithHint(error.what(), error.hint()));
    }
  };
  // Batches of one unit lie in several passes, so all passes are brought to verified before
  // anything is deleted.
  std::map<std::pair<RunId, std::uint64_t>, Unit> units;
  for (const PassToSettle& pass : passes) {
    attempt(
        pass.run.id, {pass.pass.key},
        fmt::format("{}.{} of run {}", pass.pass.key.database, pass.pass.key.table, pass.run.name),
        [&] {
          for (const BatchInfo& batch : BringPassToVerified(pass, &result)) {
            // What is alone is its own unit; real units are numbered from 1.
            const std::uint64_t number = batch.batch.unit != 0
                                             ? batch.batch.unit
                                             : kAlone + static_cast<std::uint64_t>(batch.id);
            Unit& unit = units[{pass.run.id, number}];
            unit.batches.push_back(batch.id);
            unit.tables.insert(pass.pass.key);
          }
          for (ReleaseInfo& info : services_.journal.OpenReleases(pass.pass.id)) {
            const std::uint64_t number = info.release.unit != 0
                                             ? info.release.unit
                                             : kReleased + static_cast<std::uint64_t>(info.id);
            Unit& unit = units[{pass.run.id, number}];
            unit.releases.push_back(std::move(info));
            unit.tables.insert(pass.pass.key);
          }
        });
  }
  for (auto& [id, unit] : units) {
    // Batch numbers of the journal ascend as they were extracted: dependents before their parents.
    std::sort(unit.batches.begin(), unit.batches.end());
    attempt(id.first, unit.tables, "a unit of rows", [&] { DeleteOrKeep(unit, &result); });
  }
  for (const RunInfo& run : runs) {
    if (failed[run.id]) continue;
    if (run.finished_at.empty()) {
      services_.journal.FinishRun(run.id, RunState::kInterrupted, 5, "its process died");
    }
    if (const std::string elsewhere = OpenElsewhere(run.id); !elsewhere.empty()) {
      LogWarning(
          fmt::format("run {}: its files at destination {}, which this archiver has no more, "
                      "were left without an end; name it once more for one run to close them",
                      run.name, elsewhere));
      continue;
    }
    services_.journal.MarkRunSettled(run.id);
    ++result.runs;
    LogInfo(fmt::format("run {}: what it left in flight is settled", run.name));
  }
  Failpoint("settle-end");
  return result;
}

// A source that has no settings any more may be one that has another name now.
void Settler::AddUnsettled(const PassKey& table, SettleResult* result) const {
  result->unsettled.insert(table);
  if (sources_.contains(table.source) || unreachable_.contains(table.source)) return;
  for (const auto& [name, source] : sources_)
    result->unsettled.insert({name, table.database, table.table});
}

std::string Settler::OpenElsewhere(RunId run) const {
  for (const PassInfo& pass : services_.journal.ListPasses(run)) {
    for (const SegmentInfo& segment : services_.journal.ListSegments(pass.id)) {
      // Also what is sealed: the list of its checksums is written when a run ends.
      if (segment.state == SegmentState::kRetired || segment.state == SegmentState::kDamaged)
        continue;
      const bool configured = std::any_of(
          services_.destinations.begin(), services_.destinations.end(),
          [&segment](Destination* destination) { return destination->target() == segment.target; });
      if (!configured)
        return fmt::format("{} (format {})", segment.target.destination, segment.target.format);
    }
  }
  return {};
}

std::vector<Settler::PassToSettle> Settler::SurveyAll(const std::vector<RunInfo>& runs) {
  std::vector<PassToSettle> passes;
  std::string contradictions;
  for (const RunInfo& run : runs) {
    for (Destination* destination : services_.destinations) {
      for (const std::string& line : destination->FindUnknown(run, services_.journal))
        contradictions += "\n  " + line;
    }
    std::vector<CopyTarget> targets;
    const auto seen = [&targets](const CopyTarget& target) {
      return std::find(targets.begin(), targets.end(), target) != targets.end();
    };
    std::vector<PassInfo> in_run = services_.journal.ListPasses(run.id);
    for (const PassInfo& pass : in_run) {
      for (const BatchInfo& batch : services_.journal.ListBatches(pass.id)) {
        for (const CopyLocation& copy : batch.copies) {
          if (!seen(copy.target)) targets.push_back(copy.target);
        }
      }
    }
    for (PassInfo& pass : in_run) {
      PassToSettle entry{run, std::move(pass), targets, {}};
      for (Destination* destination : services_.destinations) {
        entry.surveys.push_back(destination->SurveyPass(run, entry.pass, services_.journal));
        for (const std::string& line : entry.surveys.back().journal_is_older)
          contradictions += "\n  " + line;
        for (const std::string& line : entry.surveys.back().problems) LogError(line);
      }
      passes.push_back(std::move(entry));
    }
  }
  if (!contradictions.empty()) {
    throw OlderJournalError(
        "the archives know more than the journal, which is older or damaged; nothing was written:" +
            contradictions,
        "if the journal was restored from a backup, make it anew: osarchiver rebuild-journal");
  }
  return passes;
}

std::vector<BatchInfo> Settler::BringPassToVerified(const PassToSettle& pass,
                                                    SettleResult* result) {
  RepairCopies(pass, result);
  PassArchive archive(services_.journal, services_.destinations,
                      ContextOf(services_, pass.run, pass.pass));
  std::vector<BatchInfo> verified;
  for (const BatchInfo& batch : services_.journal.UnsettledBatches(pass.pass.id)) {
    Failpoint("settle-batch-before");
    if (BringToVerified(pass, batch, archive, result)) verified.push_back(batch);
    Failpoint("settle-batch-after");
  }
  archive.Seal();
  for (Destination* destination : services_.destinations) {
    destination->CloseInterrupted(pass.run, pass.pass, services_.journal);
  }
  return verified;
}

// Batches that are deleted or kept and lack a copy where their run made copies: it lies in a
// segment that was put aside, or whoever made the journal again found none. It is made again from
// another one. Nothing is left to be decided about such batches, so one that cannot be helped stops
// nobody; kept rows without any copy are read again.
void Settler::RepairCopies(const PassToSettle& pass, SettleResult* result) {
  std::set<SegmentId> damaged;
  for (const SegmentInfo& segment : services_.journal.ListSegments(pass.pass.id)) {
    if (segment.state == SegmentState::kDamaged) damaged.insert(segment.id);
  }
  for (const BatchInfo& batch : services_.journal.ListBatches(pass.pass.id)) {
    const bool settled = (batch.state == BatchState::kDeleted && !batch.copies.empty()) ||
                         (batch.state == BatchState::kVerified && batch.settled);
    if (!settled) continue;
    StoredBatch stored{pass.run, pass.pass, batch};
    // One damaged byte leaves the other batches of a file whole, and they may be the only copies.
    std::vector<CopyLocation> aside;
    std::erase_if(stored.batch.copies, [&](const CopyLocation& copy) {
      if (!damaged.contains(copy.segment)) return false;
      aside.push_back(copy);
      return true;
    });
    bool missing = !aside.empty();
    for (const CopyTarget& target : pass.targets) {
      const auto is_there = [&](const CopyLocation& copy) { return copy.target == target; };
      missing = missing ||
                (FindDestination(services_.destinations, target) != nullptr &&
                 std::none_of(stored.batch.copies.begin(), stored.batch.copies.end(), is_there));
    }
    if (!missing) continue;
    try {
      CompleteCopies(services_, reader_, &stored, aside);
    } catch (const NoCopyWhole& error) {
      result->damage.emplace_back(error.what());
      if (batch.state != BatchState::kVerified || batch.delete_begun) continue;
      result->damage.back() += "; nothing of it was deleted, and its rows are archived again";
      services_.journal.MarkForgotten(batch.id);
    } catch (const IntegrityError& error) {
      // A copy is whole and could not be made again elsewhere.
      result->damage.emplace_back(error.what());
    } catch (const CopyOutOfReach& error) {
      result->failures.push_back(WithHint(error.what(), error.hint()));
    }
  }
}

// In a file that was put aside one damaged byte leaves the other batches whole.
bool Settler::IsAside(const CopyLocation& copy) const {
  if (copy.segment == 0) return false;
  const auto segment = services_.journal.FindSegment(copy.segment);
  return segment && segment->state == SegmentState::kDamaged;
}

Settler::Proven Settler::Prove(const PassToSettle& pass, const BatchInfo& batch) {
  Proven proven;
  const TableDefinition definition = DefinitionFromJson(pass.pass.definition);
  std::size_t everywhere = 0;
  for (std::size_t i = 0; i < services_.destinations.size(); ++i) {
    Destination& destination = *services_.destinations[i];
    bool in_place = false;
    for (const FoundCopy& copy : pass.surveys[i].copies) {
      if (copy.number != batch.batch.number || in_place) continue;
      try {
        RowBatch rows = verifier_.ReadProven(
            destination, {pass.run.name, pass.pass.key, copy.number, copy.location}, definition,
            batch.batch.digest, batch.batch.rows);
        if (!proven.rows) proven.rows = std::move(rows);
        if (!copy.behind_journal) {
          proven.in_place.push_back(copy.location);
          in_place = true;
        }
      } catch (const IntegrityError& error) {
        LogError(error.what());
      }
    }
    if (in_place) ++everywhere;
  }
  for (const CopyLocation& copy : batch.copies) {
    if (FindDestination(services_.destinations, copy.target) == nullptr || IsAside(copy))
      proven.elsewhere.push_back(copy);
  }
  if (!proven.rows) {
    CopyReader::Outcome found =
        reader_.Read({pass.run, pass.pass.key, definition, batch.batch}, proven.elsewhere);
    for (const std::string& damage : found.damaged) LogError(damage);
    proven.rows = std::move(found.rows);
    proven.unread = std::move(found.unread);
  }
  if (proven.rows) {
    proven.found = everywhere == services_.destinations.size() ? Found::kEverywhere : Found::kSome;
  }
  return proven;
}

// True when the batch is now verified; false when it was forgotten.
bool Settler::BringToVerified(const PassToSettle& pass, BatchInfo batch, PassArchive& archive,
                              SettleResult* result) {
  Proven proven = Prove(pass, batch);
  const SettleRule& rule = FindSettleRule(batch.state, batch.delete_begun, proven.found);
  const std::string name = fmt::format("batch {} of {}.{} in run {}", batch.batch.number,
                                       pass.pass.key.database, pass.pass.key.table, pass.run.name);
  LogInfo(fmt::format("settling {} ({}): {}", name, ToText(batch.state), rule.crash));
  ++result->batches;
  if (rule.action == SettleAction::kReportLoss && !proven.unread.empty())
    throw CopyOutOfReach(pass.run, pass.pass.key, batch.batch, proven.unread);
  if (rule.action == SettleAction::kReportLoss) {
    throw IntegrityError(
        fmt::format("{}: deletion had begun and no copy of it is whole any more; {}", name,
                    KeyRangeText(batch.batch)));
  }
  if (rule.action == SettleAction::kForget) {
    services_.journal.MarkForgotten(batch.id);
    Failpoint("settle-batch-forgotten");
    return false;
  }

  if (rule.action == SettleAction::kComplete) {
    const std::vector<Hash> hashes = RowHashes(*proven.rows);
    BatchToStore store;
    store.number = batch.batch.number;
    store.rows = &*proven.rows;
    store.row_hashes = &hashes;
    store.digest = batch.batch.digest;
    for (Destination* destination : services_.destinations) {
      bool there = false;
      for (const CopyLocation& copy : proven.in_place)
        there = there || copy.target == destination->target();
      if (!there) proven.in_place.push_back(archive.StoreAt(*destination, store));
    }
  }
  if (batch.state == BatchState::kExtracted) {
    services_.journal.MarkArchived({{batch.id, proven.in_place}});
  } else if (rule.action == SettleAction::kComplete) {
    services_.journal.ReplaceCopies(batch.id, proven.in_place);
  }
  proven.rows.reset();
  // Copies that Prove() read are proven; new ones are read back now.
  const TableDefinition definition = DefinitionFromJson(pass.pass.definition);
  for (const CopyLocation& copy : proven.in_place) {
    Destination* destination = FindDestination(services_.destinations, copy.target);
    verifier_.ReadProven(*destination, {pass.run.name, pass.pass.key, batch.batch.number, copy},
                         definition, batch.batch.digest, batch.batch.rows);
  }
  if (batch.state != BatchState::kVerified) {
    const bool wants_delete = WantsDelete(pass.pass) != nullptr;
    services_.journal.MarkVerified({batch.id},
                                   wants_delete ? Journal::Next::kDelete : Journal::Next::kKeep);
  }
  return true;
}

const TablePlan* Settler::WantsDelete(const PassInfo& pass) const {
  if (unreachable_.contains(pass.key.source)) {
    throw Error("source " + pass.key.source +
                " cannot be worked now; what is in flight stays for the next run");
  }
  const auto source = sources_.find(pass.key.source);
  if (source == sources_.end()) return nullptr;
  const TablePlan* table = source->second.plan->Find({pass.key.database, pass.key.table});
  if (table == nullptr || !table->settings.delete_rows) return nullptr;
  // Rows of another shape cannot be compared any more: they stay and are archived in their new
  // shape by the next pass.
  return SameRowShape(table->definition(), DefinitionFromJson(pass.definition)) ? table : nullptr;
}

// Nobody can be asked which of the rows went: they are neither kept nor deleted.
void Settler::RequireSource(const StoredBatch& stored) const {
  const PassKey& key = stored.pass.key;
  if (sources_.contains(key.source)) return;
  throw Error(
      fmt::format("batch {} of {}.{} in run {} was being deleted from source '{}', which "
                  "this archiver has no more",
                  stored.batch.batch.number, key.database, key.table, stored.run.name, key.source),
      "name the source once more for one run");
}

// What is to be deleted of one unit that was left in flight.
struct Settler::Deletable {
  VerifiedUnit unit;
  std::string source;
  std::vector<BatchId> announced;
  RowOutcome absent = RowOutcome::kAbsent;

  // Children first, as the plan has them; in a cycle as they were extracted.
  std::vector<const TablePlan*> Tables() const {
    std::vector<const TablePlan*> tables;
    for (const DeletableRows& part : unit.parts) {
      if (std::find(tables.begin(), tables.end(), &part.table()) == tables.end())
        tables.push_back(&part.table());
    }
    std::stable_sort(tables.begin(), tables.end(), [](const TablePlan* a, const TablePlan* b) {
      return a->component < b->component;
    });
    return tables;
  }
};

void Settler::AddBatch(BatchId id, Deletable* deletable) {
  const StoredBatch stored = LoadStoredBatch(services_.journal, id);
  const TableDefinition definition = DefinitionFromJson(stored.pass.definition);
  CopyReader::Outcome found = reader_.Read(
      {stored.run, stored.pass.key, definition, stored.batch.batch}, stored.batch.copies);
  if (!found.rows)
    throw StateError(
        fmt::format("batch {} lost its copy while settling", stored.batch.batch.number));
  RowBatch rows = *std::move(found.rows);
  const TablePlan* table = WantsDelete(stored.pass);
  if (table == nullptr && stored.batch.delete_begun) RequireSource(stored);
  if (table == nullptr) {
    Keep(stored.batch, rows, definition);
    return;
  }
  VerifiedUnit::Batch entry;
  entry.id = id;
  const std::vector<std::int64_t> keys = FreeKeys(stored, rows, definition, &entry.held);
  if (keys.empty()) {
    Keep(stored.batch, rows, definition);
    return;
  }
  if (stored.batch.delete_begun) deletable->absent = RowOutcome::kDeleted;
  deletable->source = stored.pass.key.source;
  deletable->announced.push_back(id);
  // Which versions it replaces was known to the run that archived it.
  entry.may_replace = services_.journal.CountKept(services_.context.archiver, stored.pass.key) > 0;
  if (services_.destinations.empty()) {
    // An archiver that archives no more: what it archived is held against one copy all the same.
    deletable->unit.Add(BatchVerifier::Choose(*table, definition, rows, keys, {}), entry);
    return;
  }
  rows = RowBatch();  // they are read once more
  deletable->unit.Add(
      verifier_.VerifyStored(*table, stored.run, stored.pass, stored.batch, keys, {}), entry);
}

// The keys of those rows that nobody put back to stay since the batch was archived; the others are
// kept rows.
std::vector<std::int64_t> Settler::FreeKeys(const StoredBatch& stored, const RowBatch& rows,
                                            const TableDefinition& definition,
                                            std::vector<KeptRow>* held) {
  std::vector<std::int64_t> keys;
  for (std::size_t i = 0; i < rows.row_count(); ++i)
    keys.push_back(KeyHash(rows.row(i), definition.key));
  const std::vector<bool> holds = Held(stored.pass.key, keys);
  if (std::find(holds.begin(), holds.end(), true) == holds.end()) return keys;
  const std::vector<Hash> hashes = RowHashes(rows);
  std::vector<std::int64_t> free;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (holds[i]) {
      held->push_back({keys[i], ShortHash(hashes[i]), stored.batch.id});
    } else {
      free.push_back(keys[i]);
    }
  }
  return free;
}

std::vector<bool> Settler::Held(const PassKey& key, const std::vector<std::int64_t>& key_hashes) {
  if (services_.journal.CountHeld(key) == 0) return std::vector<bool>(key_hashes.size());
  return services_.journal.FindHeld(key, key_hashes);
}

void Settler::AddRelease(const ReleaseInfo& info, Deletable* deletable) {
  StoredBatch stored = LoadStoredBatch(services_.journal, info.release.batch);
  const TablePlan* table = WantsDelete(stored.pass);
  if (table == nullptr) RequireSource(stored);
  std::vector<std::int64_t> keys;
  const std::vector<bool> holds = Held(stored.pass.key, info.release.key_hashes);
  for (std::size_t i = 0; i < holds.size(); ++i) {
    if (!holds[i]) keys.push_back(info.release.key_hashes[i]);
  }
  if (table == nullptr || keys.empty()) {
    services_.journal.DropRelease(info.id);
    return;
  }
  // A destination may have been added since.
  CompleteCopies(services_, reader_, &stored);
  deletable->absent = RowOutcome::kDeleted;
  deletable->source = stored.pass.key.source;
  VerifiedUnit::Batch entry;
  entry.id = stored.batch.id;
  entry.release = info.id;
  deletable->unit.Add(
      verifier_.VerifyStored(*table, stored.run, stored.pass, stored.batch, keys, {}), entry);
}

void Settler::DeleteOrKeep(const Unit& unit, SettleResult* result) {
  Deletable deletable;
  for (const BatchId id : unit.batches) AddBatch(id, &deletable);
  for (const ReleaseInfo& release : unit.releases) AddRelease(release, &deletable);
  if (deletable.unit.parts.empty()) return;
  deletable.unit.SortParts(deletable.Tables());
  // From here on a DELETE may be committed whose answer nobody records.
  if (!deletable.announced.empty())
    services_.journal.MarkVerified(deletable.announced, Journal::Next::kDelete);
  EnsureDurable(services_.journal, deletable.unit);
  const SettleSource& source = sources_.at(deletable.source);
  Throttle& throttle = *source.throttle;
  DeleteOptions options;
  options.absent = deletable.absent;
  options.max_rows_per_transaction =
      std::min(options.max_rows_per_transaction, throttle.rows_at_once());
  options.may_go_on = [&throttle] { return throttle.Wait(); };
  options.committed = [&throttle](std::uint64_t rows, std::chrono::milliseconds duration) {
    throttle.AddTransaction(rows, duration);
  };
  Deleter deleter(source.connect, services_.clock, services_.stop);
  const DeleteOutcome outcome = deleter.Delete(deletable.unit.parts, options);
  const DeleteCounts counts = RecordOutcome(services_.journal, services_.context.archiver,
                                            deletable.source, deletable.unit, outcome);
  Failpoint("batch-deleted");
  result->deleted += counts.deleted;
}

void Settler::Keep(const BatchInfo& batch, const RowBatch& rows,
                   const TableDefinition& definition) {
  std::vector<KeptRow> kept;
  for (std::size_t i = 0; i < rows.row_count(); ++i) {
    kept.push_back({KeyHash(rows.row(i), definition.key), 0, batch.id});
  }
  const std::vector<Hash> hashes = RowHashes(rows);
  for (std::size_t i = 0; i < kept.size(); ++i) kept[i].row_hash = ShortHash(hashes[i]);
  services_.journal.MarkKept(batch.id, kept);
}

}  // namespace osarchiver
