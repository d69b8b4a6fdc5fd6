// What kind of values a column holds, as far as selecting rows depends on it. Column names compare
// as the server compares them, without regard to case; generated columns count too.
#pragma once

#include <string>
#include <string_view>

#include "formats/table_definition.h"

namespace osarchiver {

// DATA_TYPE in lower case ("datetime"); "" when the table has no such column.
std::string DataTypeOf(const TableDefinition& definition, std::string_view column);

// DATE, DATETIME, TIMESTAMP: what a soft-delete column must be.
bool IsDateType(std::string_view data_type);
// TINYINT to BIGINT.
bool IsIntegerType(std::string_view data_type);

enum class FlagKind {
  kNone,    // the type says nothing about live or deleted (GEOMETRY, TIME ...): such a table is
            // refused
  kNumber,  // 0 is live
  kText,    // '', '0', 'False' are live
  kDate,    // a zero or epoch date is live
};
FlagKind FlagKindOf(std::string_view data_type);

}  // namespace osarchiver
