// What `status` shows: built from the journal alone, so it works during a run and after a crash.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "state/journal.h"

namespace osarchiver {

struct RunStatus {
  RunInfo run;
  std::string
      state;  // "running", "completed", "interrupted", "failed": the lock decides about running
  PassCounts totals;
  std::vector<PassInfo> passes;
  std::map<PassId, std::vector<BlockedReason>> blocked;
};

struct StatusReport {
  std::string site;
  std::vector<RunStatus> runs;       // newest first
  std::vector<std::string> damaged;  // what verify found last and no run has made good since
  bool damaged_files = false;        // among them
  bool damaged_tables = false;       // of archive databases
  std::vector<HeldTable> held;       // rows that runs leave alone (restore --hold)
};

struct StatusRequest {
  std::vector<std::string> archivers;  // empty: all
  std::string run;                     // number, name or "last"; "" when not asked for
  std::size_t limit = 0;               // 0: the last run of each archiver
};

// Throws ConfigError when `request` names a run or an archiver that the journal does not know.
StatusReport BuildStatus(const Settings& settings, const Journal& journal,
                         const StatusRequest& request);
// The stable JSON of DESIGN.md section 10, one line end at the end.
std::string StatusJson(const StatusReport& report);
// One screen for people. `blocked`: with reasons, examples and statements.
enum class BlockedDetail { kSummary, kFull };
std::string StatusText(const StatusReport& report, const Settings& settings, BlockedDetail detail);
// "<journal's directory>/status.json", replaced in one step; by the run of `archiver`, beside which
// those of others may do so too.
void WriteStatusFile(const Settings& settings, const Journal& journal, std::string_view archiver);

}  // namespace osarchiver
