#include "sample_rows.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <stdexcept>
#include <utility>

namespace osarchiver {

Column MakeColumn(std::string name, std::string type, ValueClass value_class, std::string charset,
                  bool nullable) {
  Column column;
  column.name = std::move(name);
  column.data_type = type.substr(0, type.find_first_of("( "));
  column.type = std::move(type);
  column.collation = charset.empty() ? "" : charset == "binary" ? "binary" : charset + "_bin";
  column.charset = std::move(charset);
  column.value_class = value_class;
  column.nullable = nullable;
  return column;
}

TableDefinition SampleDefinition() {
  TableDefinition definition;
  definition.database = "nova";
  definition.table = "odd `table`";
  auto& columns = definition.columns;
  columns.push_back(MakeColumn("id", "bigint(20)", ValueClass::kNumber, "", false));
  columns.push_back(MakeColumn("na\"me\n", "varchar(255)", ValueClass::kText, "utf8mb4"));
  columns.push_back(MakeColumn("latin", "varchar(40)", ValueClass::kBytes, "latin1"));
  columns.push_back(MakeColumn("blob", "longblob", ValueClass::kBytes));
  columns.push_back(MakeColumn("price", "decimal(20,6)", ValueClass::kNumber));
  columns.push_back(MakeColumn("ratio", "double", ValueClass::kNumber));
  columns.push_back(MakeColumn("kind", "enum('a','b')", ValueClass::kText, "utf8mb4"));
  columns.push_back(MakeColumn("kind_or_none", "enum('a','')", ValueClass::kText, "utf8mb4"));
  columns.push_back(MakeColumn("latin_kind", "enum('x','')", ValueClass::kBytes, "latin1"));
  columns.push_back(MakeColumn("deleted_at", "datetime(6)", ValueClass::kText));
  columns[7].has_empty_member = columns[8].has_empty_member = true;
  definition.indexes = {{"PRIMARY", true, "BTREE", {{"id", 0, false}}}};
  definition.key = {0};
  definition.key_name = "PRIMARY";
  definition.charset = "utf8mb4";
  definition.collation = "utf8mb4_general_ci";
  definition.create_sql = "CREATE TABLE ...";
  return definition;
}

std::size_t ColumnOf(const TableDefinition& definition, std::string_view name) {
  for (std::size_t i = 0; i < definition.columns.size(); ++i) {
    if (definition.columns[i].name == name) return i;
  }
  throw std::out_of_range("no column " + std::string(name));
}

std::vector<Value> NullRow(std::string_view id) {
  std::vector<Value> values(SampleDefinition().columns.size());
  values[0] = Bytes(id);
  return values;
}

void AppendValues(const std::vector<Value>& values, RowBatch* rows) {
  for (const Value& value : values) rows->Append(value);
  rows->EndRow();
}

Value Bytes(std::string_view bytes) { return {ValueKind::kBytes, bytes}; }

RowBatch SampleRows(std::uint64_t first, std::size_t count) {
  RowBatch rows(SampleDefinition().columns.size());
  for (std::size_t i = 0; i < count; ++i) {
    const std::string id = std::to_string(first + i);
    std::vector<Value> values = NullRow(id);
    const std::string name = "it's row\n" + id;
    values[1] = Bytes(name);
    values[3] = Bytes(name);
    values[9] = Bytes("2026-11-23 02:00:00.000000");
    AppendValues(values, &rows);
  }
  return rows;
}

SegmentHeader SampleHeader(const std::string& format) {
  SegmentHeader header;
  header.site = "RegionOne";
  header.journal_id = "0123456789abcdef";
  header.archiver = "nova";
  header.source = "nova";
  header.server = "10.11.19-MariaDB db1";
  header.run_name = "20261123T020000Z-7f3a09c1";
  header.now = "2026-11-23T02:00:00Z";
  header.cutoff = "2025-11-23 02:00:00";
  header.where = "`deleted_at` <= '2025-11-23 02:00:00'";
  header.definition = SampleDefinition();
  header.format = format;
  header.created_at = "2026-11-23T02:00:01Z";
  return header;
}

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "osarchiver-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;  // a test's leftovers in /tmp are no failure
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace osarchiver
