#include "source/dependents.h"

#include <algorithm>

namespace osarchiver {

bool DependentsInclude(const Dependents& dependents, const TableName& child,
                       bool has_deleted_column) {
  for (const DependentsRule& rule : dependents.rules) {
    if (rule.tables.Matches(child.table) || rule.tables.Matches(ToText(child))) {
      return rule.policy == DependentsPolicy::kArchive;
    }
  }
  return !has_deleted_column && dependents.other == DependentsPolicy::kArchive;
}

bool GoesWithParent(const SourcePlan& plan, const TablePlan& root, const ForeignKey& key) {
  const TablePlan* child = plan.Find({key.database, key.table});
  if (child == nullptr || child == &root) return false;
  // An override that keeps the child, or wants it archived where the root is not, is stronger than
  // the root's wish.
  if (root.settings.delete_rows && !child->settings.delete_rows) return false;
  if (child->settings.archive && !root.settings.archive) return false;
  return DependentsInclude(root.settings.dependents, child->name, child->has_deleted_column);
}

std::vector<const TablePlan*> DependentTables(const SourcePlan& plan, const TablePlan& root) {
  std::vector<const TablePlan*> found{&root};
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const ForeignKey& key : found[i]->referrers) {
      if (!GoesWithParent(plan, root, key)) continue;
      const TablePlan* child = plan.Find({key.database, key.table});
      if (std::find(found.begin(), found.end(), child) == found.end()) found.push_back(child);
    }
  }
  found.erase(found.begin());
  return found;
}

}  // namespace osarchiver
