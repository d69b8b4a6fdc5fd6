// What commands that are no run tell the destinations of themselves.
#pragma once

#include <memory>
#include <vector>

#include "config/settings.h"
#include "destination/destination.h"

namespace osarchiver {

// A context without run name and time. `journal`: null where there is none.
RunContext ReadingContext(const Settings& settings, const ArchiverSettings& archiver,
                          const std::vector<std::unique_ptr<Destination>>& destinations,
                          const Journal* journal);

}  // namespace osarchiver
