// Which foreign keys hold rows back, and what the operator can do about it.
#include <algorithm>
#include <cctype>

#include "source/dependents.h"
#include "source/selection.h"

namespace osarchiver {
namespace {

using Path = std::vector<ForeignKey>;

const LeftOutTable* FindLeftOut(const SourcePlan& plan, const TableName& name) {
  for (const LeftOutTable& table : plan.left_out) {
    if (table.name == name) return &table;
  }
  return nullptr;
}

bool IsExcluded(const SourcePlan& plan, const TableName& name) {
  const LeftOutTable* table = FindLeftOut(plan, name);
  return table != nullptr && table->reason == LeftOutTable::Reason::kExcluded;
}

std::string YamlName(const std::string& name) {
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-';
  });
  if (plain && std::isdigit(static_cast<unsigned char>(name[0])) == 0) return name;
  std::string quoted = "'";
  for (const char c : name) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

std::string NameFor(const TablePlan& root, const TableName& name) {
  return YamlName(name.database == root.name.database ? name.table : ToText(name));
}

// `first` and, recursively, what refers to it. Tables with the soft-delete column among them: their
// live rows would block the tree, and their soft-deleted ones go anyway.
std::vector<TableName> TreeUnder(const SourcePlan& plan, const TablePlan& root,
                                 const TableName& first) {
  std::vector<TableName> tree{first};
  for (std::size_t i = 0; i < tree.size(); ++i) {
    for (const ForeignKey& key : plan.foreign_keys) {
      if (TableName{key.referenced_database, key.referenced_table} != tree[i]) continue;
      const TableName child{key.database, key.table};
      if (child == root.name || IsExcluded(plan, child)) continue;
      if (std::find(tree.begin(), tree.end(), child) == tree.end()) tree.push_back(child);
    }
  }
  return tree;
}

// The `dependents` setting that takes `child` along, whole: what is configured now stays as it is.
std::string DependentsAdvice(const SourcePlan& plan, const TablePlan& root,
                             const TableName& child) {
  const Dependents& now = root.settings.dependents;
  std::vector<std::string> names;
  std::string map;
  const auto add = [&](const std::string& name, std::string_view policy) {
    if (std::find(names.begin(), names.end(), name) != names.end()) return;
    names.push_back(name);
    map += (map.empty() ? "" : ", ") + name + ": " + std::string(policy);
  };
  // First match wins, so the new names stand before patterns that say `block`.
  for (const TableName& name : TreeUnder(plan, root, child)) add(NameFor(root, name), "archive");
  for (const DependentsRule& rule : now.rules) {
    add(YamlName(rule.tables.text()),
        rule.policy == DependentsPolicy::kArchive ? "archive" : "block");
  }
  if (now.other == DependentsPolicy::kArchive) {
    for (const TablePlan* table : DependentTables(plan, root)) {
      add(NameFor(root, table->name), "archive");
    }
  }
  return "dependents: {" + map + "}";
}

Blocker Describe(const SourcePlan& plan, const TablePlan& root, const ForeignKey& key,
                 const Path& through) {
  Blocker blocker{key, "", "", through};
  const TableName child{key.database, key.table};
  if (child == root.name) {
    blocker.why = "live child";
    return blocker;
  }
  if (const TablePlan* planned = plan.Find(child)) {
    if (root.settings.delete_rows && !planned->settings.delete_rows) {
      blocker.why = "child that is never deleted";
      blocker.advice = "delete: true for " + ToText(child);
      return blocker;
    }
    blocker.why = planned->has_deleted_column ? "live child" : "child without soft-delete column";
    blocker.advice = DependentsAdvice(plan, root, child);
    return blocker;
  }
  const LeftOutTable* left_out = FindLeftOut(plan, child);
  if (left_out == nullptr) {
    blocker.why = "table outside the source";
    blocker.advice = "databases and tables of the source do not name " + ToText(child);
  } else if (left_out->reason == LeftOutTable::Reason::kNoColumn) {
    blocker.why = "child without soft-delete column";
    blocker.advice = DependentsAdvice(plan, root, child);
  } else if (left_out->reason == LeftOutTable::Reason::kExcluded) {
    blocker.why = "excluded table";
    blocker.advice = ToText(child) + ": " + left_out->detail;
  } else {
    blocker.why = "refused table";
    blocker.advice = ToText(child) + ": " + left_out->detail;
  }
  return blocker;
}

bool OnPath(const Path& path, const TableName& name) {
  return std::any_of(path.begin(), path.end(), [&](const ForeignKey& key) {
    return key.database == name.database && key.table == name.table;
  });
}

void Collect(const SourcePlan& plan, const TablePlan& root, const TablePlan& table,
             const Path& through, std::vector<Blocker>* blockers,
             std::vector<Blocker>* recursions) {
  for (const ForeignKey& key : table.referrers) {
    const TableName child{key.database, key.table};
    if (!GoesWithParent(plan, root, key)) {
      blockers->push_back(Describe(plan, root, key, through));
      continue;
    }
    // Once around a cycle is enough to know its keys; the reader asks again for every row that it
    // takes along.
    if (OnPath(through, child)) {
      recursions->push_back({key, "held further down", "", through});
      continue;
    }
    Path longer = through;
    longer.push_back(key);
    Collect(plan, root, *plan.Find(child), longer, blockers, recursions);
  }
}

}  // namespace

std::vector<Blocker> BlockersOf(const SourcePlan& plan, const TablePlan& table) {
  std::vector<Blocker> blockers, recursions;
  Collect(plan, table, table, {}, &blockers, &recursions);
  return blockers;
}

std::vector<Blocker> RecursionsOf(const SourcePlan& plan, const TablePlan& table) {
  std::vector<Blocker> blockers, recursions;
  Collect(plan, table, table, {}, &blockers, &recursions);
  return recursions;
}

}  // namespace osarchiver
