// What `check` and `run --dry-run` show: everything that can be known without reading rows, and the
// very plan that a run follows.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "engine/exit_status.h"
#include "mariadb/catalogue.h"
#include "util/clock.h"
#include "util/stop.h"

namespace osarchiver {

struct CheckReport {
  std::string text;  // for stdout
  std::vector<std::string> problems;
  ExitCode exit_code = ExitCode::kSuccess;
};

// Connections, privileges, order of tables, what is excluded or refused and why: all problems at
// once. Never reads rows, writes nothing.
CheckReport CheckArchivers(const Settings& settings,
                           const std::vector<const ArchiverSettings*>& archivers, Clock& clock);

struct DryRunRequest {
  std::vector<const ArchiverSettings*> archivers;
  std::vector<TableName> only;
  bool exact = false;  // counts all, in windows; otherwise at most 2 s a table
};
// The plan with the rows that each table would lose. Writes nothing anywhere.
CheckReport DryRun(const Settings& settings, const DryRunRequest& request, Clock& clock,
                   StopControl& stop);

}  // namespace osarchiver
