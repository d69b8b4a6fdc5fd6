// Rows of a restore as INSERT statements: a column list and literals, all quoted by us.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/row_batch.h"
#include "formats/table_definition.h"

namespace osarchiver {

// One statement but for its head: what comes behind INSERT INTO `table` (columns) VALUES.
struct InsertText {
  std::string values;
  std::uint64_t rows = 0;
  // Values that only a session that is not strict takes (ENUM index 0), each with its warning 1265.
  // Such a row is alone in its statement.
  std::uint64_t enum_errors = 0;
};

// The rows whose positions are `which`, in that order, in statements of about `limit_bytes`. Throws
// IntegrityError for a value that its column cannot have (rows may come out of a file).
std::vector<InsertText> BuildInserts(const TableDefinition& definition, const RowBatch& rows,
                                     const std::vector<std::size_t>& which,
                                     std::size_t limit_bytes);

// "INSERT INTO `db`.`t` (`a`,`b`) VALUES ", with what an ENUM's error value needs in front.
std::string InsertHead(const TableDefinition& definition, const std::string& quoted_name,
                       const InsertText& insert);

}  // namespace osarchiver
