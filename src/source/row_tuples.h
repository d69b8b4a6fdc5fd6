// Values of rows as SQL: the lists that say which rows, or the children or parents of which rows.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/row_batch.h"
#include "formats/table_definition.h"

namespace osarchiver {

// "`a`.`x`" or "(`a`.`x`, `a`.`y`)".
std::string TupleExpression(const std::vector<std::string>& columns, std::string_view alias);

// Positions of the named columns among the stored ones; nothing when one of them is generated,
// whose value no row holds.
std::optional<std::vector<std::size_t>> PositionsOf(const TableDefinition& definition,
                                                    const std::vector<std::string>& columns);
// The row's values in these columns as "x" or "(x, y)"; nothing when one is NULL: such a row refers
// to nothing.
std::optional<std::string> TupleLiteral(const TableDefinition& definition, std::string_view row,
                                        const std::vector<std::size_t>& positions);
std::vector<std::string> KeyColumnNames(const TableDefinition& definition);
// The key's columns without parentheses, for what a SELECT returns.
std::string KeyColumns(const TableDefinition& definition, std::string_view alias);

// "a, b, c" out of `literals` from `first` on, at most `count`.
std::string JoinLiterals(const std::vector<std::string>& literals, std::size_t first,
                         std::size_t count);

}  // namespace osarchiver
