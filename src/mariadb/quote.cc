#include "mariadb/quote.h"

#include <algorithm>
#include <cstdint>

#include "util/error.h"
#include "util/hash.h"

namespace osarchiver {
namespace {

void AppendEscaped(std::string_view text, std::string* sql) {
  sql->push_back('\'');
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char escape = '\0';
    switch (text[i]) {
      case '\0':
        escape = '0';
        break;
      case '\n':
        escape = 'n';
        break;
      case '\r':
        escape = 'r';
        break;
      case '\x1a':
        escape = 'Z';
        break;
      case '\'':
      case '"':
      case '\\':
        escape = text[i];
        break;
      default:
        continue;
    }
    sql->append(text, plain, i - plain);
    sql->push_back('\\');
    sql->push_back(escape);
    plain = i + 1;
  }
  sql->append(text, plain);
  sql->push_back('\'');
}

bool IsFloat(const Column& column) {
  return column.data_type == "float" || column.data_type == "double";
}

// A value of a number column. It may come out of an archive file, so that it is a number is
// checked, not believed.
void AppendNumber(const Column& column, std::string_view bytes, std::string* sql) {
  const bool number = !bytes.empty() &&
                      bytes.find_first_not_of("0123456789+-.eE") == std::string_view::npos &&
                      bytes.find("--") == std::string_view::npos;
  if (!number) {
    throw IntegrityError("column " + column.name + " (" + column.type +
                         ") holds a value that is no number");
  }
  sql->append(bytes);
  // Without an exponent the server reads an exact number, and -0 would lose its sign.
  if (IsFloat(column) && bytes.find_first_of("eE") == std::string_view::npos) sql->append("e0");
}

// BIT as a number: as a string or in hexadecimal its comparisons are not the column's.
void AppendBits(const Column& column, std::string_view bytes, std::string* sql) {
  if (bytes.size() > 8) throw IntegrityError("column " + column.name + " holds more than 64 bits");
  std::uint64_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<unsigned char>(c);
  sql->append(std::to_string(number));
}

void AppendHex(std::string_view bytes, std::string* sql) {
  sql->append("x'");
  sql->append(Hex(bytes));
  sql->push_back('\'');
}

// Text in a character set that the session does not speak.
void AppendWithIntroducer(const Column& column, std::string_view bytes, std::string* sql) {
  sql->push_back('_');
  sql->append(column.charset);
  sql->push_back(' ');
  AppendHex(bytes, sql);
}

}  // namespace

std::string QuoteText(std::string_view text) {
  std::string sql;
  sql.reserve(text.size() + 2);
  AppendEscaped(text, &sql);
  return sql;
}

void AppendInsertLiteral(const Column& column, const Value& value, std::string* sql) {
  if (value.kind == ValueKind::kNull) {
    sql->append("NULL");
  } else if (value.kind == ValueKind::kEnumError) {
    sql->push_back('0');
  } else if (column.value_class == ValueClass::kNumber) {
    AppendNumber(column, value.bytes, sql);
  } else if (column.value_class == ValueClass::kText) {
    AppendEscaped(value.bytes, sql);
  } else if (column.data_type == "bit") {
    AppendBits(column, value.bytes, sql);
  } else if (!column.charset.empty() && column.charset != "binary") {
    AppendWithIntroducer(column, value.bytes, sql);
  } else {
    // Half the size of hexadecimal. No byte that needs escaping can be part of a longer UTF-8
    // character.
    sql->append("_binary");
    AppendEscaped(value.bytes, sql);
  }
}

void AppendKeyLiteral(const Column& column, const Value& value, std::string* sql, KeyForm form) {
  const bool empty = value.kind == ValueKind::kEnumError ||
                     (value.kind == ValueKind::kBytes && value.bytes.empty());
  const bool number = IsNumberAmongTexts(column, value) &&
                      (form != KeyForm::kInMixedTuple || value.kind == ValueKind::kEnumError);
  if (form != KeyForm::kAlone && column.data_type == "enum" && empty && !number) {
    AppendInsertLiteral(column, {ValueKind::kBytes, {}}, sql);
  } else if (value.kind == ValueKind::kBytes && IsNumberAmongTexts(column, value)) {
    // As text it would equal the error value too.
    sql->append(std::to_string(EmptyMemberIndex(column.type)));
  } else if (value.kind == ValueKind::kBytes && column.value_class == ValueClass::kBytes &&
             column.data_type != "bit" && (column.charset.empty() || column.charset == "binary")) {
    AppendHex(value.bytes, sql);
  } else {
    AppendInsertLiteral(column, value, sql);
  }
}

