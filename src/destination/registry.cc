#include "destination/registry.h"

#include <algorithm>

#include "destination/database_destination.h"
#include "destination/file_destination.h"
#include "formats/format.h"

namespace osarchiver {

std::vector<DestinationSettings> DestinationSettingsOf(const Settings& settings,
                                                       const ArchiverSettings& archiver) {
  std::vector<DestinationSettings> chosen;
  for (const std::string& name : archiver.destinations) {
    chosen.push_back(settings.destinations.at(name));
  }
  return chosen;
}

std::vector<std::unique_ptr<Destination>> DestinationsOf(const Settings& settings,
                                                         const ArchiverSettings& archiver) {
  return MakeDestinations(DestinationSettingsOf(settings, archiver));
}

bool DatabasesOnly(const std::vector<std::unique_ptr<Destination>>& destinations) {
  return std::all_of(destinations.begin(), destinations.end(),
                     [](const auto& destination) { return destination->target().format.empty(); });
}

ServerAddress AddressOf(const ServerSettings& settings) {
  ServerAddress address;
  address.option_file = settings.option_file;
  address.hosts = settings.hosts;
  address.port = settings.port;
  address.socket = settings.socket;
  address.user = settings.user;
  address.password = settings.password;
  address.tls_ca = settings.tls_ca;
  address.tls_cert = settings.tls_cert;
  address.tls_key = settings.tls_key;
  address.tls_verify = settings.tls_verify;
  address.connect_timeout_s = settings.connect_timeout_s;
  address.read_timeout_s = settings.read_timeout_s;
  address.write_timeout_s = settings.write_timeout_s;
  address.session.assign(settings.session.begin(), settings.session.end());
  return address;
}

namespace {

std::shared_ptr<ArchiveRoot> RootOf(const DestinationSettings& destination) {
  return std::make_shared<ArchiveRoot>(
      PosixFileSystem(), std::filesystem::path(destination.file.directory).lexically_normal(),
      destination.name);
}

}  // namespace

std::vector<std::unique_ptr<Destination>> MakeDestinations(
    const std::vector<DestinationSettings>& settings) {
  std::vector<std::unique_ptr<Destination>> databases, files;
  for (const DestinationSettings& destination : settings) {
    if (destination.backend == "mariadb") {
      databases.push_back(
          std::make_unique<DatabaseDestination>(destination.name, destination.mariadb));
    } else if (destination.backend == "file") {
      const auto root = RootOf(destination);
      for (const std::string& format : destination.file.formats)
        files.push_back(std::make_unique<FileDestination>(destination.file, format, root));
    } else {
      throw ConfigError("destination " + destination.name + ": no backend is named '" +
                        destination.backend + "'");
    }
  }
  for (auto& file : files) databases.push_back(std::move(file));
  return databases;
}

std::unique_ptr<Destination> MakeDestination(const Settings& settings, const CopyTarget& target) {
  const auto known = settings.destinations.find(target.destination);
  if (known == settings.destinations.end()) return nullptr;
  const DestinationSettings& destination = known->second;
  if (target.format.empty()) {
    if (destination.backend != "mariadb") return nullptr;
    return std::make_unique<DatabaseDestination>(destination.name, destination.mariadb);
  }
  if (destination.backend != "file" || FindFormat(target.format) == nullptr) return nullptr;
  return std::make_unique<FileDestination>(destination.file, target.format, RootOf(destination));
}

}  // namespace osarchiver
