// Whether rows that were put back to stay (restore --hold) are still known as such. The journal
// knows them by the names of their source and their table, and a name may be gone.
#pragma once

#include "config/settings.h"
#include "mariadb/connection.h"
#include "source/table_plan.h"
#include "state/journal.h"

namespace osarchiver {

// Throws ConfigError when the plan would delete held rows because their source, or their table, got
// another name. A source that `settings` does not have and a table that is gone are nothing to
// refuse by themselves: a server was replaced, a table dropped.
void RequireHoldsKept(const Settings& settings, const SourcePlan& plan, Connection& connection,
                      const Journal& journal);

// A line for each table with rows that are held under a source that `settings` does not have.
std::string HoldsWithoutSource(const Settings& settings, const Journal& journal);

}  // namespace osarchiver
