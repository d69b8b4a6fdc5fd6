// Passwords that others could read.
#pragma once

#include <filesystem>
#include <string>

#include "config/config_node.h"
#include "config/problems.h"

namespace osarchiver {

// Reports every password that stands literally in the configuration when group or others have any
// access to it (`mode` is the file's), and every option file named in it that holds a password and
// is open to them. Relative names are relative to `directory`. An option file that is missing or
// cannot be read is found at the first connection.
void CheckSecrets(const ConfigNode& root, const std::string& file, unsigned mode,
                  const std::filesystem::path& directory, Problems* problems);

}  // namespace osarchiver
