// YAML text to the tree that the readers walk.
#pragma once

#include <string>

#include "config/config_node.h"
#include "config/problems.h"

namespace osarchiver {

// Broken syntax, several documents, duplicate keys, keys that are no plain words, tags, aliases
// that never end and unset environment variables are reported; what could be read is returned all
// the same. An empty document is a kNull.
ConfigNode ParseYaml(const std::string& text, Problems* problems);

}  // namespace osarchiver
