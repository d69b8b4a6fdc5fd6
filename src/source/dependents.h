// Which rows go with their parent, although they would not go by themselves (DESIGN.md section 5).
// Only declared foreign keys count, and the setting of the table at the root of the tree holds for
// the whole tree.
#pragma once

#include <vector>

#include "source/table_plan.h"

namespace osarchiver {

// What `dependents` says about a table, by its name and by whether it has the soft-delete column:
// such a table follows only when a rule names it.
bool DependentsInclude(const Dependents& dependents, const TableName& child,
                       bool has_deleted_column);

// Rows that refer by `key` to a row of a tree under `root` go with it. The key's referenced table
// is `root` or itself goes with its parent (that is the caller's to know). Never true for children
// in `root` itself.
bool GoesWithParent(const SourcePlan& plan, const TablePlan& root, const ForeignKey& key);

// The tables whose rows may go in units of `root`, `root` not among them.
std::vector<const TablePlan*> DependentTables(const SourcePlan& plan, const TablePlan& root);

}  // namespace osarchiver
