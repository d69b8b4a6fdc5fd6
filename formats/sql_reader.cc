#include <charconv>
#include <cstring>

#include "formats/hex_text.h"
#include "formats/number_text.h"
#include "formats/sql_format.h"
#include "formats/sql_text.h"
#include "formats/text_cursor.h"
#include "formats/text_scan.h"
#include "util/hash.h"

namespace osarchiver {
namespace {

constexpr std::string_view kNull = "NULL";

void SkipPreamble(TextCursor* text) {
  text->Require(kPreambleStart, "the preamble's first line");
  std::size_t size = 0;
  const auto number = std::from_chars(text->at(), text->end(), size);
  if (number.ec != std::errc()) text->Fail("the preamble's length");
  text->MoveTo(number.ptr);
  text->Require(kPreambleMiddle, "the preamble's checksum");
  constexpr std::size_t kHashDigits = 2 * sizeof(Hash);
  const std::string_view digits = text->rest().substr(0, kHashDigits);
  text->MoveTo(text->at() + digits.size());
  text->Require('\n', "the end of the preamble's first line");
  if (text->rest().size() < size) text->Fail("the whole preamble");
  if (Hex(Sha256().Of(text->rest().substr(0, size))) != digits) {
    text->Fail("a preamble of the stated checksum");
  }
  text->MoveTo(text->at() + size);
}

// The byte behind a backslash; false when the writer escapes nothing so.
bool Unescape(char c, char* byte) {
  switch (c) {
    case '0':
      *byte = '\0';
      return true;
    case 'n':
      *byte = '\n';
      return true;
    case 'r':
      *byte = '\r';
      return true;
    case 'Z':
      *byte = '\x1a';
      return true;
    case '\\':
    case '\'':
      *byte = c;
      return true;
    default:
      return false;
  }
}

bool MustBeEscaped(char c) { return c == '\0' || c == '\n' || c == '\r' || c == '\x1a'; }

// The opening quote is taken already.
void ReadText(TextCursor* text, RowBatch* rows) {
  rows->BeginBytes();
  const char* start = text->at();
  const char* const end = text->end();
  for (const char* at = start;; ++at) {
    at = FindSpecial(at, end, '\'', '\\', 0x20);
    if (at == end) text->Fail("a closing quote of the value that starts here");
    if (*at == '\'') {
      rows->AddPiece({start, static_cast<std::size_t>(at - start)});
      text->MoveTo(at + 1);
      break;
    }
    if (*at == '\\') {
      char byte = '\0';
      if (at + 1 == end || !Unescape(at[1], &byte)) {
        text->MoveTo(at);
        text->Fail("an escape");
      }
      rows->AddPiece({start, static_cast<std::size_t>(at - start)});
      rows->AddPiece({&byte, 1});
      ++at;
      start = at + 1;
    } else if (MustBeEscaped(*at)) {
      text->MoveTo(at);
      text->Fail("an escape instead of this byte");
    }
  }
  rows->EndBytes();
}

void ReadNumber(bool floating, TextCursor* text, RowBatch* rows) {
  const std::size_t size = NumberSize(text->rest());
  if (size == 0) text->Fail("a number or NULL");
  std::string_view number = text->rest().substr(0, size);
  if (floating) {
    if (number.find_first_of("eE") == std::string_view::npos) text->Fail("an exponent");
    if (number.ends_with("e0")) number.remove_suffix(2);
  }
  rows->AppendBytes(number);
  text->MoveTo(text->at() + size);
}

void ReadHex(const SqlColumn& column, TextCursor* text, RowBatch* rows) {
  text->Require(std::string_view(column.hex_start), "hexadecimal bytes or NULL");
  const std::string_view rest = text->rest();
  const auto* quote = static_cast<const char*>(std::memchr(rest.data(), '\'', rest.size()));
  if (quote == nullptr) text->Fail("a closing quote of the value that starts here");
  const std::string_view digits = rest.substr(0, static_cast<std::size_t>(quote - rest.data()));
  rows->BeginBytes();
  if (!DecodeHex(digits, rows->AddSpace(digits.size() / 2))) text->Fail("hexadecimal digits");
  rows->EndBytes();
  text->MoveTo(quote + 1);
}

void ReadValue(const SqlColumn& column, bool lenient, TextCursor* text, RowBatch* rows) {
  if (text->Peek() == 'N') {
    text->Require(kNull, "NULL");
    rows->AppendNull();
    return;
  }
  if (column.is_enum && lenient && text->Skip('0')) {
    rows->Append({ValueKind::kEnumError, {}});
    return;
  }
  switch (column.kind) {
    case SqlColumn::Kind::kNumber:
      ReadNumber(false, text, rows);
      return;
    case SqlColumn::Kind::kFloating:
      ReadNumber(true, text, rows);
      return;
    case SqlColumn::Kind::kText:
      text->Require('\'', "a quoted value or NULL");
      ReadText(text, rows);
      return;
    case SqlColumn::Kind::kBytes:
      ReadHex(column, text, rows);
      return;
  }
}

void ReadRow(const SqlStatement& statement, bool lenient, TextCursor* text, RowBatch* rows) {
  char separator = '(';
  for (const SqlColumn& column : statement.columns) {
    text->Require(separator, "the next value of the row");
    separator = ',';
    ReadValue(column, lenient, text, rows);
  }
  text->Require(')', "the end of the row");
  rows->EndRow();
}

}  // namespace

void SqlFormat::ReadRows(const TableDefinition& definition, std::string_view content,
                         bool has_prologue, RowBatch* rows) const {
  const SqlStatement statement(definition);
  TextCursor text(name(), content);
  if (has_prologue) SkipPreamble(&text);
  while (!text.AtEnd()) {
    const bool lenient = text.Skip(kLenientPrefix);
    text.Require(std::string_view(statement.head), "an INSERT statement");
    do {
      ReadRow(statement, lenient, &text, rows);
    } while (text.Skip(std::string_view(",\n")));
    text.Require(std::string_view(statement.tail), "the next row or the end of the statement");
  }
}

}  // namespace osarchiver
