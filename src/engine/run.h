// One run of one archiver: settle what earlier runs left, then work its tables, children first.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "engine/exit_status.h"
#include "engine/progress.h"
#include "mariadb/catalogue.h"
#include "util/clock.h"
#include "util/stop.h"

namespace osarchiver {

struct RunRequest {
  const Settings* settings = nullptr;
  const ArchiverSettings* archiver = nullptr;
  std::vector<TableName> only;  // --table
  std::uint64_t max_rows = 0;   // --max-rows; 0: no limit
  std::string options_text;     // the command line, for the journal
};

struct RunResult {
  ExitCode exit_code = ExitCode::kSuccess;
  std::string run_name;               // "" when it could not begin
  std::vector<std::string> problems;  // what failed and what to do about it, one line each
  std::uint64_t deleted = 0;
  std::uint64_t kept = 0;
};

// Never throws for what a night may bring: it is in the result, the journal and the log. Throws
// ConfigError for what keeps a run from starting, LockedError, IntegrityError for a journal that
// cannot be opened.
RunResult RunArchiver(const RunRequest& request, Clock& clock, StopControl& stop,
                      Progress& progress);

}  // namespace osarchiver
