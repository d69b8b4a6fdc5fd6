// The one place where values become SQL. Identifiers: QuoteIdentifier in
// formats/table_definition.h.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "formats/row_batch.h"
#include "formats/table_definition.h"

namespace osarchiver {

// Appends `value` of `column` as a literal for INSERT ... VALUES on a strict utf8mb4 session:
// numbers bare (BIT too), text quoted and escaped, bytes as _binary'...' or with the character
// set's introducer. Throws IntegrityError for a number that is none (values may come out of an
// archive file).
//
// An ENUM's error value becomes 0, which a strict session refuses (error 1265). Rows that hold one
// (HoldsEnumError) go into a statement of their own that begins with kEnumErrorPrefix; it gives one
// warning 1265 for each such value and must give no other (INSERT ... SELECT from a column of the
// same type copies the value without either).
void AppendInsertLiteral(const Column& column, const Value& value, std::string* sql);
// Whether one of the row's values is an ENUM's error value.
bool HoldsEnumError(std::string_view row);
inline constexpr std::string_view kEnumErrorPrefix =
    "SET STATEMENT sql_mode = 'NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION,ALLOW_INVALID_DATES' "
    "FOR ";

// Appends `value` as a literal that compares with the column under the column's own collation and
// type, so that the column's index is used and '7' never equals '07' (numbers bare, text quoted;
// other character sets with their introducer).
//
// In a tuple an ENUM's error value is the text '' too: a number among texts would make the server
// compare all of them as numbers, and find none. Where '' is a member as well both are numbers all
// the same, as neither may answer for the other (IsNumberAmongTexts), and such rows go in a list of
// their own. A mixed tuple stands in a list that is not divided: '' is text in it.
enum class KeyForm { kAlone, kInTuple, kInMixedTuple };
void AppendKeyLiteral(const Column& column, const Value& value, std::string* sql,
                      KeyForm form = KeyForm::kAlone);
// For a tuple: whether the value is a number where the column's other values are texts. Lists of
// tuples must agree in this, column by column.
bool IsNumberAmongTexts(const Column& column, const Value& value);
// 'text', escaped for sessions without NO_BACKSLASH_ESCAPES, which ours is.
std::string QuoteText(std::string_view text);

// The expression that reads `column` (alias or "" before it) as the canonical bytes want it: FLOAT
// and DOUBLE as DOUBLE, an ENUM with a '' member with a mark in front (see AppendCell), a SET with
// a '' member as its number (its text cannot tell the member from the empty set; such a column is
// of class kNumber), everything else as it is.
std::string ReadExpression(const Column& column, std::string_view quoted_alias = {});
// Comma-separated ReadExpressions of all columns: the select list, and RETURNING's.
std::string ReadExpressions(const TableDefinition& definition, std::string_view quoted_alias = {});
// Appends one cell, as read by ReadExpression, to the batch.
void AppendCell(const Column& column, const std::optional<std::string_view>& cell, RowBatch* rows);
// At least the canonical bytes of a row whose cells begin with ReadExpressions' columns.
std::size_t RowBytesBound(const TableDefinition& definition,
                          const std::vector<std::optional<std::string_view>>& cells);
// Appends such a row; `bytes_bound` is its RowBytesBound(). A long row takes no more memory than it
// needs, where appending piece by piece would hold it twice.
void AppendCells(const TableDefinition& definition,
                 const std::vector<std::optional<std::string_view>>& cells, std::size_t bytes_bound,
                 RowBatch* rows);

// The index (from 1) of the member '' in a COLUMN_TYPE like "enum('a','')"; 0 when there is none.
std::size_t EmptyMemberIndex(std::string_view column_type);

}  // namespace osarchiver
