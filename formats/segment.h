// Archive files: what a segment says about itself. formats/README.md has the bytes. SegmentWriter
// makes one, SegmentReader reads one; both stand on the records here, which are JSON inside zstd
// skippable frames.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/table_definition.h"
#include "util/hash.h"

namespace osarchiver {

inline constexpr int kSegmentFormatVersion = 1;

// The first record of a segment: where its rows come from.
struct SegmentHeader {
  std::string site;
  std::string journal_id;  // the journal that wrote it
  std::string archiver;
  std::string source;
  std::string server;    // version, host and cluster uuid, for people
  std::string run_name;  // "20261123T020000Z-7f3a09c1"
  std::string now;       // the run's instant, UTC
  std::string cutoff;
  std::string where;
  TableDefinition definition;
  std::string format;           // "sql", "csv"
  std::uint32_t part = 1;       // 1, 2, ... within run and table
  std::string previous_footer;  // hex SHA-256 of the previous part's footer record; "" for part 1
                                // or when it was never sealed
  std::string osarchiver_version;
  std::string created_at;
};

// One row that stands in an older batch in an earlier version.
struct SupersededRow {
  std::string key;           // canonical key bytes
  std::string old_row_hash;  // 16 hex digits (short hash) of the earlier version
};

// Behind each frame: what the frame holds.
struct BatchRecord {
  std::uint64_t number =
      0;  // within run and table, from 1; ascending in a segment, gaps allowed (forgotten batches)
  std::uint64_t rows = 0;
  std::string first_key;  // canonical key bytes (hex in JSON)
  std::string last_key;
  std::uint64_t text_bytes = 0;
  std::uint64_t frame_offset = 0;
  std::uint64_t frame_bytes = 0;
  // SHA-256 of the frame's bytes: zstd's checksum does not see every bit of a frame.
  Hash frame_hash{};
  Hash digest{};
  std::vector<SupersededRow> supersedes;
  std::string previous_record;  // hex SHA-256 of the record before (the header's for the first
                                // batch): the chain
};

// The last record: totals and the index.
struct SegmentFooter {
  struct Entry {
    std::uint64_t number;
    std::uint64_t frame_offset;
    std::uint64_t frame_bytes;
    std::string first_key;
    std::string last_key;
  };
  std::uint64_t batches = 0;
  std::uint64_t rows = 0;
  bool last_part = false;
  std::string sealed_at;
  std::string previous_record;
  std::vector<Entry> index;
  // The header's JSON once more: without a header no row of the file can be told.
  std::string header_json;
};

// Where a batch lies in a segment: what the journal keeps of it.
struct FrameLocation {
  std::uint64_t offset = 0;       // of the zstd frame
  std::uint64_t frame_bytes = 0;  // of the zstd frame alone
  std::uint64_t end = 0;  // offset behind its record(s): the segment's length once this batch is in
  bool operator==(const FrameLocation&) const = default;
};

// "<database>.<table>.<source>.<run name>.<part>.<format>.zst" with every name encoded by
// EncodeName.
std::string SegmentFileName(const SegmentHeader& header);
// Anything outside [A-Za-z0-9_-] as %XX per byte; "" as "%". Injective, also on file systems that
// fold case: an upper-case letter is kept, so names that differ in case only get a short hash
// appended by the caller where that matters (it does not on ext4, xfs).
std::string EncodeName(std::string_view name);

}  // namespace osarchiver
