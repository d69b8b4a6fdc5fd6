// The one place where values become SQL. Identifiers: QuoteIdentifier in formats/table_definition.h.
#pragma once

#include <string>
#include <string_view>

#include "formats/row_batch.h"
#include "formats/table_definition.h"

namespace osarchiver {

// Appends `value` of `column` as a literal for INSERT ... VALUES on a strict utf8mb4 session: numbers bare, text quoted and
// escaped, bytes as _binary'...' or with the character set's introducer.
void AppendInsertLiteral(const Column& column, const Value& value, std::string* sql);
// Appends `value` as a literal that compares with the column under the column's own collation and type, so that the column's
// index is used and '7' never equals '07' (numbers bare, text quoted; other character sets with their introducer).
void AppendKeyLiteral(const Column& column, const Value& value, std::string* sql);
// 'text', escaped for sessions without NO_BACKSLASH_ESCAPES, which ours is.
std::string QuoteText(std::string_view text);

// The expression that reads `column` (alias or "" before it) as the canonical bytes want it: FLOAT and DOUBLE as DOUBLE, an ENUM with
// a '' member with a mark in front (see DecodeCell), everything else as it is.
std::string ReadExpression(const Column& column, std::string_view quoted_alias = {});
// Comma-separated ReadExpressions of all columns: the select list, and RETURNING's.
std::string ReadExpressions(const TableDefinition& definition, std::string_view quoted_alias = {});
// Appends one cell, as read by ReadExpression, to the batch.
void AppendCell(const Column& column, const std::optional<std::string_view>& cell, RowBatch* rows);

}  // namespace osarchiver