bool IsNumberAmongTexts(const Column& column, const Value& value) {
  return column.data_type == "enum" && column.has_empty_member &&
         (value.kind == ValueKind::kEnumError ||
          (value.kind == ValueKind::kBytes && value.bytes.empty()));
}

std::size_t EmptyMemberIndex(std::string_view column_type) {
  std::size_t i = column_type.find('(');
  if (i == std::string_view::npos) return 0;
  for (std::size_t member = 1; ++i < column_type.size() && column_type[i] == '\''; ++member) {
    const std::size_t start = ++i;
    while (i < column_type.size()) {
      if (column_type[i] == '\\') {
        i += 2;
      } else if (column_type[i] != '\'') {
        ++i;
      } else if (i + 1 < column_type.size() && column_type[i + 1] == '\'') {
        i += 2;
      } else {
        break;
      }
    }
    if (i == start) return member;
    ++i;  // the closing quote; a comma follows, or the end
  }
  return 0;
}

std::string ReadExpression(const Column& column, std::string_view quoted_alias) {
  std::string name;
  if (!quoted_alias.empty()) name.append(quoted_alias).push_back('.');
  name += QuoteIdentifier(column.name);
  if (IsFloat(column)) return "CAST(" + name + " AS DOUBLE)";
  if (column.has_empty_member && column.data_type == "set") return "CAST(" + name + " AS UNSIGNED)";
  if (column.has_empty_member)
    return "CONCAT(IF(" + name + "+0=0,x'30',x'31'),CAST(" + name + " AS BINARY))";
  return name;
}

std::string ReadExpressions(const TableDefinition& definition, std::string_view quoted_alias) {
  std::string list;
  for (const Column& column : definition.columns) {
    if (!list.empty()) list += ", ";
    list += ReadExpression(column, quoted_alias);
  }
  return list;
}

void AppendCell(const Column& column, const std::optional<std::string_view>& cell, RowBatch* rows) {
  if (!cell) {
    rows->AppendNull();
    return;
  }
  std::string_view bytes = *cell;
  if (column.data_type == "enum") {
    bool error = bytes.empty();
    if (column.has_empty_member) {
      if (bytes.empty())
        throw IntegrityError("column " + column.name + " was not read by ReadExpression");
      error = bytes[0] == '0';
      bytes.remove_prefix(1);
    }
    if (error) {
      rows->Append({ValueKind::kEnumError, {}});
      return;
    }
  }
  rows->AppendBytes(bytes);
}

std::size_t RowBytesBound(const TableDefinition& definition,
                          const std::vector<std::optional<std::string_view>>& cells) {
  constexpr std::size_t kMarkAndLength = 9;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < definition.columns.size(); ++i) {
    bytes += kMarkAndLength + (cells[i] ? cells[i]->size() : 0);
  }
  return bytes;
}

void AppendCells(const TableDefinition& definition,
                 const std::vector<std::optional<std::string_view>>& cells, std::size_t bytes_bound,
                 RowBatch* rows) {
  constexpr std::size_t kLongRowBytes = 1 << 20;
  if (bytes_bound > kLongRowBytes) rows->Reserve(rows->byte_count() + bytes_bound);
  for (std::size_t i = 0; i < definition.columns.size(); ++i) {
    AppendCell(definition.columns[i], cells[i], rows);
  }
  rows->EndRow();
}

bool HoldsEnumError(std::string_view row) {
  ValueCursor values(row);
  while (!values.AtEnd()) {
    if (values.Next().kind == ValueKind::kEnumError) return true;
  }
  return false;
}

}  // namespace osarchiver
