#include "destination/seal_check.h"

#include "destination/quarantine.h"
#include "formats/segment_reader.h"
#include "util/error.h"

namespace osarchiver {

void RequireSealed(const FileTarget& target, const SegmentInfo& segment, std::uint64_t length,
                   const std::string& footer_hash, Journal& journal) {
  const std::filesystem::path path = target.PathOf(segment);
  target.files.OpenForRead(path)->DropCache();
  const SegmentReport report = ScanSegment(target.files, path, ScanDepth::kRecords);
  if (report.condition == SegmentCondition::kSealed && report.file_bytes == length &&
      report.footer_hash == footer_hash) {
    return;
  }
  PutAside(target, segment, journal);
  throw IntegrityError(
      path.string() + " reads back differently than it was sealed" +
          (report.problems.empty() ? std::string() : ": " + report.problems.front()),
      "the next run makes its batches again from another copy");
}

}  // namespace osarchiver
