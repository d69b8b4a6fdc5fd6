// Appends the batches of one pass to segments of one format.
//
// A segment is sealed only when all its batches are verified, and while batch n is written n-1 may
// not be: so a segment that is full is put aside, and sealed when the journal says that its batches
// are verified, at the latest at the end of the pass. A part whose predecessor is not sealed yet
// when it begins has an empty previous_footer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "destination/archive_root.h"
#include "destination/destination.h"
#include "destination/file_target.h"
#include "formats/segment_writer.h"

namespace osarchiver {

class FileTableWriter final : public TableWriter {
 public:
  // `directory` is the run's, relative to the root. `root` and `settings` outlive the writer.
  FileTableWriter(const FileTarget& target, ArchiveRoot& root,
                  const FileDestinationSettings& settings, std::string directory,
                  const PassContext& pass, Journal& journal);

  void Announce() override;
  CopyLocation Store(const BatchToStore& batch) override;
  void AnnounceSeal() override;
  void Seal() override;

 private:
  // A segment that the journal knows and that is not made yet.
  struct Part {
    SegmentId id = 0;
    SegmentHeader header;
    std::filesystem::path path;
  };
  struct Segment {
    SegmentId id = 0;
    std::filesystem::path path;
    std::unique_ptr<SegmentWriter> writer;
    std::uint64_t first_number = 0, last_number = 0;
    bool seal_announced = false;
  };
  struct StoredBatch {
    std::uint64_t number = 0;
    Hash digest{};
    CopyLocation location;
  };

  FrameLocation Append(const BatchToStore& batch);
  void RemoveTail();
  bool is_full(const Segment& segment) const;
  void StartSegment();
  Part AnnouncePart();
  // Nothing when another file has the name already.
  std::optional<Segment> CreatePart(Part part);
  void WarnOfOther(const Part& part) const;
  SegmentHeader Header(std::uint32_t part) const;
  std::string PreviousFooter(std::uint32_t part) const;
  void SealVerified();
  void AnnounceSealOf(Segment& segment);
  void SealSegment(Segment& segment, bool last_part);

  FileTarget target_;
  ArchiveRoot& root_;
  const FileDestinationSettings& settings_;
  std::string directory_;
  PassContext pass_;
  Journal& journal_;
  std::optional<Part> announced_;
  std::optional<Segment> current_;
  std::vector<Segment> full_;  // oldest first
  std::optional<StoredBatch> last_stored_;
  bool failed_ = false;
};

}  // namespace osarchiver
