// Records of a segment: JSON in zstd skippable frames. formats/README.md has the bytes. Internal to
// formats/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "formats/segment.h"
#include "util/file_system.h"
#include "util/hash.h"

namespace osarchiver {

enum class RecordKind { kHeader, kBatch, kFooter };

// A record found whole: its own checksum agrees.
struct Record {
  RecordKind kind = RecordKind::kHeader;
  std::string json;
  Hash hash{};               // of the payload: what the next record's previous_record says
  std::uint64_t offset = 0;  // of the skippable frame
  std::uint64_t end = 0;     // behind it
};

// The skippable frame of a record, and its hash. Throws Error when it would be too large to read.
struct EncodedRecord {
  std::string frame;
  Hash hash{};
};
EncodedRecord EncodeRecord(RecordKind kind, std::string_view json);

// The whole record at `offset` within the first `file_bytes` bytes, or nothing.
std::optional<Record> ReadRecord(File& file, std::uint64_t offset, std::uint64_t file_bytes);
// The whole record that ends at `end`, or nothing.
std::optional<Record> ReadRecordBefore(File& file, std::uint64_t end);
// The first whole record at or behind `from` that `wanted` accepts, wherever it starts.
std::optional<Record> FindRecord(File& file, std::uint64_t from, std::uint64_t file_bytes,
                                 bool (*wanted)(RecordKind));

// The records' content. The inverses throw IntegrityError on anything else.
std::string HeaderToJson(const SegmentHeader& header);
SegmentHeader HeaderFromJson(std::string_view json);
std::string BatchToJson(const BatchRecord& batch);
BatchRecord BatchFromJson(std::string_view json);
std::string FooterToJson(const SegmentFooter& footer);
SegmentFooter FooterFromJson(std::string_view json);

}  // namespace osarchiver
