#include <string>

#include "formats/hex_text.h"
#include "formats/number_text.h"
#include "formats/sql_format.h"
#include "formats/sql_text.h"
#include "formats/text_buffer.h"
#include "formats/text_scan.h"
#include "util/error.h"
#include "util/hash.h"

namespace osarchiver {
namespace {

// Well below the smallest max_allowed_packet that servers and clients come with.
constexpr std::size_t kStatementBytes = 1024 * 1024;

// Session settings under which every value that a column can hold is stored as it is. Nothing needs
// restoring at the end, for a part of a file ends anywhere.
std::string Settings(const TableDefinition& definition) {
  // The server works generated columns out anew, and would refuse what it once took from a session
  // that was not strict.
  const std::string strict = definition.generated.empty() ? "STRICT_ALL_TABLES," : "";
  return "SET NAMES utf8mb4;\n"
         "SET time_zone='+00:00';\n"
         "SET sql_mode='" +
         strict +
         "NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION,ALLOW_INVALID_DATES';\n"
         "SET foreign_key_checks=0;\n";
}

// Names are data: a line break would end the comment.
std::string ForComment(std::string_view name) {
  std::string text;
  for (const char c : name) text += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return text;
}

char EscapeOf(char c) {
  switch (c) {
    case '\0':
      return '0';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\x1a':
      return 'Z';
    case '\\':
    case '\'':
      return c;
    default:
      return '\0';
  }
}

void PutText(std::string_view text, TextBuffer* out) {
  out->Put('\'');
  const char* start = text.data();
  const char* const end = start + text.size();
  for (const char* at = start;; ++at) {
    at = FindSpecial(at, end, '\'', '\\', 0x20);
    if (at == end) break;
    const char escape = EscapeOf(*at);
    if (escape == '\0') continue;
    out->Put({start, static_cast<std::size_t>(at - start)});
    out->Put('\\');
    out->Put(escape);
    start = at + 1;
  }
  out->Put({start, static_cast<std::size_t>(end - start)});
  out->Put('\'');
}

void PutNumber(const Column& column, bool floating, std::string_view bytes, TextBuffer* out) {
  // The reader takes "e0" away, so a value that brings one of its own would not come back.
  if (bytes.empty() || NumberSize(bytes) != bytes.size() || (floating && bytes.ends_with("e0"))) {
    throw IntegrityError("column " + column.name + " (" + column.type +
                         ") holds a value that is no number as the server writes it");
  }
  out->Put(bytes);
  if (floating && bytes.find_first_of("eE") == std::string_view::npos) out->Put("e0");
}

void PutBytes(const Column& column, const SqlColumn& plan, std::string_view bytes,
              TextBuffer* out) {
  switch (plan.kind) {
    case SqlColumn::Kind::kNumber:
    case SqlColumn::Kind::kFloating:
      PutNumber(column, plan.kind == SqlColumn::Kind::kFloating, bytes, out);
      return;
    case SqlColumn::Kind::kText:
      PutText(bytes, out);
      return;
    case SqlColumn::Kind::kBytes:
      out->Put(plan.hex_start);
      PutHex(bytes, out);
      out->Put('\'');
      return;
  }
}

void PutRow(const TableDefinition& definition, const SqlStatement& statement, std::string_view row,
            TextBuffer* out) {
  ValueCursor values(row);
  for (std::size_t i = 0; i < statement.columns.size(); ++i) {
    out->Put(i == 0 ? '(' : ',');
    const Value value = values.Next();
    if (value.kind == ValueKind::kNull) {
      out->Put("NULL");
    } else if (value.kind == ValueKind::kBytes) {
      PutBytes(definition.columns[i], statement.columns[i], value.bytes, out);
    } else if (statement.columns[i].is_enum) {
      out->Put('0');
    } else {
      throw IntegrityError("column " + definition.columns[i].name +
                           " is no ENUM and has no error value");
    }
  }
  out->Put(')');
}

bool HoldsErrorValue(std::string_view row) {
  for (ValueCursor values(row); !values.AtEnd();) {
    if (values.Next().kind == ValueKind::kEnumError) return true;
  }
  return false;
}

// At least the length of the row's text: escapes and hexadecimal double it at most.
std::size_t TextBound(const SqlStatement& statement, std::string_view row) {
  constexpr std::size_t kValueBytes = 24;  // quotes, comma, introducer
  return 2 * row.size() + kValueBytes * statement.columns.size();
}

}  // namespace

void SqlFormat::WritePrologue(const TableDefinition& definition, TextSink& out) const {
  std::string text;
  text += "-- Rows of " + ForComment(definition.database) + "." + ForComment(definition.table) +
          ", archived by osarchiver.\n";
  text += "-- Load with: zstdcat FILE | mariadb DATABASE\n";
  text += Settings(definition);
  text += ArchiveCreateTable(definition, QuoteIdentifier(definition.table), true) + ";\n";
  const std::string first_line = std::string(kPreambleStart) + std::to_string(text.size()) +
                                 std::string(kPreambleMiddle) + Hex(Sha256().Of(text)) + "\n";
  out.Write(first_line);
  out.Write(text);
}

void SqlFormat::WriteRows(const TableDefinition& definition, const RowBatch& rows,
                          TextSink& out) const {
  const SqlStatement statement(definition);
  TextBuffer text(out);
  bool open = false;
  bool lenient = false;
  std::size_t start = 0;
  for (std::size_t i = 0; i < rows.row_count(); ++i) {
    const std::string_view row = rows.row(i);
    const bool holds_error = statement.has_enum && HoldsErrorValue(row);
    const std::size_t size_with_row = text.size() - start + TextBound(statement, row);
    if (open && (holds_error != lenient || size_with_row > kStatementBytes)) {
      text.Put(statement.tail);
      open = false;
    }
    if (open) {
      text.Put(",\n");
    } else {
      start = text.size();
      lenient = holds_error;
      if (lenient) text.Put(kLenientPrefix);
      text.Put(statement.head);
      open = true;
    }
    PutRow(definition, statement, row, &text);
  }
  if (open) text.Put(statement.tail);
  text.Flush();
}

}  // namespace osarchiver
