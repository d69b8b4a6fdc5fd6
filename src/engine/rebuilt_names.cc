#include "engine/rebuilt_names.h"

#include <algorithm>
#include <vector>

#include "config/effective.h"
#include "destination/registry.h"

namespace osarchiver {
namespace {

using FoundTable = std::pair<PassKey, std::set<std::string>>;

bool LeadsTo(const MariadbDestinationSettings& names, const std::string& site,
             const FoundTable& table) {
  const auto& [key, databases] = table;
  return std::any_of(databases.begin(), databases.end(), [&](const std::string& database) {
    return database == ArchiveDatabaseName(names, site, key.source, key.database, true) ||
           database == ArchiveDatabaseName(names, site, key.source, key.database, false);
  });
}

// Every database_name that gives the table one of its databases: with {database} at each place
// where the source database's name stands, and without.
std::vector<std::string> NamesOf(const FoundTable& table) {
  const auto& [key, databases] = table;
  constexpr std::string_view kPlaceholder = "{database}";
  std::vector<std::string> names;
  for (const std::string& database : databases) {
    if (database.find('{') != std::string::npos) continue;
    for (std::size_t at = database.find(key.database); at != std::string::npos;
         at = database.find(key.database, at + 1)) {
      std::string name = database;
      names.push_back(name.replace(at, key.database.size(), kPlaceholder));
    }
    names.push_back(database);
  }
  return names;
}

}  // namespace

std::string RebuiltConfiguration(const Settings& settings, const FoundDatabases& found) {
  Settings rebuilt = settings;
  for (const auto& [destination, tables] : found) {
    MariadbDestinationSettings& names = rebuilt.destinations.at(destination).mariadb;
    std::vector<FoundTable> missed;
    std::copy_if(tables.begin(), tables.end(), std::back_inserter(missed),
                 [&](const FoundTable& table) { return !LeadsTo(names, settings.site, table); });
    if (missed.empty()) continue;
    for (const std::string& name : NamesOf(missed.front())) {
      MariadbDestinationSettings earlier = names;
      earlier.database_suffix.clear();
      earlier.database_name = name;
      const bool all = std::all_of(missed.begin(), missed.end(), [&](const FoundTable& table) {
        return LeadsTo(earlier, settings.site, table);
      });
      if (!all) continue;
      names = std::move(earlier);
      break;
    }
  }
  return EffectiveJson(rebuilt);
}

}  // namespace osarchiver
