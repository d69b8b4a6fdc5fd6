#include "engine/reading_context.h"

#include "destination/registry.h"
#include "state/journal.h"

namespace osarchiver {

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
