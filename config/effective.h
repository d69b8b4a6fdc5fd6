// The effective configuration as a run keeps it in the journal.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/settings.h"

namespace osarchiver {

// JSON in the words of the configuration file, every setting with the value that holds, in an order
// that depends on the settings alone. Passwords are left out.
std::string EffectiveJson(const Settings& settings);

// How the database destination `destination` named its databases under a configuration that a run
// kept: database_suffix and database_name, everything else as it is by default. Nothing where that
// configuration had no such destination, or cannot be read.
std::optional<MariadbDestinationSettings> NamesIn(std::string_view effective_json,
                                                  const std::string& destination);

}  // namespace osarchiver
