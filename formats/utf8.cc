#include "formats/utf8.h"

namespace osarchiver {
namespace {

bool IsBetween(char c, unsigned low, unsigned high) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= low && byte <= high;
}

bool AreContinuations(std::string_view bytes) {
  for (const char c : bytes) {
    if (!IsBetween(c, 0x80, 0xBF)) return false;
  }
  return true;
}

}  // namespace

std::size_t Utf8CharacterSize(std::string_view text) {
  if (text.empty()) return 0;
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return 1;
  const std::size_t size = lead < 0xC2   ? 0
                           : lead < 0xE0 ? 2
                           : lead < 0xF0 ? 3
                           : lead < 0xF5 ? 4
                                         : 0;
  if (size == 0 || text.size() < size || !AreContinuations(text.substr(1, size - 1))) return 0;
  // The second byte's range keeps out overlong forms, surrogates and what lies beyond U+10FFFF.
  if (lead == 0xE0 && !IsBetween(text[1], 0xA0, 0xBF)) return 0;
  if (lead == 0xED && !IsBetween(text[1], 0x80, 0x9F)) return 0;
  if (lead == 0xF0 && !IsBetween(text[1], 0x90, 0xBF)) return 0;
  if (lead == 0xF4 && !IsBetween(text[1], 0x80, 0x8F)) return 0;
  return size;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = Utf8CharacterSize(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

}  // namespace osarchiver
