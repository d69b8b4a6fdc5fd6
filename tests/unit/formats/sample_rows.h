// A table with every kind of column, and rows with every kind of value. Shared by the format tests.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "formats/row_batch.h"
#include "formats/segment.h"
#include "formats/table_definition.h"

namespace osarchiver {

Column MakeColumn(std::string name, std::string type, ValueClass value_class,
                  std::string charset = "", bool nullable = true);

// id BIGINT primary key; then one column of each class and of each special case.
TableDefinition SampleDefinition();

// Position of a column by name; fails the test when there is none.
std::size_t ColumnOf(const TableDefinition& definition, std::string_view name);

// A row of SampleDefinition: all NULL but the key.
std::vector<Value> NullRow(std::string_view id);
void AppendValues(const std::vector<Value>& values, RowBatch* rows);
Value Bytes(std::string_view bytes);

// `count` ordinary rows of SampleDefinition with ids from `first`.
RowBatch SampleRows(std::uint64_t first, std::size_t count);

SegmentHeader SampleHeader(const std::string& format);

// A directory that is removed with this object.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace osarchiver
