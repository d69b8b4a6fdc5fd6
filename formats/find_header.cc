#include "formats/find_header.h"

#include "formats/zstd_frame.h"
#include "util/error.h"

namespace osarchiver {
namespace {

bool IsHeader(RecordKind kind) { return kind == RecordKind::kHeader; }

std::optional<Record> HeaderOutOfFooter(File& file, std::uint64_t file_bytes) {
  const auto footer = ReadRecordBefore(file, file_bytes);
  if (!footer || footer->kind != RecordKind::kFooter) return std::nullopt;
  try {
    Record header;
    header.json = FooterFromJson(footer->json).header_json;
    header.hash = EncodeRecord(RecordKind::kHeader, header.json).hash;
    return header;
  } catch (const IntegrityError&) {
    return std::nullopt;  // a footer that is no footer; the scan says so when it comes to it
  }
}

}  // namespace

std::optional<Record> FindHeader(File& file) {
  const std::uint64_t file_bytes = file.Size();
  if (const auto shape = MeasureFrame(file, 0, file_bytes)) {
    auto record = ReadRecord(file, shape->frame_bytes, file_bytes);
    if (record && IsHeader(record->kind)) return record;
  }
  if (auto record = FindRecord(file, 0, file_bytes, IsHeader)) return record;
  return HeaderOutOfFooter(file, file_bytes);
}

}  // namespace osarchiver
