// A batch's frame turned back into rows and held against its record. Internal to formats/.
#pragma once

#include "formats/segment.h"
#include "formats/zstd_frame.h"
#include "util/file_system.h"

namespace osarchiver {

// Reusable. Not thread-safe. `header` must outlive it.
class BatchContent {
 public:
  // Throws IntegrityError when the header names no known format.
  explicit BatchContent(const SegmentHeader& header);
  // Decompresses the frame at record.frame_offset, of this shape, parses it and appends its rows.
  // Throws IntegrityError, with nothing appended, when anything contradicts the record. Rows that
  // equal `known` are not digested once more; it may be nullptr.
  void Read(File& file, const BatchRecord& record, const FrameShape& shape,
            const DigestedRows* known, RowBatch* rows);

 private:
  const SegmentHeader& header_;
  const Format* format_;
  FrameDecompressor decompressor_;
};

// "batch 7 (keys 1,a to 9,z)", for messages.
std::string BatchName(const BatchRecord& record);
std::string BatchName(std::uint64_t number, std::string_view first_key, std::string_view last_key);

}  // namespace osarchiver
