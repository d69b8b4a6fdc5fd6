// Foreign keys of one table. Those of whole databases: LoadForeignKeys in catalogue.h.
#pragma once

#include <vector>

#include "mariadb/catalogue.h"

namespace osarchiver {

// The foreign keys that `name` declares, by name.
std::vector<ForeignKey> LoadForeignKeysOf(Connection& connection, const TableName& name);

}  // namespace osarchiver
