// The JSON of a segment's records, which a checksum guards in a file, and of the control table's
// definitions, which none does. The first byte says which. What is taken is written and read again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "formats/segment_record.h"
#include "fuzz_table.h"
#include "util/error.h"

namespace osarchiver {
namespace {

template <typename Read, typename Write>
void ReadAndWrite(std::string_view json, Read read, Write write) {
  try {
    const std::string once = write(read(json));
    if (write(read(once)) != once) Broken();
  } catch (const IntegrityError&) {
    // Anything else than a record.
  }
}

}  // namespace
}  // namespace osarchiver

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace osarchiver;
  if (size == 0) return 0;
  const std::string_view json(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'H':
      ReadAndWrite(json, HeaderFromJson, HeaderToJson);
      break;
    case 'B':
      ReadAndWrite(json, BatchFromJson, BatchToJson);
      break;
    case 'F':
      ReadAndWrite(json, FooterFromJson, FooterToJson);
      break;
    default:
      ReadAndWrite(json, DefinitionFromJson, DefinitionToJson);
  }
  return 0;
}
