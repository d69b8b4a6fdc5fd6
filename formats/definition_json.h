// TableDefinition as a JSON value inside another. Internal to formats/, for .cc files only.
#pragma once

#include "formats/json_fields.h"
#include "formats/table_definition.h"

namespace osarchiver {

Json DefinitionToJsonValue(const TableDefinition& definition);
// Throws IntegrityError on anything else.
TableDefinition DefinitionFromJsonValue(const Json& json);

}  // namespace osarchiver
