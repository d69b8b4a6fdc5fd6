// Finds the next byte that a writer must escape or a reader must look at, eight bytes at a time.
// Internal to formats/.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace osarchiver {

// Marks are exact up to the first one: a borrow can only reach bytes above a marked one, and the
// first is the lowest on a little-endian machine.
inline constexpr std::uint64_t kOnePerByte = 0x0101010101010101;
inline constexpr std::uint64_t kHighPerByte = 0x8080808080808080;

constexpr std::uint64_t MarkBytesBelow(std::uint64_t word, unsigned char limit) {
  return (word - kOnePerByte * limit) & ~word & kHighPerByte;
}
constexpr std::uint64_t MarkBytesEqual(std::uint64_t word, char byte) {
  return MarkBytesBelow(word ^ (kOnePerByte * static_cast<unsigned char>(byte)), 1);
}

// The first byte in [at, end) that is `a`, `b` or below `limit` (at most 128); `end` if there is
// none.
inline const char* FindSpecial(const char* at, const char* end, char a, char b,
                               unsigned char limit) {
  static_assert(std::endian::native == std::endian::little);
  for (; end - at >= 8; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    const std::uint64_t marks =
        MarkBytesEqual(word, a) | MarkBytesEqual(word, b) | MarkBytesBelow(word, limit);
    if (marks != 0) return at + std::countr_zero(marks) / 8;
  }
  for (; at < end; ++at) {
    if (*at == a || *at == b || static_cast<unsigned char>(*at) < limit) return at;
  }
  return end;
}

}  // namespace osarchiver
