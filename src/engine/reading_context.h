// What commands that are no run tell the destinations of themselves.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/settings.h"
#include "destination/destination.h"

namespace osarchiver {

// Where copies of an archiver's rows lie: at its own destinations and, while the configuration has
// them, at those, and in those formats, to which it wrote when it had others.
struct RowPlaces {
  std::vector<std::unique_ptr<Destination>> destinations;
  std::set<std::string> gone;  // names that lead nowhere any more
};
// `run`: of its rows alone. `journal`: null where there is none.
RowPlaces WhereRowsLie(const Settings& settings, const ArchiverSettings& archiver,
                       std::optional<RunId> run, const Journal* journal);

// A context without run name and time. `journal`: null where there is none.
RunContext ReadingContext(const Settings& settings, const ArchiverSettings& archiver,
                          const std::vector<std::unique_ptr<Destination>>& destinations,
                          const Journal* journal);

}  // namespace osarchiver
