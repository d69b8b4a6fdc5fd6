// What commands that are no run tell the destinations of themselves.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "destination/destination.h"

namespace osarchiver {

// Where copies of an archiver's rows lie: its own destinations and, while the configuration has
// them, those to which it wrote when it had others.
struct RowPlaces {
  std::vector<DestinationSettings> destinations;
  std::vector<std::string> gone;  // names that the configuration has no more
};
// `run`: of its rows alone. `journal`: null where there is none.
RowPlaces WhereRowsLie(const Settings& settings, const ArchiverSettings& archiver,
                       std::optional<RunId> run, const Journal* journal);

// A context without run name and time. `journal`: null where there is none.
RunContext ReadingContext(const Settings& settings, const ArchiverSettings& archiver,
                          const std::vector<std::unique_ptr<Destination>>& destinations,
                          const Journal* journal);

}  // namespace osarchiver
