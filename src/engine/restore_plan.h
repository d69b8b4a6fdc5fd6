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

// One part of a table's archive, out of segment files; the formats of it together.
struct RestoreFile {
  struct Copy {
    std::filesystem::path path;
    FrameLocation location;
  };
  struct Batch {
    std::uint64_t number = 0;
    std::uint64_t rows = 0;
    std::vector<Copy> copies;  // none when each is known to be damaged
  };
  SegmentHeader header;
  std::vector<Batch> batches;  // the last one first
};
struct RestoreFilesPlan {
  std::vector<RestoreFile> files;     // in the order of the work
  std::vector<std::string> problems;  // each names its file: what of it is not whole
};
// Checks each file's records and chain; what stands in the frames is proven as they are read.
// `table`: only this one. Throws ConfigError when no batch is left.
RestoreFilesPlan PlanRestoreFiles(const std::vector<std::filesystem::path>& paths,
                                  const std::optional<TableName>& table);

// The positions of `definitions` so that a table comes after all that it refers to; tables in a
// cycle stay as they are.
std::vector<std::size_t> ParentsFirst(const std::vector<const TableDefinition*>& definitions);

}  // namespace osarchiver
