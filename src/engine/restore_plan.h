// What a restore puts back and in which order: parents before children, the newest version of a row
// first.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "formats/segment_reader.h"
#include "mariadb/catalogue.h"
#include "state/journal.h"

namespace osarchiver {

struct RestoreSelection {
  std::string run;       // number, name or "last"; "" for every run of `archiver`
  std::string archiver;  // "" when `run` says it
  std::optional<TableName> table;
};

// One pass of one run, with the batches that left the source.
struct RestoreItem {
  RunInfo run;
  PassInfo pass;
  TableDefinition definition;
  std::vector<BatchInfo>
      batches;  // the last one first: what was deleted last had nothing that referred to it
};

// Throws ConfigError when nothing matches.
std::vector<RestoreItem> PlanRestore(const Journal& journal, const RestoreSelection& selection);

// One segment given as a file.
struct RestoreFile {
  std::filesystem::path path;
  SegmentHeader header;
  std::vector<FoundBatch> batches;  // the last one first
};
// Proves each file's chain and content first; throws IntegrityError naming file and batch when
// anything is not whole. Two formats of the same part are taken once.
std::vector<RestoreFile> PlanRestoreFiles(const std::vector<std::filesystem::path>& paths);

// The positions of `definitions` so that a table comes after all that it refers to; tables in a
// cycle stay as they are.
std::vector<std::size_t> ParentsFirst(const std::vector<const TableDefinition*>& definitions);

}  // namespace osarchiver
