// One destination of the configuration.
#pragma once

#include "config/section.h"
#include "config/settings.h"

namespace osarchiver {

void ReadFileDestination(Section& section, FileDestinationSettings* file);
void ReadMariadbDestination(Section& section, MariadbDestinationSettings* mariadb);

// Reads backend and settings, and refuses keys that are none of this backend.
void ReadDestination(Section& section, DestinationSettings* destination);

}  // namespace osarchiver
