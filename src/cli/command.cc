#include "cli/command.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "config/load.h"
#include "util/error.h"
#include "util/log.h"

namespace osarchiver {

Settings LoadAndStartLog(const GlobalOptions& global) {
  Settings settings = LoadSettings(global.config);
  LogOptions options;
  options.file = global.log_file.empty() ? settings.log.file : global.log_file;
  const std::string level = global.log_level.empty() ? settings.log.level : global.log_level;
  options.file_level = ParseLogLevel(level);
  // Without a terminal a successful run stays silent, so that cron sends no mail; an explicit level
  // is what was asked for.
  options.stderr_level =
      !global.log_level.empty() ? ParseLogLevel(global.log_level) : LogLevel::kWarning;
  options.json = settings.log.format == "json";
  StartLog(options);
  for (const std::string& warning : settings.warnings) LogWarning(warning);
  return settings;
}

std::vector<const ArchiverSettings*> SelectArchivers(const Settings& settings,
                                                     const std::vector<std::string>& names) {
  std::vector<const ArchiverSettings*> selected;
  if (names.empty()) {
    for (const ArchiverSettings& archiver : settings.archivers) {
      if (archiver.enabled) selected.push_back(&archiver);
    }
    return selected;
  }
  for (const std::string& name : names) {
    std::vector<std::string> known;
    const ArchiverSettings* found = nullptr;
    for (const ArchiverSettings& archiver : settings.archivers) {
      known.push_back(archiver.name);
      if (archiver.name == name) found = &archiver;
    }
    if (found == nullptr) {
      const auto near = NearestWord(name, known);
      throw ConfigError("no archiver named '" + name + "'",
                        near ? "did you mean '" + *near + "'?" : "");
    }
    selected.push_back(found);
  }
  return selected;
}

TableName ParseTableName(const std::string& text) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '`') {
      const bool doubled = quoted && i + 1 < text.size() && text[i + 1] == '`';
      if (doubled) {
        parts.back().push_back(text[i++]);
      } else {
        quoted = !quoted;
      }
    } else if (text[i] == '.' && !quoted) {
      parts.emplace_back();
    } else {
      parts.back().push_back(text[i]);
    }
  }
  if (quoted || parts.size() != 2 || parts[0].empty() || parts[1].empty()) {
    throw ConfigError("--table: '" + text + "' is no DATABASE.TABLE",
                      "a name with a dot in it goes in backticks");
  }
  return {parts[0], parts[1]};
}

void Print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw IoError(errno, "cannot write to standard output");
  }
}

}  // namespace osarchiver
