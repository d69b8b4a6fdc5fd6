#include "formats/segment_reader.h"

#include <utility>

#include "formats/batch_content.h"
#include "formats/find_header.h"
#include "formats/segment_record.h"
#include "util/error.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

// Where the header is looked for first: a small segment whole, else as much as the disk gives at
// once.
constexpr std::uint64_t kReadAheadBytes = std::uint64_t{1} << 20;

}  // namespace

struct SegmentReader::State {
  State(fs::path segment_path, std::unique_ptr<File> segment_file, const Record& record)
      : path(std::move(segment_path)),
        file(std::move(segment_file)),
        header(HeaderFromJson(record.json)),
        header_hash(record.hash),
        content(header) {}

  BatchRecord Read(const FrameLocation& location, const DigestedRows* known, RowBatch* rows);
  // The batch's record, checked against its place and, as far as it is whole, the record before it.
  BatchRecord ReadRecordOf(const FrameLocation& location, std::uint64_t file_bytes);
  void CheckChain(const BatchRecord& batch, const FrameLocation& location);

  fs::path path;
  std::unique_ptr<File> file;
  SegmentHeader header;
  Hash header_hash;
  BatchContent content;
};

void SegmentReader::State::CheckChain(const BatchRecord& batch, const FrameLocation& location) {
  if (location.offset == 0) {
    if (batch.previous_record != Hex(header_hash)) {
      throw IntegrityError("its record does not follow the header");
    }
    return;
  }
  // A damaged record before this one says nothing about this batch; its own scan names it.
  const auto before = ReadRecordBefore(*file, location.offset);
  if (before && batch.previous_record != Hex(before->hash)) {
    throw IntegrityError("its record does not follow the one before it");
  }
}

BatchRecord SegmentReader::State::ReadRecordOf(const FrameLocation& location,
                                               std::uint64_t file_bytes) {
  std::uint64_t at = location.offset + location.frame_bytes;
  if (location.offset == 0) {
    const auto head = ReadRecord(*file, at, file_bytes);
    if (!head || head->kind != RecordKind::kHeader || head->hash != header_hash) {
      throw IntegrityError("the segment's header does not stand behind its frame");
    }
    at = head->end;
  }
  const auto record = ReadRecord(*file, at, file_bytes);
  if (!record || record->kind != RecordKind::kBatch || record->end != location.end) {
    throw IntegrityError("its record does not stand behind its frame");
  }
  BatchRecord batch = BatchFromJson(record->json);
  if (batch.frame_offset != location.offset || batch.frame_bytes != location.frame_bytes) {
    throw IntegrityError("its record names another place");
  }
  CheckChain(batch, location);
  return batch;
}

BatchRecord SegmentReader::State::Read(const FrameLocation& location, const DigestedRows* known,
                                       RowBatch* rows) {
  file->DropCache();
  const std::uint64_t file_bytes = file->Size();
  if (location.end > file_bytes || location.offset > location.end ||
      location.frame_bytes > location.end - location.offset) {
    throw IntegrityError("the file ends at byte " + std::to_string(file_bytes));
  }
  // Measuring a frame reads 3 bytes of each block, which would be as many reads from the disk.
  file->ReadAhead(location.offset, location.end - location.offset);
  BatchRecord batch = ReadRecordOf(location, file_bytes);
  const auto shape = MeasureFrame(*file, location.offset, file_bytes);
  if (!shape || shape->frame_bytes != location.frame_bytes ||
      shape->text_bytes != batch.text_bytes) {
    throw IntegrityError(BatchName(batch) + ": its frame is not the recorded one");
  }
  content.Read(*file, batch, *shape, known, rows);
  return batch;
}

SegmentReader::SegmentReader(std::unique_ptr<State> state) : state_(std::move(state)) {}

SegmentReader::~SegmentReader() = default;

std::unique_ptr<SegmentReader> SegmentReader::Open(FileSystem& files, const fs::path& path) {
  auto file = files.OpenForRead(path);
  file->DropCache();
  file->ReadAhead(0, kReadAheadBytes);
  const auto record = FindHeader(*file);
  if (!record) throw IntegrityError(path.string() + " has no whole segment header");
  try {
    return std::unique_ptr<SegmentReader>(
        new SegmentReader(std::make_unique<State>(path, std::move(file), *record)));
  } catch (const IntegrityError& error) {
    throw IntegrityError(path.string() + ": " + error.what(), error.hint());
  }
}

const SegmentHeader& SegmentReader::header() const { return state_->header; }

std::optional<SegmentFooter> SegmentReader::ReadFooter() {
  const auto record = ReadRecordBefore(*state_->file, state_->file->Size());
  if (!record || record->kind != RecordKind::kFooter) return std::nullopt;
  return FooterFromJson(record->json);
}

BatchRecord SegmentReader::ReadBatch(const FrameLocation& location, RowBatch* rows,
                                     const DigestedRows* known) {
  try {
    return state_->Read(location, known, rows);
  } catch (const IntegrityError& error) {
    throw IntegrityError(state_->path.string() + ": the batch at byte " +
                         std::to_string(location.offset) + ": " + error.what());
  }
}

}  // namespace osarchiver
