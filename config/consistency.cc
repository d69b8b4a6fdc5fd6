#include "config/consistency.h"

#include <algorithm>
#include <vector>

#include "config/same_place.h"
#include "util/error.h"

namespace osarchiver {
namespace {

// Whether the test holds for the source's settings or for those of an override.
template <typename Test>
bool AnyTable(const SourceSettings& source, Test test) {
  return test(source.table) ||
         std::any_of(source.overrides.begin(), source.overrides.end(),
                     [&](const TableOverride& override) { return test(override.settings); });
}

bool Archives(const SourceSettings& source) {
  return AnyTable(source, [](const TableSettings& table) { return table.archive; });
}

bool Deletes(const SourceSettings& source) {
  return AnyTable(source, [](const TableSettings& table) { return table.delete_rows; });
}

const SourceSettings* FindSource(const Settings& settings, const std::string& name) {
  const auto found = settings.sources.find(name);
  return found == settings.sources.end() ? nullptr : &found->second;
}

void CheckSources(const ConfigNode& root, const Settings& settings, Problems* problems) {
  for (const auto& [name, source] : settings.sources) {
    if (!Archives(source) && !Deletes(source)) {
      problems->Add(PlaceOf(root, {"sources", name}),
                    "source '" + name + "' neither archives nor deletes");
    }
    const bool used =
        std::any_of(settings.archivers.begin(), settings.archivers.end(),
                    [&, &source_name = name](const ArchiverSettings& archiver) {
                      return std::find(archiver.sources.begin(), archiver.sources.end(),
                                       source_name) != archiver.sources.end();
                    });
    if (!used) {
      problems->Warn(PlaceOf(root, {"sources", name}), "source '" + name + "' is in no archiver");
    }
  }
}

// What nobody writes to is there to be read: archives of earlier names.
bool IsWritten(const Settings& settings, const std::string& destination) {
  return std::any_of(
      settings.archivers.begin(), settings.archivers.end(), [&](const ArchiverSettings& archiver) {
        return archiver.enabled &&
               std::find(archiver.destinations.begin(), archiver.destinations.end(), destination) !=
                   archiver.destinations.end();
      });
}

void CheckDestinations(const ConfigNode& root, const Settings& settings, Problems* problems) {
  for (auto b = settings.destinations.begin(); b != settings.destinations.end(); ++b) {
    for (auto a = settings.destinations.begin(); a != b; ++a) {
      if (!IsWritten(settings, a->first) || !IsWritten(settings, b->first)) continue;
      // Reported at the one that comes later in the file.
      const Place place_a = PlaceOf(root, {"destinations", a->first});
      const Place place_b = PlaceOf(root, {"destinations", b->first});
      const bool b_later = place_a.line <= place_b.line;
      const DestinationSettings& later = b_later ? b->second : a->second;
      const DestinationSettings& earlier = b_later ? a->second : b->second;
      const std::string place = CommonPlace(later, earlier);
      if (place.empty()) continue;
      problems->Add(b_later ? place_b : place_a, "destination '" + later.name +
                                                     "' would write where '" + earlier.name +
                                                     "' writes: " + place);
    }
  }
}

// Two databases whose tables would meet in one archive database.
void CheckArchiveDatabase(const ConfigNode& root, const Settings& settings,
                          const ArchiverSettings& archiver, const DestinationSettings& destination,
                          Problems* problems) {
  const std::string& name = destination.mariadb.database_name;
  if (name.empty() || name.find("{database}") != std::string::npos) return;
  for (const std::string& source_name : archiver.sources) {
    const SourceSettings* source = FindSource(settings, source_name);
    if (source == nullptr || source->databases.empty()) continue;
    if (source->databases.size() == 1 && source->databases[0].IsLiteral()) continue;
    problems->Add(PlaceOf(root, {"destinations", destination.name, "database_name"}),
                  "'database_name' needs {database}, for source '" + source_name +
                      "' can have several databases");
  }
}

void CheckArchiver(const ConfigNode& root, const Settings& settings,
                   const ArchiverSettings& archiver, Problems* problems) {
  bool archives = false, deletes = false;
  for (const std::string& name : archiver.sources) {
    const SourceSettings* source = FindSource(settings, name);
    if (source == nullptr) return;  // reported; what is left would only mislead
    archives = archives || Archives(*source);
    deletes = deletes || Deletes(*source);
  }
  const Place place = PlaceOf(root, {"archivers", archiver.name, "destinations"});
  const std::string who = "archiver '" + archiver.name + "'";
  if (archives && archiver.destinations.empty()) {
    problems->Add(place, who +
                             " archives and has no destinations; to delete without archiving, its "
                             "sources need archive: false and delete: true");
  }
  if (!archives && deletes && !archiver.destinations.empty()) {
    problems->Add(place, who +
                             " only deletes (archive: false) and has destinations; nothing would "
                             "ever be written there");
  }
  for (const std::string& name : archiver.destinations) {
    const auto destination = settings.destinations.find(name);
    if (destination == settings.destinations.end()) continue;
    CheckArchiveDatabase(root, settings, archiver, destination->second, problems);
  }
}

// From what both delete, in words; empty when they never meet.
std::vector<std::string> DeletedByBoth(const Settings& settings, const ArchiverSettings& a,
                                       const ArchiverSettings& b) {
  std::vector<std::string> common;
  for (const std::string& name_b : b.sources) {
    const SourceSettings* source_b = FindSource(settings, name_b);
    if (source_b == nullptr || !Deletes(*source_b)) continue;
    for (const std::string& name_a : a.sources) {
      const SourceSettings* source_a = FindSource(settings, name_a);
      if (source_a == nullptr || !Deletes(*source_a)) continue;
      if (name_a == name_b) {
        common.push_back("source '" + name_a + "'");
      } else if (SelectSameTable(*source_a, *source_b)) {
        common.push_back("the same tables, by sources '" + name_a + "' and '" + name_b + "'");
      }
    }
  }
  return common;
}

void CheckDeleters(const ConfigNode& root, const Settings& settings, const ArchiverSettings& a,
                   const ArchiverSettings& b, Problems* problems) {
  for (const std::string& common : DeletedByBoth(settings, a, b)) {
    problems->Add(PlaceOf(root, {"archivers", b.name, "sources"}),
                  "archivers '" + a.name + "' and '" + b.name + "' both delete from " + common);
  }
}

}  // namespace

void CheckConsistency(const ConfigNode& root, const Settings& settings, Problems* problems) {
  CheckSources(root, settings, problems);
  CheckDestinations(root, settings, problems);
  for (std::size_t b = 0; b < settings.archivers.size(); ++b) {
    CheckArchiver(root, settings, settings.archivers[b], problems);
    for (std::size_t a = 0; a < b; ++a) {
      const bool both_enabled = settings.archivers[a].enabled && settings.archivers[b].enabled;
      if (both_enabled)
        CheckDeleters(root, settings, settings.archivers[a], settings.archivers[b], problems);
    }
  }
}

void RequireAlone(const Settings& settings, const ArchiverSettings& archiver) {
  if (archiver.enabled) return;
  const auto refuse = [&](const std::string& why) {
    throw ConfigError("archiver '" + archiver.name + "' is not enabled and cannot run: " + why,
                      "only one of the two may be enabled at a time");
  };
  for (const ArchiverSettings& other : settings.archivers) {
    if (other.name != archiver.name) {
      const auto common = DeletedByBoth(settings, archiver, other);
      if (!common.empty()) refuse("it and '" + other.name + "' both delete from " + common.front());
    }
    for (const std::string& mine : archiver.destinations) {
      for (const std::string& theirs : other.destinations) {
        if (mine == theirs) continue;
        const std::string place =
            CommonPlace(settings.destinations.at(mine), settings.destinations.at(theirs));
        if (!place.empty())
          refuse("its destination '" + mine + "' would write where '" + theirs +
                 "' writes: " + place);
      }
    }
  }
}

}  // namespace osarchiver
