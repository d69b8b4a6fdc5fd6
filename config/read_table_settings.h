// The settings that may differ from table to table.
#pragma once

#include "config/section.h"
#include "config/settings.h"

namespace osarchiver {

// `settings` holds what applies where the section says nothing.
void ReadTableSettings(Section& section, TableSettings* settings);

// Reports a retention too short to be meant, and a deletion without archiving that nobody asked
// for.
void CheckTableSettings(Section& section, const TableSettings& settings);

}  // namespace osarchiver
