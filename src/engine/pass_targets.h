// Where the rows of tables go during the work on one component: the pass of each table in the
// journal, its copies, and what is kept of it. Tables of one component take turns, and one of them
// may take along rows of a table that has a turn of its own; both must continue the same numbers
// and the same segments.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "engine/kept_filter.h"
#include "engine/pass_archive.h"
#include "engine/run_services.h"
#include "source/table_plan.h"

namespace osarchiver {

// Used by one thread at a time, as the passes of a component are.
class PassTargets {
 public:
  struct Target {
    PassId pass = 0;
    std::unique_ptr<PassArchive> archive;
    std::unique_ptr<KeptFilter> filter;
  };

  PassTargets(RunServices& services, const SourcePlan& plan) : services_(services), plan_(plan) {}

  // The target of a table, begun in the journal when it is the first time.
  Target& For(const TablePlan& table);
  // What was being written is given up, sealed or not, and begun anew by whoever goes on with the
  // table; the next run settles it. The journal has the reason, whatever comes after.
  void Fail(const TablePlan& table, const std::string& reason);
  // How the table's pass ended; no news where it failed before.
  void End(const TablePlan& table, PassState state, const std::string& reason);

 private:
  RunServices& services_;
  const SourcePlan& plan_;
  std::map<const TablePlan*, Target> targets_;
  std::set<const TablePlan*> failed_;
};

// How the journal names a table of a source.
PassKey PassKeyOf(const SourcePlan& plan, const TablePlan& table);
// Of all tables whose rows may leave: those with passes of their own and their dependents.
std::vector<PassKey> KeysOf(const SourcePlan& plan);

}  // namespace osarchiver
