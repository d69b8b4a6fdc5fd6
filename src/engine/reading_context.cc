#include "engine/reading_context.h"

#include <algorithm>

#include "destination/registry.h"
#include "state/journal.h"

namespace osarchiver {

RowPlaces WhereRowsLie(const Settings& settings, const ArchiverSettings& archiver,
                       std::optional<RunId> run, const Journal* journal) {
  RowPlaces places;
  places.destinations = DestinationSettingsOf(settings, archiver);
  if (journal == nullptr) return places;
  for (const std::string& name : journal->ListDestinations(archiver.name, run)) {
    if (std::find(archiver.destinations.begin(), archiver.destinations.end(), name) !=
        archiver.destinations.end()) {
      continue;
    }
    const auto known = settings.destinations.find(name);
    if (known == settings.destinations.end()) {
      places.gone.push_back(name);
    } else {
      places.destinations.push_back(known->second);
    }
  }
  return places;
}

RunContext ReadingContext(const Settings& settings, const ArchiverSettings& archiver,
                          const std::vector<std::unique_ptr<Destination>>& destinations,
                          const Journal* journal) {
  RunContext context;
  context.site = settings.site;
  context.archiver = archiver.name;
  context.source = archiver.sources.front();
  context.databases_only = DatabasesOnly(destinations);
  if (journal != nullptr) context.journal_id = journal->id();
  return context;
}

}  // namespace osarchiver
