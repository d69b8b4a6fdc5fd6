// Reads archive files back and says what is whole. Needs neither journal nor configuration. Memory
// is bounded by the largest batch, not by the file.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "formats/format.h"
#include "formats/segment.h"
#include "util/file_system.h"

namespace osarchiver {

// One batch found whole: frame, checksum, record, chain and digest agree.
struct FoundBatch {
  BatchRecord record;
  FrameLocation location;
};

enum class SegmentCondition {
  kSealed,  // whole to the footer, nothing behind it
  kOpen,    // whole frames, no footer, nothing behind the last record
  kTorn,    // whole frames, then bytes that are no whole frame with record (a crash, or a cut file)
  kEmpty,   // no whole first frame with its header record: nothing can be said about its rows
  kCorrupt,  // a whole record, but content, digest, chain, index or header contradict it
};

struct SegmentReport {
  SegmentCondition condition = SegmentCondition::kEmpty;
  std::optional<SegmentHeader> header;
  std::vector<FoundBatch> batches;  // in file order, those that are whole
  std::optional<SegmentFooter> footer;
  std::string footer_hash;        // hex; "" without footer
  std::uint64_t whole_bytes = 0;  // length up to which all is whole
  std::uint64_t file_bytes = 0;
  // A record of a batch, or a footer, stands somewhere behind whole_bytes: those bytes are not
  // merely torn and must not be cut.
  bool records_behind_whole = false;
  // What they say; of a footer, and where it cannot be read, a batch 0, which there never is.
  std::vector<BatchRecord> behind_whole;
  // What stands in a whole record whose frame, content or place contradicts it: which batches and
  // key ranges are damaged.
  std::vector<BatchRecord> damaged;
  std::vector<std::string> problems;  // each names the batch or byte offset
};

enum class ScanDepth {
  kRecords,  // headers, records, chain, index; frames are skipped by their length
  kContent,  // also decompresses, parses and digests every frame
};

// Looks at a whole file; never throws for damage (it is in the report), throws IoError when the
// file cannot be read. Drops the page cache first, so that the disk answers. `on_batch`, when
// given, gets each whole batch's rows (kContent only).
class SegmentScanner {
 public:
  virtual ~SegmentScanner() = default;
  // May stop the scan by throwing.
  virtual void OnBatch(const SegmentHeader& header, const BatchRecord& record,
                       const RowBatch& rows) = 0;
};
SegmentReport ScanSegment(FileSystem& files, const std::filesystem::path& path, ScanDepth depth,
                          SegmentScanner* scanner = nullptr);

// Reads single batches out of one segment, through its own descriptor. Not thread-safe.
class SegmentReader {
 public:
  // Reads the header. Throws IoError, IntegrityError when there is no whole header.
  static std::unique_ptr<SegmentReader> Open(FileSystem& files, const std::filesystem::path& path);
  ~SegmentReader();
  const SegmentHeader& header() const;
  // The footer with its index, found from the end of the file; nothing when the file does not end
  // in a whole one.
  std::optional<SegmentFooter> ReadFooter();
  // Reads the frame and its record at `location` from the disk (page cache dropped), parses it and
  // compares digest, counts and number with the record; appends the rows to `rows` and returns the
  // record. Rows that equal `known` are not digested once more. Throws IntegrityError naming file
  // and batch.
  BatchRecord ReadBatch(const FrameLocation& location, RowBatch* rows,
                        const DigestedRows* known = nullptr);

 private:
  struct State;
  explicit SegmentReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace osarchiver
