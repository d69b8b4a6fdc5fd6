// The readers of segment files on any bytes. An input is a file as it is, or, when it begins with
// '#', a recipe that is cooked first: no fuzzer finds a SHA-256 by chance, so records get theirs here.
//
//   H, B or F, two bytes of length, JSON      a record with right checksums
//   Z, two bytes of length, text              a zstd frame with that content
//   R, two bytes of length, bytes             as they are
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "../unit/formats/memory_files.h"
#include "formats/compress.h"
#include "formats/segment_reader.h"
#include "formats/segment_record.h"
#include "fuzz_table.h"
#include "util/error.h"

namespace osarchiver {
namespace {

std::string Cook(std::string_view recipe) {
  std::string file;
  while (recipe.size() >= 3) {
    const char kind = recipe[0];
    std::size_t size = static_cast<unsigned char>(recipe[1]) * std::size_t{256} +
                       static_cast<unsigned char>(recipe[2]);
    recipe.remove_prefix(3);
    size = std::min(size, recipe.size());
    const std::string_view part = recipe.substr(0, size);
    recipe.remove_prefix(size);
    switch (kind) {
      case 'H':
        file += EncodeRecord(RecordKind::kHeader, part).frame;
        break;
      case 'B':
        file += EncodeRecord(RecordKind::kBatch, part).frame;
        break;
      case 'F':
        file += EncodeRecord(RecordKind::kFooter, part).frame;
        break;
      case 'Z':
        file += Compress(part);
        break;
      default:
        file += part;
    }
  }
  return file;
}

void ReadAll(FileSystem& files) {
  const SegmentReport records = ScanSegment(files, "s", ScanDepth::kRecords);
  const SegmentReport report = ScanSegment(files, "s", ScanDepth::kContent);
  if (report.whole_bytes > report.file_bytes || records.file_bytes != report.file_bytes) Broken();
  const bool whole = report.condition == SegmentCondition::kSealed;
  if (whole && (!report.footer || !report.problems.empty())) Broken();
  try {
    const auto reader = SegmentReader::Open(files, "s");
    static_cast<void>(reader->ReadFooter());
    for (const FoundBatch& found : records.batches) {
      RowBatch rows(reader->header().definition.columns.size());
      static_cast<void>(reader->ReadBatch(found.location, &rows));
      if (rows.row_count() != found.record.rows) Broken();
    }
  } catch (const IntegrityError&) {
    // Said, and nothing else happened.
  }
}

}  // namespace
}  // namespace osarchiver

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace osarchiver;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  MemoryFileSystem files;
  files.contents["s"] = input.starts_with('#') ? Cook(input.substr(1)) : std::string(input);
  ReadAll(files);
  return 0;
}
