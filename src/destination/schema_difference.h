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

}  // namespace osarchiver
