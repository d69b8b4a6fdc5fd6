// Small tables for the tests of the delete's pure parts.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "deletable_rows_for_test.h"
#include "source/table_plan.h"

namespace osarchiver {

using Cells = std::vector<std::optional<std::string>>;

inline Column TestColumn(const std::string& name, const std::string& data_type = "int") {
  Column column;
  column.name = name;
  column.type = column.data_type = data_type;
  column.value_class = ValueClass::kNumber;
  if (data_type == "varchar") {
    column.type = "varchar(36)";
    column.charset = "utf8mb4";
    column.collation = "utf8mb4_general_ci";
    column.value_class = ValueClass::kText;
  }
  return column;
}

// Its key is the first column.
inline std::unique_ptr<TablePlan> TestTable(const std::string& name, std::vector<Column> columns) {
  auto plan = std::make_unique<TablePlan>();
  plan->name = {"db", name};
  TableDefinition& definition = plan->loaded.definition;
  definition.database = "db";
  definition.table = name;
  definition.columns = std::move(columns);
  definition.key = {0};
  definition.key_name = "PRIMARY";
  return plan;
}

inline void AddReference(TablePlan& child, const std::string& column, const TablePlan& parent,
                         const std::string& referenced) {
  ForeignKey key;
  key.name = "fk_" + column;
  key.database = "db";
  key.table = child.name.table;
  key.columns = {column};
  key.referenced_database = "db";
  key.referenced_table = parent.name.table;
  key.referenced_columns = {referenced};
  child.loaded.definition.foreign_keys.push_back(std::move(key));
}

inline DeletableRows TestRows(const TablePlan& table, const std::vector<Cells>& rows,
                              std::vector<std::uint32_t> levels = {}) {
  RowBatch batch(table.definition().columns.size());
  for (const Cells& cells : rows) {
    for (const auto& cell : cells) {
      if (cell) {
        batch.AppendBytes(*cell);
      } else {
        batch.AppendNull();
      }
    }
    batch.EndRow();
  }
  return DeletableRowsForTest::Make(table, std::move(batch), std::move(levels));
}

}  // namespace osarchiver
