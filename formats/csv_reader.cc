#include <cstring>

#include "formats/csv_format.h"
#include "formats/hex_text.h"
#include "formats/number_text.h"
#include "formats/text_cursor.h"
#include "formats/text_scan.h"

namespace osarchiver {
namespace {

constexpr std::string_view kNull = "NULL";

class StringSink final : public TextSink {
 public:
  void Write(std::string_view text) override { content += text; }
  std::string content;
};

// The opening quote is taken already.
void ReadQuoted(TextCursor* text, RowBatch* rows) {
  rows->BeginBytes();
  const char* start = text->at();
  const char* const end = text->end();
  for (;;) {
    const char* quote = FindSpecial(start, end, '"', '"', 0);
    if (quote == end) text->Fail("a closing quote of the value that starts here");
    const bool doubled = quote + 1 < end && quote[1] == '"';
    rows->AddPiece({start, static_cast<std::size_t>(quote - start) + (doubled ? 1 : 0)});
    start = quote + (doubled ? 2 : 1);
    if (!doubled) break;
  }
  text->MoveTo(start);
  rows->EndBytes();
}

// The opening quote is taken already.
void ReadHex(TextCursor* text, RowBatch* rows) {
  const std::string_view rest = text->rest();
  const auto* quote = static_cast<const char*>(std::memchr(rest.data(), '"', rest.size()));
  if (quote == nullptr) text->Fail("a closing quote of the value that starts here");
  const std::string_view digits = rest.substr(0, static_cast<std::size_t>(quote - rest.data()));
  rows->BeginBytes();
  if (!DecodeHex(digits, rows->AddSpace(digits.size() / 2))) text->Fail("hexadecimal digits");
  rows->EndBytes();
  text->MoveTo(quote + 1);
}

void ReadNumber(TextCursor* text, RowBatch* rows) {
  const std::size_t size = NumberSize(text->rest());
  if (size == 0) text->Fail("a number or NULL");
  rows->AppendBytes(text->rest().substr(0, size));
  text->MoveTo(text->at() + size);
}

void ReadValue(const Column& column, TextCursor* text, RowBatch* rows) {
  if (text->Peek() == 'N') {
    text->Require(kNull, "NULL");
    rows->AppendNull();
  } else if (column.value_class == ValueClass::kNumber) {
    ReadNumber(text, rows);
  } else if (text->Skip('"')) {
    column.value_class == ValueClass::kText ? ReadQuoted(text, rows) : ReadHex(text, rows);
  } else if (column.data_type == "enum" && text->Skip('0')) {
    rows->Append({ValueKind::kEnumError, {}});
  } else {
    text->Fail("a quoted value or NULL");
  }
}

}  // namespace

void CsvFormat::ReadRows(const TableDefinition& definition, std::string_view content,
                         bool has_prologue, RowBatch* rows) const {
  TextCursor text(name(), content);
  if (has_prologue) {
    StringSink prologue;
    WritePrologue(definition, prologue);
    text.Require(std::string_view(prologue.content), "the header line of the table's columns");
  }
  while (!text.AtEnd()) {
    bool first = true;
    for (const Column& column : definition.columns) {
      if (!first) text.Require(',', "a comma");
      first = false;
      ReadValue(column, &text, rows);
    }
    text.Require('\n', "the end of the line");
    rows->EndRow();
  }
}

}  // namespace osarchiver
