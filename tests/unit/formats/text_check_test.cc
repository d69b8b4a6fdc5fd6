#include "formats/text_check.h"

#include <gtest/gtest.h>

#include "sample_rows.h"

namespace osarchiver {
namespace {

using namespace std::string_literals;

// What MariaDB 10.11 takes as a literal of the character set, and what it does not.
TEST(TextCheckTest, GoesByTheServersRules) {
  const struct {
    std::string charset;
    std::string bytes;
    bool text;
  } cases[] = {
      {"utf8mb4", "plain ASCII that is longer than one word", true},
      {"utf8mb4", "\xC3\xA9", true},
      {"utf8mb4", "\xF0\x9F\x98\x80", true},
      {"utf8mb4", "\xED\xA0\x80", true},  // a surrogate
      {"utf8mb4", "\xF4\x8F\xBF\xBF", true},
      {"utf8mb4", "\xF4\x90\x80\x80", false},
      {"utf8mb4", "\xE0\x80\x80", false},
      {"utf8mb4", "\xC0\x80", false},
      {"utf8mb4", "\xFF", false},
      {"utf8mb4", "12345678\xC3", false},
      {"utf8mb4", "\xE9"s, false},
      {"utf8mb3", "\xE6\x97\xA5", true},
      {"utf8mb3", "\xF0\x9F\x98\x80", false},
      {"ascii", "\x7F", true},
      {"ascii", "1234567\x80", false},
      {"latin1", "\xFF\x80", true},
      {"cp1251", "\x98", true},
      {"binary", "\xFF", true},
      {"", "\xFF", true},
      {"ucs2", "\0A"s, true},
      {"ucs2", "A", false},
      {"ucs2", "\0A\0"s, false},
      {"utf16", "\xD8\0\xDC\0"s, true},
      {"utf16", "\xD8\0"s, false},
      {"utf16", "\xDC\0\xD8\0"s, false},
      {"utf16", "\xD8\0\0A"s, false},
      {"utf16le", "\0\xD8\0\xDC"s, true},
      {"utf16le", "\0\xDC"s, false},
      {"utf32", "\0\x10\xFF\xFF"s, true},
      {"utf32", "\0\x11\0\0"s, false},
      {"utf32", "\0\0A"s, false},
      {"sjis", "\x81\x5F\xB1", true},
      {"sjis", "\x80", false},
      {"sjis", "\x81", false},
      {"sjis", "\x81\x7F", false},
      {"cp932", "\xFC\xFC", true},
      {"gbk", "\x81\x5C", true},
      {"gbk", "\xFF", false},
      {"big5", "\xA5\x5C", true},
      {"big5", "\xA5\x80", false},
      {"gb2312", "\xB0\xA1", true},
      {"gb2312", "\xF8\xA1", false},
      {"euckr", "\x81\x41", true},
      {"euckr", "\x81\x5B", false},
      {"ujis", "\x8E\xB1\x8F\xA1\xA1\xA4\xA2", true},
      {"ujis", "\x8F\xA1", false},
      {"eucjpms", "\x8E\xE0", false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(IsTextOf(c.charset, c.bytes), c.text) << c.charset << ' ' << Hex(c.bytes);
  }
}

TEST(TextCheckTest, NamesTheFirstValueThatIsNone) {
  TableDefinition definition;
  definition.columns.resize(2);
  definition.columns[0].charset = "utf8mb4";
  definition.columns[1].charset = "ascii";
  RowBatch rows(2);
  AppendValues({Bytes("\xC3\xA9"), Bytes("a")}, &rows);
  EXPECT_FALSE(FindInvalidText(definition, rows));
  AppendValues({Bytes("x"), Bytes("\xE9")}, &rows);
  AppendValues({Bytes("\xE9"), Bytes("x")}, &rows);
  const auto found = FindInvalidText(definition, rows);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->row, 1u);
  EXPECT_EQ(found->column, 1u);
}

// A SET with a member '' is read as its number, whatever its character set.
TEST(TextCheckTest, NumbersAreNoText) {
  TableDefinition definition;
  definition.columns.resize(1);
  definition.columns[0].charset = "ucs2";
  definition.columns[0].value_class = ValueClass::kNumber;
  RowBatch rows(1);
  AppendValues({Bytes("5")}, &rows);
  EXPECT_FALSE(FindInvalidText(definition, rows));
}

}  // namespace
}  // namespace osarchiver
