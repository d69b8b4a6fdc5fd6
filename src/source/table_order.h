// The order of tables: children before parents, over all databases of a source.
#pragma once

#include "source/table_plan.h"

namespace osarchiver {

// Sets component, in_cycle, refers_to_itself, after and order_reason of every table and dependent
// from their `referrers`, and sorts both lists children first. Same tables, same order: ties go by
// name.
void OrderTables(SourcePlan* plan);

}  // namespace osarchiver
