// What archive databases and tables are called.
#pragma once

#include <string>

#include "config/settings.h"
#include "mariadb/catalogue.h"

namespace osarchiver {

// "name" with the table suffix. Throws ConfigError when it is longer than an identifier may be, or
// is the control table's name.
std::string ArchiveTableName(const MariadbDestinationSettings& settings, const std::string& table);

// Throws ConfigError when `archive`, on the source's own server or on one that replicates from it,
// has the source table's own name. `relation` says how source and destination belong together.
// `lower_case_table_names` is the server's.
void RefuseOwnTable(const TableName& source, const TableName& archive, int lower_case_table_names,
                    const char* relation);

}  // namespace osarchiver
