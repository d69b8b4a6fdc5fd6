// Makes the table that takes a source table's archived rows, or fits an existing one to it.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "formats/table_definition.h"
#include "mariadb/catalogue.h"
#include "mariadb/connection.h"

namespace osarchiver {

// Creates `name` when it is missing. An existing table is compared: additive differences are
// applied when `changes` says evolve and the server can do it without rebuilding the table;
// anything else is an Error that shows both definitions and the ALTER that would help. Its database
// exists.
void PrepareArchiveTable(Connection& connection, const TableName& name,
                         const TableDefinition& source, SchemaChanges changes);

// What PrepareArchiveTable would refuse, one line each; changes nothing. Whether the server can
// apply an additive difference without rebuilding the table, only trying it tells.
std::vector<std::string> CheckArchiveTable(Connection& connection, const TableName& name,
                                           const TableDefinition& source, SchemaChanges changes);

// Creates the database when it is missing. Throws DatabaseError with a hint when that is not
// allowed.
void PrepareArchiveDatabase(Connection& connection, const std::string& database);

}  // namespace osarchiver
