#include "config/load.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "config/consistency.h"
#include "config/effective.h"
#include "config/read_destination.h"
#include "config/read_source.h"
#include "config/secrets.h"
#include "config/section.h"
#include "config/yaml_tree.h"
#include "util/error.h"
#include "util/file_system.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kFileBytesMax = 4u << 20;
constexpr std::int64_t kYear = 366 * 86400;
constexpr std::size_t kNameMax = 64;

// Names become parts of file names, journal rows and command lines.
std::string NameProblem(const std::string& name) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  const bool good = !name.empty() && name.size() <= kNameMax &&
                    name.find_first_not_of(kAllowed) == std::string::npos && name[0] != '.' &&
                    name[0] != '-';
  if (good) return {};
  return "a name has 1 to 64 letters, digits and '_', '.', '-', and starts with none of the last "
         "two";
}

bool CheckName(const ConfigEntry& entry, const std::string& what, Problems* problems) {
  const std::string problem = NameProblem(entry.key);
  if (problem.empty()) return true;
  problems->Add(entry.place, what + ": " + problem);
  return false;
}

std::string HostName() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

void ReadSite(Section& root, std::string* site) {
  *site = HostName();
  root.Text("site", site);
  const std::string problem = NameProblem(*site);
  if (problem.empty()) return;
  const bool configured = root.OriginOf("site") != Section::Origin::kNowhere;
  root.problems().Add(
      root.PlaceOfKey("site"),
      (configured ? "'site': " : "'site' is missing, and the host name is none: ") + problem);
}

void ReadLog(Section& root, LogSettings* log) {
  Section section = root.Child("log");
  section.Path("file", &log->file);
  const std::vector<std::string> levels = {"debug", "info", "warning", "error", "warn"};
  if (const auto level = section.Choice("level", levels)) log->level = levels[*level];
  const std::vector<std::string> formats = {"text", "json"};
  if (const auto format = section.Choice("format", formats)) log->format = formats[*format];
  section.RefuseUnknownKeys();
}

// Every value is checked once as what it would be for a source and for a destination, used or not.
void CheckDefaults(Section& root) {
  Section section = root.Child("defaults");
  (void)section.Choice("backend", {"mariadb", "file"});
  SourceSettings source;
  FileDestinationSettings file;
  MariadbDestinationSettings mariadb;
  ReadSource(section, Completeness::kDefaults, &source);
  ReadFileDestination(section, &file);
  ReadMariadbDestination(section, &mariadb);
  section.RefuseUnknownKeys();
}

void ReadSources(Section& root, const ConfigNode* defaults, Settings* settings) {
  root.Require("sources");
  const Section list = root.Child("sources");
  for (const ConfigEntry& entry : list.own()->entries) {
    if (!CheckName(entry, "source '" + entry.key + "'", &root.problems())) continue;
    Section section("source '" + entry.key + "'", entry.value, entry.place, defaults,
                    &root.problems());
    SourceSettings source;
    source.name = entry.key;
    ReadSource(section, Completeness::kWhole, &source);
    section.RefuseUnknownKeys();
    settings->sources.emplace(entry.key, std::move(source));
  }
  if (root.OriginOf("sources") == Section::Origin::kHere && list.own()->entries.empty()) {
    root.problems().Add(root.PlaceOfKey("sources"), "there is no source");
  }
}

void ReadDestinations(Section& root, const ConfigNode* defaults, Settings* settings) {
  const Section list = root.Child("destinations");
  for (const ConfigEntry& entry : list.own()->entries) {
    if (!CheckName(entry, "destination '" + entry.key + "'", &root.problems())) continue;
    Section section("destination '" + entry.key + "'", entry.value, entry.place, defaults,
                    &root.problems());
    DestinationSettings destination;
    destination.name = entry.key;
    ReadDestination(section, &destination);
    settings->destinations.emplace(entry.key, std::move(destination));
  }
}

// The names under `key`, each of which must be a key of `known`.
template <typename Map>
std::vector<std::string> ReadReferences(Section& section, const std::string& key,
                                        const std::string& what, Section::Empty empty,
                                        const Map& known) {
  std::vector<std::string> names, candidates;
  for (const auto& item : known) candidates.push_back(item.first);
  for (const PlacedWord& word : section.Words(key, empty).value_or(std::vector<PlacedWord>{})) {
    if (known.find(word.word) == known.end()) {
      section.problems().Add(word.place, "there is no " + what + " '" + word.word + "'" +
                                             Suggestion(word.word, candidates));
    } else if (std::find(names.begin(), names.end(), word.word) != names.end()) {
      section.problems().Add(word.place, what + " '" + word.word + "' is named twice");
      continue;
    }
    names.push_back(word.word);
  }
  return names;
}

