#include "engine/found_archives.h"

#include <fmt/format.h>

#include <algorithm>

#include "formats/format.h"

namespace osarchiver {
namespace {

void AddSegments(const CopyTarget& target, const Inventory& inventory,
                 const std::string& journal_id, FoundRuns* runs) {
  for (const StoredSegment& segment : inventory.segments) {
    const SegmentHeader& header = segment.header;
    if (header.journal_id != journal_id || HoldsNothing(segment)) continue;
    FoundRun& run = (*runs)[header.run_name];
    run.now = header.now;
    FoundPass& pass =
        run.passes[{header.source, header.definition.database, header.definition.table}];
    pass.definition = header.definition;
    pass.cutoff = header.cutoff;
    for (const FoundBatch& batch : segment.batches) {
      FoundRows& rows = pass.batches[batch.record.number];
      rows.info.number = batch.record.number;
      rows.info.rows = batch.record.rows;
      rows.info.bytes = batch.record.text_bytes;
      rows.info.digest = batch.record.digest;
      rows.info.first_key = batch.record.first_key;
      rows.info.last_key = batch.record.last_key;
      rows.copies.push_back(
          {pass.segments.size(),
           {target, 0, batch.location.offset, batch.location.frame_bytes, batch.location.end}});
    }
    pass.segments.emplace_back(target, segment);
  }
}

void AddEntries(const CopyTarget& target, const Inventory& inventory, const std::string& journal_id,
                FoundRuns* runs) {
  for (const StoredEntry& entry : inventory.entries) {
    if (entry.journal_id != journal_id) continue;
    FoundRun& run = (*runs)[entry.run_name];
    run.databases[target.destination][entry.key].insert(entry.database);
    FoundPass& pass = run.passes[entry.key];
    if (pass.definition.columns.empty()) pass.definition = entry.definition;
    FoundRows& rows = pass.batches[entry.number];
    if (rows.copies.empty()) {
      rows.info.number = entry.number;
      rows.info.rows = entry.rows;
      rows.info.digest = entry.digest;
      rows.info.first_key = entry.first_key;
      rows.info.last_key = entry.last_key;
    }
    rows.copies.push_back({kNoSegment, {target, 0, 0, 0, 0}});
  }
}

// A run that wrote no whole batch, but its name: without it the journal would be an older one.
void AddLastRuns(const ArchiverArchives& archives, const std::string& journal_id, FoundRuns* runs) {
  for (const auto& [target, inventory] : archives.inventories) {
    const auto last = inventory.last_runs.find(journal_id);
    if (last != inventory.last_runs.end()) (void)(*runs)[last->second];
  }
}

}  // namespace

ArchiverArchives TakeInventories(const Settings& settings, const ArchiverSettings& archiver,
                                 std::vector<std::string>* problems) {
  ArchiverArchives archives;
  archives.settings = &archiver;
  archives.owned = DestinationsOf(settings, archiver);
  // In whichever format: the list of them may have changed since.
  for (const DestinationSettings& destination : DestinationSettingsOf(settings, archiver)) {
    const std::vector<std::string>& formats = destination.file.formats;
    for (const std::string& format : FormatNames()) {
      if (destination.backend != "file" ||
          std::find(formats.begin(), formats.end(), format) != formats.end()) {
        continue;
      }
      archives.owned.push_back(MakeDestination(settings, {destination.name, format}));
    }
  }
  for (const auto& destination : archives.owned) {
    archives.destinations.push_back(destination.get());
    Inventory inventory = destination->TakeInventory(settings.site, archiver.name);
    for (const std::string& problem : inventory.problems) problems->push_back(problem);
    archives.inventories.emplace_back(destination->target(), std::move(inventory));
  }
  return archives;
}

std::string ChooseJournal(const std::vector<ArchiverArchives>& archivers,
                          const std::string& wanted) {
  std::set<std::string> ids;
  // A first run that was killed before it wrote a row left its name only; without a journal of that
  // id no other run would begin here.
  std::set<std::string> began_only;
  for (const ArchiverArchives& archives : archivers) {
    for (const auto& [target, inventory] : archives.inventories) {
      for (const StoredSegment& segment : inventory.segments) ids.insert(segment.header.journal_id);
      for (const StoredEntry& entry : inventory.entries) ids.insert(entry.journal_id);
      for (const auto& [journal_id, last_run] : inventory.last_runs) began_only.insert(journal_id);
    }
  }
  if (!wanted.empty()) {
    if (!ids.contains(wanted) && !began_only.contains(wanted))
      throw ConfigError("no archive here was written by journal " + wanted);
    return wanted;
  }
  if (ids.empty()) ids = std::move(began_only);
  if (ids.empty())
    throw ConfigError(
        "there is nothing to make a journal of: no archive of this site's archivers was found");
  if (ids.size() > 1) {
    throw ConfigError(fmt::format("several journals wrote here: {}", fmt::join(ids, ", ")),
                      "say which one was lost with --journal-id ID");
  }
  return *ids.begin();
}

bool HoldsNothing(const StoredSegment& segment) {
  return segment.batches.empty() && segment.damaged.empty();
}

bool IsDamaged(const StoredSegment& segment) { return segment.aside || !segment.problem.empty(); }

FoundRuns RunsOf(const ArchiverArchives& archives, const std::string& journal_id) {
  FoundRuns runs;
  for (const auto& [target, inventory] : archives.inventories)
    AddSegments(target, inventory, journal_id, &runs);
  for (const auto& [target, inventory] : archives.inventories)
    AddEntries(target, inventory, journal_id, &runs);
  AddLastRuns(archives, journal_id, &runs);
  return runs;
}

void SortCopies(const FoundPass& pass, FoundRows* rows) {
  const auto rank = [&pass](const auto& copy) {
    if (copy.first == kNoSegment) return std::pair(false, std::uint32_t{0});
    const StoredSegment& segment = pass.segments[copy.first].second;
    return std::pair(IsDamaged(segment), std::uint32_t{UINT32_MAX} - segment.header.part);
  };
  std::stable_sort(rows->copies.begin(), rows->copies.end(),
                   [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
}

}  // namespace osarchiver
