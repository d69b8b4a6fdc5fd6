#include "formats/segment_record.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "util/error.h"

namespace osarchiver {
namespace {

// The frame: magic (4), payload size (4), payload. The payload: tag (8), SHA-256 of tag and JSON
// (32), JSON, length of the whole frame (4), end mark (8). Numbers are little endian.
constexpr std::uint32_t kMagic = 0x184D2A5E;
constexpr std::string_view kMagicBytes = "\x5E\x2A\x4D\x18";
constexpr std::string_view kEndMark = "osaEND1\n";
constexpr std::array<std::pair<RecordKind, std::string_view>, 3> kTags = {
    {{RecordKind::kHeader, "osaHEAD1"},
     {RecordKind::kBatch, "osaBATC1"},
     {RecordKind::kFooter, "osaFOOT1"}}};

constexpr std::size_t kFrameHead = 8;
constexpr std::size_t kTagBytes = 8;
constexpr std::size_t kPayloadHead = kTagBytes + sizeof(Hash);
constexpr std::size_t kTrailer = 4 + 8;
constexpr std::size_t kFrameBytesMin = kFrameHead + kPayloadHead + kTrailer;
// Beyond any index of a real segment; what says more is damaged.
constexpr std::size_t kFrameBytesMax = std::size_t{256} << 20;

std::string_view View(const Hash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

std::string NumberBytes(std::size_t number) {
  const auto value = static_cast<std::uint32_t>(number);
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::uint32_t NumberAt(std::string_view bytes, std::size_t at) {
  std::uint32_t value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::optional<RecordKind> KindOf(std::string_view tag) {
  for (const auto& [kind, known] : kTags) {
    if (known == tag) return kind;
  }
  return std::nullopt;
}

// `frame` has at least kFrameBytesMin bytes, all of the record.
std::optional<Record> ParseRecord(std::string_view frame, std::uint64_t offset) {
  const std::string_view payload = frame.substr(kFrameHead);
  const auto kind = KindOf(payload.substr(0, kTagBytes));
  const std::string_view json =
      payload.substr(kPayloadHead, payload.size() - kPayloadHead - kTrailer);
  if (!kind || NumberAt(frame, 0) != kMagic || NumberAt(frame, 4) != payload.size() ||
      NumberAt(frame, frame.size() - kTrailer) != frame.size() || !frame.ends_with(kEndMark)) {
    return std::nullopt;
  }
  Sha256 sha256;
  sha256.Update(payload.substr(0, kTagBytes));
  sha256.Update(json);
  if (View(sha256.Finish()) != payload.substr(kTagBytes, sizeof(Hash))) return std::nullopt;
  Record record;
  record.kind = *kind;
  record.json = json;
  record.hash = sha256.Of(payload);
  record.offset = offset;
  record.end = offset + frame.size();
  return record;
}

}  // namespace

EncodedRecord EncodeRecord(RecordKind kind, std::string_view json) {
  const std::size_t frame_bytes = kFrameBytesMin + json.size();
  if (frame_bytes > kFrameBytesMax) throw Error("a segment's record is too large");
  std::string_view tag;
  for (const auto& [known, text] : kTags) {
    if (known == kind) tag = text;
  }
  Sha256 sha256;
  sha256.Update(tag);
  sha256.Update(json);
  const Hash checksum = sha256.Finish();
  EncodedRecord record;
  record.frame.reserve(frame_bytes);
  record.frame.append(kMagicBytes).append(NumberBytes(frame_bytes - kFrameHead));
  record.frame.append(tag).append(View(checksum)).append(json);
  record.frame.append(NumberBytes(frame_bytes)).append(kEndMark);
  record.hash = sha256.Of(std::string_view(record.frame).substr(kFrameHead));
  return record;
}

std::optional<Record> ReadRecord(File& file, std::uint64_t offset, std::uint64_t file_bytes) {
  std::array<char, kFrameHead + kTagBytes> head;
  if (offset > file_bytes || file_bytes - offset < kFrameBytesMin) return std::nullopt;
  if (file.ReadAt(offset, head.data(), head.size()) != head.size()) return std::nullopt;
  const std::string_view start(head.data(), head.size());
  const std::size_t frame_bytes = kFrameHead + NumberAt(start, 4);
  if (NumberAt(start, 0) != kMagic || !KindOf(start.substr(kFrameHead)) ||
      frame_bytes < kFrameBytesMin || frame_bytes > kFrameBytesMax ||
      frame_bytes > file_bytes - offset) {
    return std::nullopt;
  }
  std::string frame(frame_bytes, '\0');
  if (file.ReadAt(offset, frame.data(), frame.size()) != frame.size()) return std::nullopt;
  return ParseRecord(frame, offset);
}

std::optional<Record> ReadRecordBefore(File& file, std::uint64_t end) {
  std::array<char, kTrailer> trailer;
  if (end < kFrameBytesMin) return std::nullopt;
  if (file.ReadAt(end - kTrailer, trailer.data(), kTrailer) != kTrailer) return std::nullopt;
  const std::uint32_t frame_bytes = NumberAt({trailer.data(), kTrailer}, 0);
  if (frame_bytes > end) return std::nullopt;
  auto record = ReadRecord(file, end - frame_bytes, end);
  // A shorter record may stand there, with bytes behind it that only look like an end.
  if (!record || record->end != end) return std::nullopt;
  return record;
}

std::optional<Record> FindRecord(File& file, std::uint64_t from, std::uint64_t file_bytes,
                                 bool (*wanted)(RecordKind)) {
  constexpr std::size_t kPieceBytes = 1024 * 1024;
  std::string piece;
  while (from < file_bytes) {
    piece.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, file_bytes - from)));
    const std::size_t got = file.ReadAt(from, piece.data(), piece.size());
    if (got < kMagicBytes.size()) break;
    const std::string_view bytes(piece.data(), got);
    for (std::size_t at = bytes.find(kMagicBytes); at != std::string_view::npos;
         at = bytes.find(kMagicBytes, at + 1)) {
      auto record = ReadRecord(file, from + at, file_bytes);
      if (record && wanted(record->kind)) return record;
    }
    // The magic may lie across two pieces.
    from += got - (kMagicBytes.size() - 1);
  }
  return std::nullopt;
}

}  // namespace osarchiver
