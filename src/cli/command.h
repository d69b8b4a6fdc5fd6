// What every command shares: the global options, the configuration, the names on the command line.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "engine/exit_status.h"
#include "mariadb/catalogue.h"

namespace osarchiver {

struct GlobalOptions {
  std::string config = "/etc/osarchiver/osarchiver.yaml";
  std::string log_file;
  std::string log_level;
};

// A command: its words behind its own name, in order.
using Arguments = std::vector<std::string>;

ExitCode RunCommand(const GlobalOptions& global, const Arguments& arguments);
ExitCode StatusCommand(const GlobalOptions& global, const Arguments& arguments);
ExitCode VerifyCommand(const GlobalOptions& global, const Arguments& arguments);
ExitCode RestoreCommand(const GlobalOptions& global, const Arguments& arguments);
ExitCode RebuildJournalCommand(const GlobalOptions& global, const Arguments& arguments);
ExitCode CatCommand(const GlobalOptions& global, const Arguments& arguments);
ExitCode CheckCommand(const GlobalOptions& global, const Arguments& arguments);

// Loads the configuration and starts the log as both say. Warnings of the configuration go to the
// log.
Settings LoadAndStartLog(const GlobalOptions& global);
// The archivers named, or all that are enabled. Throws ConfigError with the nearest name.
std::vector<const ArchiverSettings*> SelectArchivers(const Settings& settings,
                                                     const std::vector<std::string>& names);
// "database.table"; a backtick-quoted part may hold dots. Throws ConfigError.
TableName ParseTableName(const std::string& text);
// Writes to stdout; throws IoError when that fails (a full disk behind a pipe must not look like
// success).
void Print(const std::string& text);

}  // namespace osarchiver
