#include "destination/database_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "destination/control_table.h"
#include "destination/registry.h"
#include "util/error.h"

namespace osarchiver {
namespace {

constexpr std::size_t kMaxIdentifier = 64;  // characters

std::size_t CharacterCount(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

void RequireFits(const char* what, const std::string& name) {
  const std::size_t length = CharacterCount(name);
  if (length <= kMaxIdentifier && length > 0) return;
  throw ConfigError(fmt::format("archive {} '{}' has {} characters; a name has 1 to {}", what, name,
                                length, kMaxIdentifier),
                    "choose a shorter database_name, database_suffix or table_suffix");
}

std::string FillIn(const std::string& name_template, const std::string& site,
                   const std::string& source, const std::string& database) {
  std::string name;
  for (std::size_t at = 0; at < name_template.size();) {
    const std::size_t open = name_template.find('{', at);
    name += name_template.substr(at, open - at);
    if (open == std::string::npos) break;
    const std::size_t close = name_template.find('}', open);
    const std::string placeholder =
        close == std::string::npos ? "" : name_template.substr(open + 1, close - open - 1);
    if (placeholder == "site") {
      name += site;
    } else if (placeholder == "source") {
      name += source;
    } else if (placeholder == "database") {
      name += database;
    } else {
      throw ConfigError("database_name '" + name_template + "': unknown placeholder",
                        "use {site}, {source} and {database}");
    }
    at = close + 1;
  }
  return name;
}

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

std::string ArchiveDatabaseName(const MariadbDestinationSettings& settings, const std::string& site,
                                const std::string& source, const std::string& database,
                                bool same_server) {
  std::string name = database;
  if (!settings.database_name.empty()) {
    name = FillIn(settings.database_name, site, source, database);
  } else if (!settings.database_suffix.empty()) {
    name += settings.database_suffix;
  } else if (same_server) {
    name += "_archive";
  }
  RequireFits("database", name);
  return name;
}

std::string ArchiveTableName(const MariadbDestinationSettings& settings, const std::string& table) {
  std::string name = table + settings.table_suffix;
  RequireFits("table", name);
  if (Lower(name) == kControlTableName) {
    throw ConfigError(fmt::format("table {} cannot be archived to a database: its name is taken by "
                                  "osarchiver's own table there",
                                  table),
                      "set a table_suffix, or exclude the table");
  }
  return name;
}

void RefuseOwnTable(const TableName& source, const TableName& archive, int lower_case_table_names,
                    const char* relation) {
  const bool folds = lower_case_table_names != 0;
  const bool same = folds ? Lower(source.database) == Lower(archive.database) &&
                                Lower(source.table) == Lower(archive.table)
                          : source == archive;
  if (!same) return;
  throw ConfigError(fmt::format("the archive table of {} would be the table itself: source and "
                                "destination {}",
                                ToText(source), relation),
                    "set a database_suffix, database_name or table_suffix");
}

}  // namespace osarchiver
