#include "engine/settle.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "destination/older_journal.h"
#include "source/deleter.h"
#include "util/failpoint.h"
#include "util/log.h"

namespace osarchiver {
namespace {

// Above every unit number of a run: the units of batches and of releases that are alone.
constexpr std::uint64_t kAlone = std::uint64_t{1} << 61;
constexpr std::uint64_t kReleased = std::uint64_t{1} << 62;

}  // namespace

std::string SegmentsElsewhere(const Journal& journal, RunId run, const Destinations& destinations) {
  for (const PassInfo& pass : journal.ListPasses(run)) {
    for (const SegmentInfo& segment : journal.ListSegments(pass.id)) {
      // Also what is sealed: the list of its checksums is written when a run ends.
      if (segment.state == SegmentState::kRetired || segment.state == SegmentState::kDamaged)
        continue;
      if (FindDestination(destinations, segment.target) == nullptr)
        return fmt::format("{} (format {})", segment.target.destination, segment.target.format);
    }
  }
  return {};
}

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
    const std::string elsewhere =
        SegmentsElsewhere(services_.journal, run.id, services_.destinations);
    if (!elsewhere.empty()) {
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

}  // namespace osarchiver
