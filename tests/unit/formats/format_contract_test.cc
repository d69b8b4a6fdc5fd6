// What every format promises: values come back bit for bit, and nothing else is taken for them.
#include "formats/format.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sample_rows.h"
#include "util/error.h"

namespace osarchiver {
namespace {

class StringSink final : public TextSink {
 public:
  void Write(std::string_view piece) override {
    largest = std::max(largest, piece.size());
    text += piece;
  }
  std::string text;
  std::size_t largest = 0;
};

class FormatContract : public testing::TestWithParam<std::string> {
 protected:
  const Format& format() const { return *FindFormat(GetParam()); }

  std::string Write(const RowBatch& rows, bool with_prologue) const {
    StringSink sink;
    if (with_prologue) format().WritePrologue(definition_, sink);
    format().WriteRows(definition_, rows, sink);
    return sink.text;
  }
  RowBatch Read(std::string_view text, bool has_prologue) const {
    RowBatch rows(definition_.columns.size());
    format().ReadRows(definition_, text, has_prologue, &rows);
    return rows;
  }
  void ExpectRoundTrip(const RowBatch& rows) const {
    for (const bool with_prologue : {false, true}) {
      const RowBatch read = Read(Write(rows, with_prologue), with_prologue);
      ASSERT_EQ(read.row_count(), rows.row_count());
      for (std::size_t i = 0; i < rows.row_count(); ++i) {
        ASSERT_EQ(read.row(i), rows.row(i)) << "row " << i << " of\n"
                                            << Write(rows, with_prologue).substr(0, 2000);
      }
    }
  }
  void ExpectRoundTrip(std::string_view column, const std::vector<Value>& column_values) const {
    RowBatch rows(definition_.columns.size());
    for (const Value& value : column_values) {
      std::vector<Value> values = NullRow("1");
      values[ColumnOf(definition_, column)] = value;
      AppendValues(values, &rows);
    }
    ExpectRoundTrip(rows);
  }

