// The table whose text the format targets read: one column of each class, NULLs, and an ENUM. It is
// the table of tests/unit/formats/golden, so that those files are seeds.
#pragma once

#include "formats/row_batch.h"
#include "formats/table_definition.h"

namespace osarchiver {

inline Column FuzzColumn(const char* name, const char* type, const char* data_type,
                         const char* charset, ValueClass value_class, bool nullable) {
  Column column;
  column.name = name;
  column.type = type;
  column.data_type = data_type;
  column.charset = charset;
  column.collation = *charset == '\0' ? "" : std::string(charset) + "_general_ci";
  column.value_class = value_class;
  column.nullable = nullable;
  return column;
}

inline TableDefinition FuzzTable() {
  TableDefinition table;
  table.database = "nova";
  table.table = "tags";
  table.columns = {
      FuzzColumn("id", "int(11)", "int", "", ValueClass::kNumber, false),
      FuzzColumn("tag", "varchar(80)", "varchar", "utf8mb3", ValueClass::kText, true),
      FuzzColumn("raw", "varbinary(8)", "varbinary", "", ValueClass::kBytes, true),
      FuzzColumn("kind", "enum('a','b')", "enum", "utf8mb3", ValueClass::kText, true)};
  table.indexes = {{"PRIMARY", true, "BTREE", {{"id", 0, false}}}};
  table.key = {0};
  table.key_name = "PRIMARY";
  table.charset = "utf8mb3";
  table.collation = "utf8mb3_general_ci";
  table.create_sql = "CREATE TABLE `tags` (...)";
  return table;
}

// Ends the target: the fuzzer reports it with the input that led here.
[[noreturn]] inline void Broken() { __builtin_trap(); }

inline bool SameRows(const RowBatch& a, const RowBatch& b) {
  if (a.row_count() != b.row_count()) return false;
  for (std::size_t i = 0; i < a.row_count(); ++i) {
    if (a.row(i) != b.row(i)) return false;
  }
  return true;
}

}  // namespace osarchiver
