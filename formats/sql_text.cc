#include "formats/sql_text.h"

namespace osarchiver {
namespace {

SqlColumn PlanColumn(const Column& column) {
  SqlColumn plan;
  switch (column.value_class) {
    case ValueClass::kNumber:
      plan.kind = column.data_type == "float" || column.data_type == "double"
                      ? SqlColumn::Kind::kFloating
                      : SqlColumn::Kind::kNumber;
      break;
    case ValueClass::kText:
      plan.kind = SqlColumn::Kind::kText;
      break;
    case ValueClass::kBytes:
      plan.kind = SqlColumn::Kind::kBytes;
      break;
  }
  plan.is_enum = column.data_type == "enum";
  if (!column.charset.empty() && column.charset != "binary") {
    plan.hex_start.append("_").append(column.charset).append(" ");
  }
  plan.hex_start += "x'";
  return plan;
}

}  // namespace

SqlStatement::SqlStatement(const TableDefinition& definition) {
  std::string names;
  for (const Column& column : definition.columns) {
    columns.push_back(PlanColumn(column));
    has_enum = has_enum || columns.back().is_enum;
    if (!names.empty()) names += ",";
    names += QuoteIdentifier(column.name);
  }
  head = "INSERT INTO " + QuoteIdentifier(definition.table) + " (" + names + ") VALUES\n";
  // An assignment that changes nothing: the row that is there stays as it is, and unlike IGNORE it
  // hides no other error.
  const std::size_t key = definition.key.empty() ? 0 : definition.key.front();
  const std::string name = QuoteIdentifier(definition.columns.at(key).name);
  tail = "\nON DUPLICATE KEY UPDATE " + name + "=" + name + ";\n";
}

}  // namespace osarchiver
