// `restore`: puts back what a run removed (P9). Every batch is proven before its first row is
// written and compared after its last. A batch of which no whole copy is left is named and left
// out, the others go in. A restore that is interrupted is simply run again: rows that are there
// with the same bytes are fine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "engine/exit_status.h"
#include "engine/progress.h"
#include "engine/restore_plan.h"
#include "mariadb/server_settings.h"
#include "util/stop.h"

namespace osarchiver {

struct RestoreRequest {
  RestoreSelection selection;
  std::vector<std::filesystem::path> files;  // instead of a selection
  std::vector<std::string> where_keys;       // WholeKeyText of single rows; empty: all
  std::string to_database;                   // "": where the rows came from
  bool dry_run = false;
  bool hold = false;  // later runs leave the restored rows alone
};

struct RestoreTableCount {
  TableName target;
  std::uint64_t archived = 0, inserted = 0, identical = 0, changed = 0, conflicts = 0,
                without_parent = 0;
};

struct RestoreReport {
  std::vector<RestoreTableCount> tables;  // in the order of the work
  std::vector<std::string> problems;
  ExitCode exit_code = ExitCode::kSuccess;

  void AddDamage(const std::string& problem);
  void AddFailure(const std::string& problem);
  // Keys of RestoreRequest::where_keys that no archived row has.
  void AddKeysNotFound(const std::vector<std::string>& keys);
};

// Restores from the archives of the configuration. `confirm` is shown the rows per table, target
// server and site before anything is written; false ends the restore. Throws ConfigError,
// LockedError (a run of that archiver holds the lock), IntegrityError.
RestoreReport RestoreRuns(const Settings& settings, const RestoreRequest& request, Clock& clock,
                          StopControl& stop, Progress& progress,
                          const std::function<bool(const std::string&)>& confirm);
// Restores segment files alone, without journal or configuration but for the target.
RestoreReport RestoreFiles(const RestoreRequest& request, const ServerAddress& target, Clock& clock,
                           StopControl& stop, Progress& progress,
                           const std::function<bool(const std::string&)>& confirm);

// What became of a batch that was read: tells the session, the report and the progress line.
class RestoreSession;
struct RestoreBatch;
void TakeBatch(const RestoreBatch& batch, RestoreSession& session, const RestoreRequest& request,
               Progress& progress, RestoreReport* report);

std::string RestoreText(const RestoreReport& report, const RestoreRequest& request);

}  // namespace osarchiver