  TableDefinition definition_ = SampleDefinition();
};

TEST_P(FormatContract, OrdinaryRowsComeBack) { ExpectRoundTrip(SampleRows(1, 100)); }

TEST_P(FormatContract, NoRowsAreNoText) {
  EXPECT_EQ(Write(RowBatch(definition_.columns.size()), false), "");
  EXPECT_EQ(Read("", false).row_count(), 0u);
}

TEST_P(FormatContract, NullEmptyAndTheTextNullDiffer) {
  for (const std::string column : {"na\"me\n", "latin", "blob", "deleted_at"}) {
    ExpectRoundTrip(column, {Value{}, Bytes(""), Bytes("NULL"), Bytes("null"), Bytes("\\N")});
  }
}

TEST_P(FormatContract, EveryByteComesBackFromTextAndBytes) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  for (const std::string column : {"na\"me\n", "latin", "blob"}) {
    std::vector<std::string> single;
    for (const char byte : all) single.push_back(std::string(1, byte));
    std::vector<Value> values{Bytes(all)};
    for (const std::string& text : single) values.push_back(Bytes(text));
    ExpectRoundTrip(column, values);
  }
}

// Two bytes in a row, around the eight bytes that are looked at together.
TEST_P(FormatContract, SpecialBytesComeBackAtEveryPlace) {
  const std::string special("\0\n\r\x1a\\'\",`%;-)\t\x1f\x20\x7f\x80\xff", 19);
  std::vector<std::string> texts;
  for (std::size_t place = 0; place < 18; ++place) {
    for (const char a : special) {
      for (const char b : special) {
        texts.push_back(std::string(place, 'x') + a + b + "tail of the text");
        texts.push_back(std::string(place, '\x80') + a + b);
      }
    }
  }
  std::vector<Value> values;
  for (const std::string& text : texts) values.push_back(Bytes(text));
  ExpectRoundTrip("na\"me\n", values);
}

TEST_P(FormatContract, TextThatLooksLikeTheFormatComesBack) {
  const std::vector<std::string> texts = {"a','b",
                                          "');\nDROP TABLE t; --",
                                          "),\n(",
                                          "\"\"",
                                          "\"",
                                          "\"\n\"",
                                          "a\\",
                                          "\\'",
                                          "x'00'",
                                          "\r\n",
                                          "'",
                                          "''",
                                          "\nON DUPLICATE KEY UPDATE `id`=`id`;\n",
                                          "0",
                                          ","};
  std::vector<Value> values;
  for (const std::string& text : texts) values.push_back(Bytes(text));
  ExpectRoundTrip("na\"me\n", values);
}

TEST_P(FormatContract, InvalidUtf8ComesBack) {
  ExpectRoundTrip("na\"me\n", {Bytes("\xff\xfe"), Bytes("\xc3"), Bytes("\xed\xa0\x80'")});
}

TEST_P(FormatContract, NumbersComeBackAsTheyAreWritten) {
  ExpectRoundTrip("price", {Bytes("0"), Bytes("-0.000001"), Bytes("00012"), Bytes("1.500000"),
                            Bytes("99999999999999999999999999999999999999999999999999999999999")});
  ExpectRoundTrip(
      "ratio", {Bytes("0"), Bytes("-0"), Bytes("1.7976931348623157e308"),
                Bytes("-2.2250738585072014e-308"), Bytes("1e100"), Bytes("1.25"), Bytes("3e10")});
}

TEST_P(FormatContract, WhatIsNoNumberIsRefusedInNumberColumns) {
  for (const std::string bad : {"", "1a", "NULL", "0x10", "1,2", "--1", "1 ", "'1'", "1e", "-"}) {
    RowBatch rows(definition_.columns.size());
    AppendValues(NullRow(bad), &rows);
    EXPECT_THROW(Write(rows, false), IntegrityError) << bad;
  }
}

TEST_P(FormatContract, TheErrorValueOfAnEnumIsNoMember) {
  const Value error{ValueKind::kEnumError, {}};
  ExpectRoundTrip("kind", {Bytes("a"), error, Bytes("b"), error, error, Value{}});
  ExpectRoundTrip("kind_or_none", {Bytes(""), error, Bytes("a"), Bytes(""), Value{}, error});
  ExpectRoundTrip("latin_kind", {Bytes(""), error, Bytes("x"), Value{}, error, Bytes("")});
}

TEST_P(FormatContract, OnlyEnumColumnsHaveAnErrorValue) {
  RowBatch rows(definition_.columns.size());
  std::vector<Value> values = NullRow("1");
  values[1] = Value{ValueKind::kEnumError, {}};
  AppendValues(values, &rows);
  EXPECT_THROW(Write(rows, false), IntegrityError);
}

TEST_P(FormatContract, HugeValuesComeBackInPieces) {
  std::string text(5 << 20, 'x');
  for (std::size_t i = 0; i < text.size(); i += 97) text[i] = static_cast<char>(i);
  RowBatch rows(definition_.columns.size());
  std::vector<Value> values = NullRow("1");
  values[1] = values[3] = Bytes(text);
  AppendValues(values, &rows);
  StringSink sink;
  format().WriteRows(definition_, rows, sink);
  EXPECT_LE(sink.largest, 64u * 1024);
  ASSERT_EQ(Read(sink.text, false).row(0), rows.row(0));
}

TEST_P(FormatContract, ReadingAppends) {
  RowBatch rows = SampleRows(1, 2);
  const std::string text = Write(SampleRows(3, 2), false);
  format().ReadRows(definition_, text, false, &rows);
  const RowBatch expected = SampleRows(1, 4);
  ASSERT_EQ(rows.row_count(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(rows.row(i), expected.row(i));
}

// A cut text is refused or holds fewer rows, and then only where a batch could end; never other
// rows.
TEST_P(FormatContract, CutTextIsRefusedOrShorter) {
  const RowBatch rows = SampleRows(1, 5);
  const std::string text = Write(rows, true);
  for (std::size_t size = 0; size < text.size(); ++size) {
    try {
      const RowBatch read = Read(std::string_view(text).substr(0, size), true);
      ASSERT_LT(read.row_count(), rows.row_count()) << "cut at " << size;
      for (std::size_t i = 0; i < read.row_count(); ++i) ASSERT_EQ(read.row(i), rows.row(i));
    } catch (const IntegrityError&) {
    }
  }
}

TEST_P(FormatContract, ChangedBytesAreRefusedOrChangeTheRows) {
  const RowBatch rows = SampleRows(1, 3);
  const Hash digest = BatchDigest(RowHashes(rows));
  std::string text = Write(rows, true);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char original = text[i];
    for (const char other : {static_cast<char>(original ^ 1), static_cast<char>(original ^ 0x80),
                             '\0', '\n', '\'', '"', '\\', ',', '0'}) {
      if (other == original) continue;
      text[i] = other;
      try {
        EXPECT_NE(BatchDigest(RowHashes(Read(text, true))), digest) << "byte " << i;
      } catch (const IntegrityError&) {
      }
    }
    text[i] = original;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, FormatContract, testing::ValuesIn(FormatNames()),
                         [](const auto& param_info) { return param_info.param; });

TEST(FormatTest, UnknownNamesAreNotFound) {
  EXPECT_EQ(FindFormat("xml"), nullptr);
  EXPECT_EQ(FindFormat(""), nullptr);
}

}  // namespace
}  // namespace osarchiver
