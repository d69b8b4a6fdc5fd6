#include "formats/text_check.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

namespace osarchiver {
namespace {

using Rule = bool (*)(std::string_view bytes);

unsigned At(std::string_view bytes, std::size_t index) {
  return static_cast<unsigned char>(bytes[index]);
}

bool In(unsigned byte, unsigned low, unsigned high) { return byte >= low && byte <= high; }

// The length of the run of ASCII at the start, eight bytes at a time: most text is nothing else.
std::size_t AsciiSize(std::string_view bytes) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  std::size_t size = 0;
  for (; bytes.size() - size >= sizeof(std::uint64_t); size += sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + size, sizeof word);
    if ((word & kHighBits) != 0) break;
  }
  while (size < bytes.size() && At(bytes, size) < 0x80) ++size;
  return size;
}

// `size_of`: bytes of the character of more than one byte at the start, 0 when there is none.
template <typename SizeOf>
bool IsMultiByte(std::string_view bytes, SizeOf size_of) {
  for (;;) {
    bytes.remove_prefix(AsciiSize(bytes));
    if (bytes.empty()) return true;
    const std::size_t size = size_of(bytes);
    if (size == 0 || size > bytes.size()) return false;
    bytes.remove_prefix(size);
  }
}

// Surrogates are taken, unlike in RFC 3629.
std::size_t Utf8Size(std::string_view bytes) {
  const unsigned lead = At(bytes, 0);
  const std::size_t size = lead < 0xC2   ? 0
                           : lead < 0xE0 ? 2
                           : lead < 0xF0 ? 3
                           : lead < 0xF5 ? 4
                                         : 0;
  if (size == 0 || size > bytes.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if (!In(At(bytes, i), 0x80, 0xBF)) return 0;
  }
  if (lead == 0xE0 && At(bytes, 1) < 0xA0) return 0;
  if (lead == 0xF0 && At(bytes, 1) < 0x90) return 0;
  if (lead == 0xF4 && At(bytes, 1) > 0x8F) return 0;
  return size;
}

bool IsUtf8mb4(std::string_view bytes) { return IsMultiByte(bytes, Utf8Size); }

bool IsUtf8mb3(std::string_view bytes) {
  return IsMultiByte(bytes, [](std::string_view rest) {
    const std::size_t size = Utf8Size(rest);
    return size == 4 ? 0 : size;
  });
}

bool IsAscii(std::string_view bytes) { return AsciiSize(bytes) == bytes.size(); }

bool IsUcs2(std::string_view bytes) { return bytes.size() % 2 == 0; }

// `high`: where in a unit of two bytes the more significant one stands.
bool IsUtf16In(std::string_view bytes, std::size_t high) {
  if (bytes.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const unsigned unit = At(bytes, i + high);
    if (In(unit, 0xDC, 0xDF)) return false;
    if (!In(unit, 0xD8, 0xDB)) continue;
    i += 2;
    if (i >= bytes.size() || !In(At(bytes, i + high), 0xDC, 0xDF)) return false;
  }
  return true;
}

bool IsUtf16(std::string_view bytes) { return IsUtf16In(bytes, 0); }
bool IsUtf16le(std::string_view bytes) { return IsUtf16In(bytes, 1); }

bool IsUtf32(std::string_view bytes) {
  if (bytes.size() % 4 != 0) return false;
  for (std::size_t i = 0; i < bytes.size(); i += 4) {
    if (At(bytes, i) != 0 || At(bytes, i + 1) > 0x10) return false;
  }
  return true;
}

bool IsSjis(std::string_view bytes) {
  return IsMultiByte(bytes, [](std::string_view rest) -> std::size_t {
    const unsigned lead = At(rest, 0);
    if (In(lead, 0xA1, 0xDF)) return 1;
    if ((!In(lead, 0x81, 0x9F) && !In(lead, 0xE0, 0xFC)) || rest.size() < 2) return 0;
    return In(At(rest, 1), 0x40, 0x7E) || In(At(rest, 1), 0x80, 0xFC) ? 2 : 0;
  });
}

