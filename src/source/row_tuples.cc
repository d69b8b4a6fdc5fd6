#include "source/row_tuples.h"

#include <algorithm>

#include "mariadb/quote.h"
#include "source/column_types.h"

namespace osarchiver {

std::string TupleExpression(const std::vector<std::string>& columns, std::string_view alias) {
  std::string list;
  for (const std::string& column : columns) {
    list += (list.empty() ? "" : ", ") + std::string(alias) + "." + QuoteIdentifier(column);
  }
  return columns.size() == 1 ? list : "(" + list + ")";
}

std::optional<std::vector<std::size_t>> PositionsOf(const TableDefinition& definition,
                                                    const std::vector<std::string>& columns) {
  std::vector<std::size_t> positions;
  for (const std::string& name : columns) {
    const auto found =
        std::find_if(definition.columns.begin(), definition.columns.end(),
                     [&](const Column& column) { return SameName(column.name, name); });
    if (found == definition.columns.end()) return std::nullopt;
    positions.push_back(static_cast<std::size_t>(found - definition.columns.begin()));
  }
  return positions;
}

std::optional<std::string> TupleLiteral(const TableDefinition& definition, std::string_view row,
                                        const std::vector<std::size_t>& positions) {
  std::vector<Value> values;
  const std::size_t last = *std::max_element(positions.begin(), positions.end());
  for (ValueCursor cursor(row); values.size() <= last;) values.push_back(cursor.Next());
  std::string literal;
  for (const std::size_t position : positions) {
    if (values[position].kind == ValueKind::kNull) return std::nullopt;
    if (!literal.empty()) literal += ", ";
    AppendKeyLiteral(definition.columns[position], values[position], &literal,
                     positions.size() > 1 ? KeyForm::kInMixedTuple : KeyForm::kAlone);
  }
  return positions.size() == 1 ? literal : "(" + literal + ")";
}

std::vector<std::string> KeyColumnNames(const TableDefinition& definition) {
  std::vector<std::string> names;
  for (const std::size_t position : definition.key) {
    names.push_back(definition.columns[position].name);
  }
  return names;
}

std::string KeyColumns(const TableDefinition& definition, std::string_view alias) {
  std::string list;
  for (const std::size_t index : definition.key) {
    list += (list.empty() ? "" : ", ") + std::string(alias) + "." +
            QuoteIdentifier(definition.columns[index].name);
  }
  return list;
}

std::string JoinLiterals(const std::vector<std::string>& literals, std::size_t first,
                         std::size_t count) {
  std::string list;
  for (std::size_t i = first; i < literals.size() && i - first < count; ++i) {
    if (i > first) list += ", ";
    list += literals[i];
  }
  return list;
}

}  // namespace osarchiver
