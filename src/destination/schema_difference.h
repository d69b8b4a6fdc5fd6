// How an archive table differs from the source table whose rows it is to take. Pure: looks at two
// definitions and asks no server.
#pragma once

#include <string>
#include <vector>

#include "formats/table_definition.h"

namespace osarchiver {

enum class DifferenceKind {
  kHarmless,  // the archive takes and gives back every value all the same
  kAdditive,  // `alter` makes room for the new values and changes no stored one
  kBlocking,  // a person has to decide
};

struct SchemaDifference {
  DifferenceKind kind = DifferenceKind::kBlocking;
  std::string text;   // "column `a`: varchar(20) here, varchar(10) in the archive"
  std::string alter;  // a clause of ALTER TABLE that would help; "" when there is none
};

// Every difference that matters to values or keys; column order, defaults, plain indexes and
// foreign keys do not.
std::vector<SchemaDifference> CompareSchemas(const TableDefinition& source,
                                             const TableDefinition& archive);

// Whether `table` takes every value of `archived` and gives it back in the same bytes: the same
// type, or one of the same kind with more room; character set included, collation not. NULL where
// it may be NULL.
bool HoldsEveryValue(const Column& archived, const Column& table);

// "`a` varchar(10) CHARACTER SET utf8mb4 NULL": a column of an ALTER TABLE that a person may run.
std::string ColumnSql(const Column& column, bool nullable);

}  // namespace osarchiver