void ReadArchivers(Section& root, Settings* settings) {
  root.Require("archivers");
  const Section list = root.Child("archivers");
  for (const ConfigEntry& entry : list.own()->entries) {
    if (!CheckName(entry, "archiver '" + entry.key + "'", &root.problems())) continue;
    Section section("archiver '" + entry.key + "'", entry.value, entry.place, nullptr,
                    &root.problems());
    ArchiverSettings archiver;
    archiver.name = entry.key;
    section.Require("sources");
    archiver.sources =
        ReadReferences(section, "sources", "source", Section::Empty::kRefused, settings->sources);
    archiver.destinations = ReadReferences(section, "destinations", "destination",
                                           Section::Empty::kAllowed, settings->destinations);
    section.Flag("enabled", &archiver.enabled);
    section.Seconds("max_runtime", 0, kYear, &archiver.max_runtime_s);
    section.RefuseUnknownKeys();
    settings->archivers.push_back(std::move(archiver));
  }
  if (root.OriginOf("archivers") == Section::Origin::kHere && list.own()->entries.empty()) {
    root.problems().Add(root.PlaceOfKey("archivers"), "there is no archiver");
  }
}

// A run from cron and one from a shell must mean the same journal: relative paths start where the
// file lies.
void MakeAbsolute(const fs::path& directory, std::string* path) {
  // Not normalised: behind a symbolic link, ".." leads somewhere else than its text says.
  if (!path->empty()) *path = (directory / *path).string();
}

void MakeAbsolute(const fs::path& directory, ServerSettings* server) {
  for (std::string* path : {&server->option_file, &server->socket, &server->tls_ca,
                            &server->tls_cert, &server->tls_key}) {
    MakeAbsolute(directory, path);
  }
}

void MakeAbsolute(const fs::path& directory, Settings* settings) {
  MakeAbsolute(directory, &settings->state);
  MakeAbsolute(directory, &settings->log.file);
  for (auto& [name, source] : settings->sources) {
    MakeAbsolute(directory, &source.server);
    MakeAbsolute(directory, &source.throttle.pause_file);
    for (ServerSettings& replica : source.throttle.replicas) MakeAbsolute(directory, &replica);
  }
  for (auto& [name, destination] : settings->destinations) {
    MakeAbsolute(directory, &destination.file.directory);
    MakeAbsolute(directory, &destination.mariadb.server);
  }
}

struct FileContent {
  std::string text;
  unsigned mode = 0;
};

FileContent ReadFile(const std::string& path) {
  FileContent content;
  struct stat status;
  if (stat(path.c_str(), &status) != 0) {
    throw ConfigError("configuration " + path + ": " + std::strerror(errno),
                      "name another one with --config");
  }
  if (!S_ISREG(status.st_mode)) throw ConfigError("configuration " + path + " is no file");
  content.mode = status.st_mode & 07777;
  try {
    content.text = ReadWholeFile(PosixFileSystem(), path, kFileBytesMax);
  } catch (const IoError& error) {
    throw ConfigError("configuration " + path + " cannot be read: " + error.what());
  }
  return content;
}

void ReadTree(const ConfigNode& tree, const fs::path& directory, Problems* problems,
              Settings* settings) {
  Section root("the configuration", tree, Place{}, nullptr, problems);
  // Reported; that everything is missing says nothing more.
  if (tree.kind != ConfigNode::Kind::kMap && tree.kind != ConfigNode::Kind::kNull) return;
  ReadSite(root, &settings->site);
  root.Require("state", "the path of the journal");
  root.Path("state", &settings->state);
  ReadLog(root, &settings->log);
  CheckDefaults(root);
  const ConfigNode* defaults = root.Find("defaults");
  ReadSources(root, defaults, settings);
  ReadDestinations(root, defaults, settings);
  ReadArchivers(root, settings);
  root.RefuseUnknownKeys();
  MakeAbsolute(directory, settings);
  CheckConsistency(tree, *settings, problems);
}

}  // namespace

Settings LoadSettings(const std::string& path) {
  const FileContent file = ReadFile(path);
  Problems problems;
  Settings settings;
  const fs::path directory = fs::absolute(path).parent_path();
  const ConfigNode tree = ParseYaml(file.text, &problems);
  // A syntax error leaves no tree, and everything would be missing.
  if (tree.kind != ConfigNode::Kind::kBroken) {
    CheckSecrets(tree, path, file.mode, directory, &problems);
    ReadTree(tree, directory, &problems, &settings);
  }
  if (!problems.empty()) throw ConfigError(problems.Text(path));
  settings.warnings = problems.Warnings(path);
  settings.effective_json = EffectiveJson(settings);
  return settings;
}

}  // namespace osarchiver
