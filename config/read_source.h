// One source of the configuration.
#pragma once

#include "config/section.h"
#include "config/settings.h"

namespace osarchiver {

enum class Completeness {
  kWhole,     // must make sense by itself
  kDefaults,  // the values of `defaults`: each is checked, what goes together is not
};

// Reads every key that a source may have; what else is there is for the caller to refuse.
void ReadSource(Section& section, Completeness completeness, SourceSettings* source);

}  // namespace osarchiver