bool IsGbk(std::string_view bytes) {
  return IsMultiByte(bytes, [](std::string_view rest) -> std::size_t {
    if (!In(At(rest, 0), 0x81, 0xFE) || rest.size() < 2) return 0;
    return In(At(rest, 1), 0x40, 0x7E) || In(At(rest, 1), 0x80, 0xFE) ? 2 : 0;
  });
}

bool IsBig5(std::string_view bytes) {
  return IsMultiByte(bytes, [](std::string_view rest) -> std::size_t {
    if (!In(At(rest, 0), 0xA1, 0xF9) || rest.size() < 2) return 0;
    return In(At(rest, 1), 0x40, 0x7E) || In(At(rest, 1), 0xA1, 0xFE) ? 2 : 0;
  });
}

bool IsGb2312(std::string_view bytes) {
  return IsMultiByte(bytes, [](std::string_view rest) -> std::size_t {
    return In(At(rest, 0), 0xA1, 0xF7) && rest.size() > 1 && In(At(rest, 1), 0xA1, 0xFE) ? 2 : 0;
  });
}

bool IsEuckr(std::string_view bytes) {
  return IsMultiByte(bytes, [](std::string_view rest) -> std::size_t {
    if (!In(At(rest, 0), 0x81, 0xFE) || rest.size() < 2) return 0;
    const unsigned trail = At(rest, 1);
    return In(trail, 0x41, 0x5A) || In(trail, 0x61, 0x7A) || In(trail, 0x81, 0xFE) ? 2 : 0;
  });
}

bool IsUjis(std::string_view bytes) {
  return IsMultiByte(bytes, [](std::string_view rest) -> std::size_t {
    const unsigned lead = At(rest, 0);
    if (rest.size() < 2) return 0;
    if (lead == 0x8E) return In(At(rest, 1), 0xA1, 0xDF) ? 2 : 0;
    if (!In(At(rest, 1), 0xA1, 0xFE)) return 0;
    if (lead == 0x8F) return rest.size() > 2 && In(At(rest, 2), 0xA1, 0xFE) ? 3 : 0;
    return In(lead, 0xA1, 0xFE) ? 2 : 0;
  });
}

struct NamedRule {
  std::string_view charset;
  Rule rule;
};

constexpr auto kRules = std::to_array<NamedRule>({{"utf8mb4", IsUtf8mb4},
                                                  {"utf8mb3", IsUtf8mb3},
                                                  {"utf8", IsUtf8mb3},
                                                  {"ascii", IsAscii},
                                                  {"ucs2", IsUcs2},
                                                  {"utf16", IsUtf16},
                                                  {"utf16le", IsUtf16le},
                                                  {"utf32", IsUtf32},
                                                  {"sjis", IsSjis},
                                                  {"cp932", IsSjis},
                                                  {"gbk", IsGbk},
                                                  {"big5", IsBig5},
                                                  {"gb2312", IsGb2312},
                                                  {"euckr", IsEuckr},
                                                  {"ujis", IsUjis},
                                                  {"eucjpms", IsUjis}});

Rule RuleOf(std::string_view charset) {
  for (const NamedRule& named : kRules) {
    if (named.charset == charset) return named.rule;
  }
  return nullptr;
}

}  // namespace

bool IsTextOf(std::string_view charset, std::string_view bytes) {
  const Rule rule = RuleOf(charset);
  return rule == nullptr || rule(bytes);
}

std::optional<InvalidText> FindInvalidText(const TableDefinition& definition,
                                           const RowBatch& rows) {
  std::vector<Rule> rules;
  bool any = false;
  for (const Column& column : definition.columns) {
    const bool text = column.value_class != ValueClass::kNumber;
    rules.push_back(text ? RuleOf(column.charset) : nullptr);
    any = any || rules.back() != nullptr;
  }
  if (!any) return std::nullopt;
  for (std::size_t row = 0; row < rows.row_count(); ++row) {
    ValueCursor values(rows.row(row));
    for (std::size_t column = 0; column < rules.size(); ++column) {
      const Value value = values.Next();
      if (rules[column] != nullptr && value.kind == ValueKind::kBytes &&
          !rules[column](value.bytes)) {
        return InvalidText{row, column};
      }
    }
  }
  return std::nullopt;
}

}  // namespace osarchiver
