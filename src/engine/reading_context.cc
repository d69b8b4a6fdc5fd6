#include "engine/reading_context.h"

#include <algorithm>

#include "destination/registry.h"
#include "state/journal.h"

namespace osarchiver {

RowPlaces WhereRowsLie(const Settings& settings, const ArchiverSettings& archiver,
                       std::optional<RunId> run, const Journal* journal) {
  RowPlaces places;
  places.destinations = DestinationsOf(settings, archiver);
  if (journal == nullptr) return places;
  for (const CopyTarget& target : journal->ListTargets(archiver.name, run)) {
    const bool named =
        std::any_of(places.destinations.begin(), places.destinations.end(),
                    [&target](const auto& known) { return known->target() == target; });
    if (named) continue;
    if (auto destination = MakeDestination(settings, target)) {
      places.destinations.push_back(std::move(destination));
    } else {
      places.gone.insert(target.destination);
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
