#include "destination/file_inventory.h"

#include <fmt/format.h>

#include <algorithm>

#include "destination/checksums.h"
#include "destination/quarantine.h"
#include "formats/segment_reader.h"
#include "util/error.h"

namespace osarchiver {

namespace fs = std::filesystem;

std::vector<fs::path> SegmentFiles(const fs::path& root, const std::string& format) {
  const std::string ending = "." + format + ".zst";
  const std::string damaged = ending + std::string(kDamagedEnding);
  std::vector<fs::path> paths;
  std::error_code exists;
  if (!fs::exists(root, exists)) return paths;
  std::error_code error;
  for (fs::recursive_directory_iterator it(root, error), end; !error && it != end;
       it.increment(error)) {
    const std::string path = it->path().string();
    if ((path.ends_with(ending) || path.ends_with(damaged)) && it->is_regular_file())
      paths.push_back(it->path());
  }
  if (error) throw IoError(error.value(), "cannot list " + root.string() + ": " + error.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

Inventory TakeFileInventory(const FileTarget& target, const std::string& site,
                            const std::string& archiver) {
  Inventory inventory;
  for (const fs::path& path : SegmentFiles(target.root, target.target.format)) {
    SegmentReport report = ScanSegment(target.files, path, ScanDepth::kRecords);
    if (!report.header) {
      if (path.string().ends_with(kDamagedEnding)) continue;
      inventory.unreadable.push_back(path.lexically_relative(target.root).string());
      // Otherwise its first batch never got whole, and nothing was deleted by it.
      if (report.records_behind_whole) {
        inventory.problems.push_back(path.string() +
                                     " says nothing of itself: no whole batch and header in it");
      }
      continue;
    }
    if (report.header->site != site || report.header->archiver != archiver) continue;
    StoredSegment segment;
    segment.path = path.lexically_relative(target.root).string();
    segment.header = *std::move(report.header);
    segment.batches = std::move(report.batches);
    segment.damaged = std::move(report.damaged);
    segment.aside = path.string().ends_with(kDamagedEnding);
    segment.sealed = report.condition == SegmentCondition::kSealed && !segment.aside;
    segment.length = segment.sealed ? report.file_bytes : report.whole_bytes;
    if (report.condition == SegmentCondition::kCorrupt)
      segment.problem = fmt::format("{}", fmt::join(report.problems, "; "));
    if (segment.sealed) {
      segment.sha256 = HashOfFile(target.files, path);
      segment.footer_hash = report.footer_hash;
    }
    inventory.segments.push_back(std::move(segment));
  }
  return inventory;
}

}  // namespace osarchiver
