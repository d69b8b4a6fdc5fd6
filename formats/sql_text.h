// What the SQL writer and the SQL reader agree on. Internal to formats/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/table_definition.h"

namespace osarchiver {

// The preamble's first line is kPreambleStart, the length of what follows it in decimal digits,
// kPreambleMiddle, the SHA-256 of what follows in hex, and "\n". So a reader finds the first row
// without knowing how the version that wrote the file makes tables.
inline constexpr std::string_view kPreambleStart = "-- osarchiver SQL 1, preamble of ";
inline constexpr std::string_view kPreambleMiddle = " bytes, SHA-256 ";

// Stands before INSERT when rows of the statement hold an ENUM's error value, which only a session
// that is not strict stores. Zero and invalid dates stay allowed.
inline constexpr std::string_view kLenientPrefix =
    "SET STATEMENT sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES' FOR ";

// How one column's values are written.
struct SqlColumn {
  enum class Kind {
    kNumber,    // bare
    kFloating,  // bare, with an exponent in any case: without one -0 would be an exact number, 0
    kText,      // 'text'
    kBytes,     // x'00ff', with an introducer for text of a character set
  };
  Kind kind = Kind::kText;
  bool is_enum = false;
  std::string hex_start;  // "x'" or "_latin1 x'"
};

// The parts of a table's INSERT statements.
struct SqlStatement {
  explicit SqlStatement(const TableDefinition& definition);

  std::vector<SqlColumn> columns;
  bool has_enum = false;
  std::string head;  // INSERT INTO `t` (`a`, `b`) VALUES\n
  std::string tail;  // \nON DUPLICATE KEY UPDATE `a` = `a`;\n
};

}  // namespace osarchiver
