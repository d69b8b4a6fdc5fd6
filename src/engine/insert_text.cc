#include "engine/insert_text.h"

#include "mariadb/quote.h"

namespace osarchiver {
namespace {

std::uint64_t AppendRow(const TableDefinition& definition, std::string_view row, std::string* sql) {
  std::uint64_t enum_errors = 0;
  ValueCursor values(row);
  char separator = '(';
  for (const Column& column : definition.columns) {
    sql->push_back(separator);
    separator = ',';
    const Value value = values.Next();
    if (value.kind == ValueKind::kEnumError) ++enum_errors;
    AppendInsertLiteral(column, value, sql);
  }
  sql->push_back(')');
  return enum_errors;
}

}  // namespace

std::vector<InsertText> BuildInserts(const TableDefinition& definition, const RowBatch& rows,
                                     const std::vector<std::size_t>& which,
                                     std::size_t limit_bytes) {
  std::vector<InsertText> inserts;
  for (const std::size_t index : which) {
    const std::string_view row = rows.row(index);
    const bool alone = HoldsEnumError(row);
    // Quotes, commas and some escapes: a guess is enough to stay near the limit.
    const bool full = inserts.empty() || inserts.back().enum_errors > 0 ||
                      inserts.back().values.size() + row.size() > limit_bytes;
    if (alone || full) {
      inserts.emplace_back();
    } else {
      inserts.back().values.push_back(',');
    }
    inserts.back().enum_errors += AppendRow(definition, row, &inserts.back().values);
    ++inserts.back().rows;
  }
  return inserts;
}

std::string InsertHead(const TableDefinition& definition, const std::string& quoted_name,
                       const InsertText& insert) {
  std::string head(insert.enum_errors > 0 || !definition.generated.empty() ? kEnumErrorPrefix
                                                                           : std::string_view());
  head += "INSERT INTO " + quoted_name + " (";
  for (std::size_t i = 0; i < definition.columns.size(); ++i) {
    head += (i > 0 ? "," : "") + QuoteIdentifier(definition.columns[i].name);
  }
  return head + ") VALUES ";
}

}  // namespace osarchiver
