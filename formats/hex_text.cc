#include "formats/hex_text.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace osarchiver {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::uint8_t kNoDigit = 0xFF;

constexpr std::array<std::uint8_t, 256> MakeDigitValues() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (std::size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}
constexpr std::array<std::uint8_t, 256> kDigitValues = MakeDigitValues();

}  // namespace

void PutHex(std::string_view bytes, TextBuffer* out) {
  std::array<char, 4096> digits;
  while (!bytes.empty()) {
    const std::size_t count = std::min(bytes.size(), digits.size() / 2);
    for (std::size_t i = 0; i < count; ++i) {
      const auto byte = static_cast<unsigned char>(bytes[i]);
      digits[2 * i] = kDigits[byte >> 4];
      digits[2 * i + 1] = kDigits[byte & 15];
    }
    out->Put(std::string_view(digits.data(), 2 * count));
    bytes.remove_prefix(count);
  }
}

bool DecodeHex(std::string_view digits, char* out) {
  if (digits.size() % 2 != 0) return false;
  unsigned bad = 0;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const unsigned high = kDigitValues[static_cast<unsigned char>(digits[i])];
    const unsigned low = kDigitValues[static_cast<unsigned char>(digits[i + 1])];
    bad |= high | low;
    *out++ = static_cast<char>(high << 4 | low);
  }
  return bad < 16;
}

}  // namespace osarchiver
