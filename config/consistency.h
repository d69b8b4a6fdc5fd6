// What single settings cannot show: whether sources, destinations and archivers fit together.
#pragma once

#include "config/config_node.h"
#include "config/problems.h"
#include "config/settings.h"

namespace osarchiver {

// Paths in `settings` are absolute. `root` says where things stand in the file.
// Archivers that are not enabled, and destinations that no enabled one names, are not held against
// the others: they stand there so that what they archived can be proven and restored.
void CheckConsistency(const ConfigNode& root, const Settings& settings, Problems* problems);

// Before an archiver works: one that is not enabled runs when it is named. Throws ConfigError when
// it would delete from what another archiver, enabled or not, deletes from, or write where another
// one writes.
void RequireAlone(const Settings& settings, const ArchiverSettings& archiver);

}  // namespace osarchiver
