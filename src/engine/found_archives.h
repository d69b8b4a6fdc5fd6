// What lies at an archiver's destinations, in the order in which a journal has it: runs, passes,
// batches and their copies. rebuild-journal makes a new journal of it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/settings.h"
#include "destination/registry.h"
#include "engine/pass_archive.h"
#include "engine/rebuilt_names.h"
#include "state/journal.h"

namespace osarchiver {

// One batch of a pass, as all its copies say together.
struct FoundRows {
  NewBatch info;
  std::vector<std::pair<std::size_t, CopyLocation>>
      copies;  // index of the segment in its pass, or kNoSegment
};
inline constexpr std::size_t kNoSegment = SIZE_MAX;

struct FoundPass {
  TableDefinition definition;
  std::string cutoff;
  std::vector<std::pair<CopyTarget, StoredSegment>> segments;
  std::map<std::uint64_t, FoundRows> batches;
};

struct FoundRun {
  std::string now;
  std::map<PassKey, FoundPass> passes;
  FoundDatabases databases;
};

// Run names begin with the time, so that older runs come first and newer versions of a row win.
using FoundRuns = std::map<std::string, FoundRun>;

struct ArchiverArchives {
  const ArchiverSettings* settings = nullptr;
  std::vector<std::unique_ptr<Destination>> owned;
  Destinations destinations;
  std::vector<std::pair<CopyTarget, Inventory>> inventories;
};

// Throws what Destination::TakeInventory() throws. What is damaged is left out and in `problems`,
// one line each.
ArchiverArchives TakeInventories(const Settings& settings, const ArchiverSettings& archiver,
                                 std::vector<std::string>* problems);
// The journal that wrote the archives; `wanted` (an id, or "" for the only one). Throws ConfigError
// when there is none, or several and none is wanted.
std::string ChooseJournal(const std::vector<ArchiverArchives>& archivers,
                          const std::string& wanted);
// Everything that the journal wrote, and runs of which only the name is left.
FoundRuns RunsOf(const ArchiverArchives& archives, const std::string& journal_id);

// Killed between the header and the record of the first batch: it says whose it is, and holds
// nothing.
bool HoldsNothing(const StoredSegment& segment);
// Put aside, or not whole.
bool IsDamaged(const StoredSegment& segment);
// Where a batch lies in several files of a target, the copy that counts comes first: the newest,
// for the older one is damaged, or was written again elsewhere by settling and is yet to be cut.
void SortCopies(const FoundPass& pass, FoundRows* rows);

}  // namespace osarchiver
