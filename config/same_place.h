// Whether two settings mean the same server, the same tables or the same place for archives, as far
// as names can tell. The servers themselves are asked later; a name cannot prove that two places
// differ.
#pragma once

#include <string>

#include "config/settings.h"

namespace osarchiver {

// Equal for settings that surely reach the same server.
std::string ServerIdentity(const ServerSettings& server);

// True when both surely select a table in common: the same pattern, or a name that both select, and
// neither excludes it.
bool SelectSameTable(const SourceSettings& a, const SourceSettings& b);

// Where a destination writes, in words, when it is where the other one writes; otherwise "".
std::string CommonPlace(const DestinationSettings& a, const DestinationSettings& b);

}  // namespace osarchiver
