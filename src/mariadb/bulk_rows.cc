#include "mariadb/bulk_rows.h"

#include <algorithm>
#include <array>

namespace osarchiver {
namespace {

// YEAR is not among them: as text 0 is another year than as a number. Nor is BIT, which takes text
// for its bits.
constexpr auto kSameAsText = std::to_array<std::string_view>(
    {"tinyint",  "smallint", "mediumint",  "int",       "bigint", "decimal", "float",
     "double",   "date",     "datetime",   "timestamp", "time",   "char",    "varchar",
     "tinytext", "text",     "mediumtext", "longtext",  "enum",   "set"});
constexpr auto kSameAsBytes = std::to_array<std::string_view>(
    {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"});

// Each value has an indicator and a length before it.
constexpr std::size_t kValueOverhead = 10;

template <std::size_t kCount>
bool Has(const std::array<std::string_view, kCount>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool IsBinary(const Column& column) {
  return column.value_class == ValueClass::kBytes && Has(kSameAsBytes, column.data_type) &&
         (column.charset.empty() || column.charset == "binary");
}

bool IsSame(const Column& column) {
  if (column.has_empty_member) return false;
  if (column.value_class == ValueClass::kBytes) return IsBinary(column);
  return Has(kSameAsText, column.data_type);
}

}  // namespace

bool BulkRows::Take(const TableDefinition& definition) {
  return std::all_of(definition.columns.begin(), definition.columns.end(), IsSame);
}

BulkRows::BulkRows(const TableDefinition& definition) : columns_(definition.columns.size()) {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    columns_[i].is_binary = IsBinary(definition.columns[i]);
  }
}

void BulkRows::Add(std::string_view row) {
  ValueCursor values(row);
  for (ColumnValues& column : columns_) {
    const Value value = values.Next();
    column.data.push_back(value.bytes.data());
    column.lengths.push_back(value.bytes.size());
    column.nulls.push_back(value.kind == ValueKind::kNull ? 1 : 0);
  }
  ++row_count_;
  packet_bytes_ += row.size() + kValueOverhead * columns_.size();
}

void BulkRows::Clear() {
  for (ColumnValues& column : columns_) {
    column.data.clear();
    column.lengths.clear();
    column.nulls.clear();
  }
  row_count_ = 0;
  packet_bytes_ = 0;
}

}  // namespace osarchiver
