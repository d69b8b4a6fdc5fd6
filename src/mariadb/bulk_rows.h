// Rows for an INSERT that the server parses once for all of them (COM_STMT_BULK_EXECUTE, MariaDB
// 10.2 and later): literals of 5,000 rows take it longer to read than to store.
// https://mariadb.com/kb/en/com_stmt_bulk_execute/
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "formats/row_batch.h"
#include "formats/table_definition.h"

namespace osarchiver {

class BulkRows {
 public:
  // Whether every column's values mean the same as parameters as they do as literals
  // (AppendInsertLiteral). Others (BIT, YEAR, character sets that the session does not speak,
  // ENUMs with an empty member ...) are inserted by literals.
  static bool Take(const TableDefinition& definition);

  // The definition must be one that Take() says yes to.
  explicit BulkRows(const TableDefinition& definition);
  // The row's canonical bytes must outlive this object; they hold no ENUM error value.
  void Add(std::string_view row);
  void Clear();

  struct ColumnValues {
    bool is_binary = false;
    std::vector<const char*> data;
    std::vector<unsigned long> lengths;
    std::vector<char> nulls;  // 1: NULL
  };
  const std::vector<ColumnValues>& columns() const { return columns_; }
  std::size_t row_count() const { return row_count_; }
  // About what the rows take of a packet, which holds no more than max_allowed_packet.
  std::size_t packet_bytes() const { return packet_bytes_; }

 private:
  std::vector<ColumnValues> columns_;
  std::size_t row_count_ = 0;
  std::size_t packet_bytes_ = 0;
};

}  // namespace osarchiver
