// From a configured destination to its copy targets.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/settings.h"
#include "destination/destination.h"
#include "mariadb/server_settings.h"

namespace osarchiver {

// A database yields one copy target, a file destination one per format. Databases come first: a
// conflict there must be known before anything is written to a file.
std::vector<std::unique_ptr<Destination>> MakeDestinations(
    const std::vector<DestinationSettings>& settings);

// The one copy target, in whichever format; nullptr where `settings` have no destination of this
// name and kind. For reading: an archiver need not name it, nor the destination list the format.
std::unique_ptr<Destination> MakeDestination(const Settings& settings, const CopyTarget& target);

// The destinations that the archiver names, as settings and made.
std::vector<DestinationSettings> DestinationSettingsOf(const Settings& settings,
                                                       const ArchiverSettings& archiver);
std::vector<std::unique_ptr<Destination>> DestinationsOf(const Settings& settings,
                                                         const ArchiverSettings& archiver);

// Whether none of them writes files: RunContext::databases_only.
bool DatabasesOnly(const std::vector<std::unique_ptr<Destination>>& destinations);

// The address of a configured server.
ServerAddress AddressOf(const ServerSettings& settings);

// Names of the databases on `settings`' server that would hold archives of `source_databases`; for
// keeping '*' from them.
std::string ArchiveDatabaseName(const MariadbDestinationSettings& settings, const std::string& site,
                                const std::string& source, const std::string& database,
                                bool same_server);

}  // namespace osarchiver
