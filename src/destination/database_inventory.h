// What a lost journal is made of again, the databases' side.
#pragma once

#include <string>

#include "destination/destination.h"
#include "mariadb/connection.h"

namespace osarchiver {

// Every entry of every control table on the server that `archiver` of `site` wrote.
Inventory TakeDatabaseInventory(Connection& connection, const std::string& site,
                                const std::string& archiver);

}  // namespace osarchiver
