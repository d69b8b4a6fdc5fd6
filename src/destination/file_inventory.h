// What a lost journal is made of again, the files' side.
#pragma once

#include <string>

#include "destination/destination.h"
#include "destination/file_target.h"

namespace osarchiver {

// Every segment of the target's format below the root that `archiver` of `site` wrote. Files put
// aside as *.damaged are left out; files that are no segments too.
Inventory TakeFileInventory(const FileTarget& target, const std::string& site,
                            const std::string& archiver);

}  // namespace osarchiver
