// `rebuild-journal`: makes a lost or outdated journal again from what the archives say of
// themselves (segment records, control tables). Nothing at a destination or in a source is changed,
// but that files that are damaged are put aside under another name, as a run does.
//
// What was deleted is not taken from anywhere but the source: a row of a batch that is still there
// is kept (archived, and to be deleted by the next run after the same comparison as always), one
// that is not is absent. So the next run archives no row twice and deletes none unproven.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/settings.h"
#include "engine/exit_status.h"
#include "engine/progress.h"
#include "util/clock.h"
#include "util/stop.h"

namespace osarchiver {

struct RebuildReport {
  std::uint64_t runs = 0, batches = 0, rows = 0, still_there = 0;
  std::uint64_t held = 0;    // rows of restore --hold, taken over from older journals
  bool holds_known = false;  // an older journal could be read
  std::string old_journal;   // where the old one was put; "" when there was none
  std::vector<std::string>
      problems;  // damage: batches without a whole copy, files that say nothing
  ExitCode exit_code = ExitCode::kSuccess;
};

// `journal_id`: which journal's archives, where several journals wrote to the same places; "" when
// there is only one. Throws ConfigError when that must be said, LockedError while a run works,
// DatabaseError when a source or destination cannot be asked: nothing is changed then.
RebuildReport RebuildJournal(const Settings& settings, const std::string& journal_id, Clock& clock,
                             Progress& progress);

}  // namespace osarchiver
