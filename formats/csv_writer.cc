#include "formats/csv_format.h"
#include "formats/hex_text.h"
#include "formats/number_text.h"
#include "formats/text_buffer.h"
#include "formats/text_scan.h"
#include "util/error.h"

namespace osarchiver {
namespace {

void PutQuoted(std::string_view text, TextBuffer* out) {
  out->Put('"');
  const char* start = text.data();
  const char* const end = start + text.size();
  for (const char* at = FindSpecial(start, end, '"', '"', 0); at != end;
       at = FindSpecial(start, end, '"', '"', 0)) {
    out->Put({start, static_cast<std::size_t>(at + 1 - start)});
    out->Put('"');
    start = at + 1;
  }
  out->Put({start, static_cast<std::size_t>(end - start)});
  out->Put('"');
}

void PutBytes(const Column& column, std::string_view bytes, TextBuffer* out) {
  switch (column.value_class) {
    case ValueClass::kNumber:
      if (bytes.empty() || NumberSize(bytes) != bytes.size()) {
        throw IntegrityError("column " + column.name + " (" + column.type +
                             ") holds a value that is no number");
      }
      out->Put(bytes);
      return;
    case ValueClass::kText:
      PutQuoted(bytes, out);
      return;
    case ValueClass::kBytes:
      out->Put('"');
      PutHex(bytes, out);
      out->Put('"');
      return;
  }
}

void PutValue(const Column& column, const Value& value, TextBuffer* out) {
  switch (value.kind) {
    case ValueKind::kNull:
      out->Put("NULL");
      return;
    case ValueKind::kEnumError:
      if (column.data_type != "enum") {
        throw IntegrityError("column " + column.name + " is no ENUM and has no error value");
      }
      out->Put('0');
      return;
    case ValueKind::kBytes:
      PutBytes(column, value.bytes, out);
      return;
  }
}

}  // namespace

void CsvFormat::WritePrologue(const TableDefinition& definition, TextSink& out) const {
  TextBuffer text(out);
  bool first = true;
  for (const Column& column : definition.columns) {
    if (!first) text.Put(',');
    first = false;
    PutQuoted(column.name, &text);
  }
  text.Put('\n');
  text.Flush();
}

void CsvFormat::WriteRows(const TableDefinition& definition, const RowBatch& rows,
                          TextSink& out) const {
  TextBuffer text(out);
  for (std::size_t i = 0; i < rows.row_count(); ++i) {
    ValueCursor values(rows.row(i));
    char separator = '\0';
    for (const Column& column : definition.columns) {
      if (separator != '\0') text.Put(separator);
      separator = ',';
      PutValue(column, values.Next(), &text);
    }
    text.Put('\n');
  }
  text.Flush();
}

}  // namespace osarchiver
