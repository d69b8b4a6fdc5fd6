// What single settings cannot show: whether sources, destinations and archivers fit together.
#pragma once

#include "config/config_node.h"
#include "config/problems.h"
#include "config/settings.h"

namespace osarchiver {

// Paths in `settings` are absolute. `root` says where things stand in the file.
void CheckConsistency(const ConfigNode& root, const Settings& settings, Problems* problems);

}  // namespace osarchiver
