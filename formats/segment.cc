#include "formats/segment.h"

namespace osarchiver {
namespace {

// A file name has at most 255 bytes; this leaves room for ".damaged" and temporary endings.
constexpr std::size_t kFileNameBytesMax = 235;
constexpr std::size_t kShortNameBytes = 24;

bool IsPlain(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

// A long name's start and a hash of it whole. "%~" is nothing that EncodeName writes.
std::string Shortened(std::string_view name) {
  std::string encoded = EncodeName(name);
  if (encoded.size() <= kShortNameBytes) return encoded;
  std::size_t cut = kShortNameBytes;
  while (encoded[cut - 1] == '%' || encoded[cut - 2] == '%') --cut;
  return encoded.substr(0, cut) + "%~" + Hex(Sha256().Of(name)).substr(0, 16);
}

}  // namespace

std::string EncodeName(std::string_view name) {
  if (name.empty()) return "%";
  std::string encoded;
  for (const char c : name) {
    if (IsPlain(c)) {
      encoded += c;
      continue;
    }
    static constexpr std::string_view kDigits = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kDigits[byte >> 4];
    encoded += kDigits[byte & 15];
  }
  return encoded;
}

std::string SegmentFileName(const SegmentHeader& header) {
  const std::string ending = "." + EncodeName(header.run_name) + "." + std::to_string(header.part) +
                             "." + EncodeName(header.format) + ".zst";
  std::string names = EncodeName(header.definition.database) + "." +
                      EncodeName(header.definition.table) + "." + EncodeName(header.source);
  if (names.size() + ending.size() > kFileNameBytesMax) {
    names = Shortened(header.definition.database) + "." + Shortened(header.definition.table) + "." +
            Shortened(header.source);
  }
  return names + ending;
}

}  // namespace osarchiver
