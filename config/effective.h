// The effective configuration as a run keeps it in the journal.
#pragma once

#include <string>

#include "config/settings.h"

namespace osarchiver {

// JSON in the words of the configuration file, every setting with the value that holds, in an order
// that depends on the settings alone. Passwords are left out.
std::string EffectiveJson(const Settings& settings);

}  // namespace osarchiver
