#include "config/read_destination.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <utility>

#include "config/placeholders.h"
#include "config/read_server.h"

namespace osarchiver {
namespace {

constexpr std::uint64_t kInt64Max = std::numeric_limits<std::int64_t>::max();
// Higher levels ask every reader for more memory than zstd grants by itself.
constexpr std::uint64_t kCompressionLevelMax = 19;
// Half the time of level 3, and rows of Nova's instances come out smaller [measured].
constexpr std::uint32_t kCompressionLevelDefault = 2;

// Empty when the layout stays below its root and out of hidden directories.
std::string LayoutProblem(const std::string& layout) {
  const std::string problem =
      PlaceholderProblem(layout, {"archiver", "date", "site", "source"}, Braces::kOnlyPlaceholders);
  if (!problem.empty()) return problem;
  const std::filesystem::path path(layout);
  if (path.is_absolute()) return "it must be relative to 'directory'";
  for (const std::filesystem::path& part : path) {
    if (part.native().starts_with('.')) return "'" + part.native() + "' cannot be a part of it";
  }
  return {};
}

void ReadFormats(Section& section, std::vector<std::string>* formats) {
  const std::vector<std::string> known = {"sql", "csv"};
  const auto words = section.Words("formats");
  if (!words) return;
  formats->clear();
  for (const PlacedWord& word : *words) {
    if (std::find(known.begin(), known.end(), word.word) == known.end()) {
      section.problems().Add(word.place,
                             "unknown format '" + word.word + "'" + Suggestion(word.word, known));
    } else if (std::find(formats->begin(), formats->end(), word.word) != formats->end()) {
      section.problems().Add(word.place, "format '" + word.word + "' is named twice");
    } else {
      formats->push_back(word.word);
    }
  }
}

// Either of the two names the database; where one is set nearer, the other one's default does not
// count.
void ReadDatabaseNaming(Section& section, MariadbDestinationSettings* mariadb) {
  using Origin = Section::Origin;
  section.Text("database_suffix", &mariadb->database_suffix, Section::Empty::kAllowed);
  section.Text("database_name", &mariadb->database_name, Section::Empty::kAllowed);
  const std::string problem = PlaceholderProblem(
      mariadb->database_name, {"site", "source", "database"}, Braces::kOnlyPlaceholders);
  if (!problem.empty()) {
    section.problems().Add(section.PlaceOfKey("database_name"), "'database_name': " + problem);
  }
  if (mariadb->database_suffix.empty() || mariadb->database_name.empty()) return;
  const Origin suffix = section.OriginOf("database_suffix");
  const Origin name = section.OriginOf("database_name");
  if (suffix == name) {
    section.problems().Add(section.PlaceOfKey("database_name"),
                           "'database_name' and 'database_suffix' cannot both be set");
  } else if (suffix == Origin::kHere) {
    mariadb->database_name.clear();
  } else {
    mariadb->database_suffix.clear();
  }
}

}  // namespace

void ReadFileDestination(Section& section, FileDestinationSettings* file) {
  section.Path("directory", &file->directory);
  section.Text("layout", &file->layout, Section::Empty::kAllowed);
  const std::string problem = LayoutProblem(file->layout);
  if (!problem.empty()) {
    section.problems().Add(section.PlaceOfKey("layout"), "'layout': " + problem);
  }
  ReadFormats(section, &file->formats);
  std::uint32_t level = kCompressionLevelDefault;
  section.Count("compression_level", 1, kCompressionLevelMax, &level);
  file->compression_level = static_cast<int>(level);
  section.Bytes("segment_bytes", 1, kInt64Max, &file->segment_bytes);
  section.Bytes("min_free", 0, kInt64Max, &file->min_free_bytes);
}

void ReadMariadbDestination(Section& section, MariadbDestinationSettings* mariadb) {
  ReadServer(section, &mariadb->server);
  ReadDatabaseNaming(section, mariadb);
  section.Text("table_suffix", &mariadb->table_suffix, Section::Empty::kAllowed);
  const auto changes = section.Choice("schema_changes", {"stop", "evolve"});
  if (changes) {
    mariadb->schema_changes = *changes == 0 ? SchemaChanges::kStop : SchemaChanges::kEvolve;
  }
  section.Flag("accept_non_durable", &mariadb->accept_non_durable);
}

void ReadDestination(Section& section, DestinationSettings* destination) {
  const std::vector<std::string> backends = {"file", "mariadb"};
  section.Require("backend", "file or mariadb");
  const auto backend = section.Choice("backend", backends);
  // The keys of the other backend deserve a better answer than "unknown"; its values are nobody's
  // business here.
  Problems ignored;
  FileDestinationSettings no_file;
  MariadbDestinationSettings no_mariadb;
  Section other("", *section.own(), section.place(), nullptr, &ignored);
  if (!backend) {
    ReadFileDestination(section, &no_file);
    ReadMariadbDestination(section, &no_mariadb);
    section.RefuseUnknownKeys();
    return;
  }
  destination->backend = backends[*backend];
  if (destination->backend == "file") {
    section.Require("directory");
    ReadFileDestination(section, &destination->file);
    ReadMariadbDestination(other, &no_mariadb);
    section.RefuseUnknownKeys(other.known_keys(), "is no setting of backend file");
  } else {
    ReadMariadbDestination(section, &destination->mariadb);
    ReadFileDestination(other, &no_file);
    section.RefuseUnknownKeys(other.known_keys(), "is no setting of backend mariadb");
  }
}

}  // namespace osarchiver
