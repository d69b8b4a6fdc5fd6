#include "source/selection.h"

#include <algorithm>

#include "mariadb/quote.h"
#include "source/column_types.h"
#include "source/dependents.h"

namespace osarchiver {
namespace {

// How far a plan follows children of children before it takes a child that is eligible for gone.
// Chains of tables in one service have six at most (Manila), and the statement grows with every
// branch.
constexpr int kMaxDepth = 6;

void ReplaceAll(std::string_view from, std::string_view to, std::string* text) {
  for (std::size_t at = text->find(from); at != std::string::npos;
       at = text->find(from, at + to.size())) {
    text->replace(at, from.size(), to);
  }
}

std::string ColumnOf(std::string_view alias, const std::string& column) {
  std::string sql(alias);
  if (!sql.empty()) sql += ".";
  return sql + QuoteIdentifier(column);
}

bool IsSelfReference(const ForeignKey& key) {
  return key.database == key.referenced_database && key.table == key.referenced_table;
}

// The child `inner` refers to the row `outer` of `parent` by `key`.
std::string Refers(const TablePlan& parent, const ForeignKey& key, std::string_view inner,
                   std::string_view outer) {
  std::string sql;
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    if (i > 0) sql += " AND ";
    sql += ColumnOf(inner, key.columns[i]) + " = " + ColumnOf(outer, key.referenced_columns[i]);
  }
  if (!IsSelfReference(key) || key.on_delete == DeleteRule::kRestrict) return sql;
  std::string same;
  for (const std::size_t index : parent.definition().key) {
    if (!same.empty()) same += " AND ";
    const std::string& column = parent.definition().columns[index].name;
    same += ColumnOf(inner, column) + " = " + ColumnOf(outer, column);
  }
  return sql + " AND NOT (" + same + ")";
}

std::string Exists(const TablePlan& parent, const ForeignKey& key, std::string_view alias,
                   const std::string& further) {
  const std::string child = ChildAlias(alias);
  std::string sql = "EXISTS (SELECT 1 FROM " + Quoted(TableName{key.database, key.table}) + " AS " +
                    child + " WHERE " + Refers(parent, key, child, alias);
  if (!further.empty()) sql += " AND (" + further + ")";
  return sql + ")";
}

std::string BlockedBy(const SourcePlan& plan, const TablePlan& parent, const Blocker& blocker,
                      std::size_t step, std::string_view alias, const ChildCondition& which) {
  if (step == blocker.through.size()) {
    return Exists(parent, blocker.key, alias, which ? which(ChildAlias(alias)) : "");
  }
  const ForeignKey& key = blocker.through[step];
  const TablePlan* child = plan.Find({key.database, key.table});
  return Exists(parent, key, alias,
                BlockedBy(plan, *child, blocker, step + 1, ChildAlias(alias), which));
}

// What must be true of the blocking child `alias` for it to be there after the run; "": always.
std::string Stays(const SourcePlan& plan, const ForeignKey& key, std::string_view alias,
                  int depth) {
  const TablePlan* child = plan.Find({key.database, key.table});
  if (child == nullptr || !child->has_deleted_column || !child->settings.delete_rows) return {};
  // Not just NOT: a `where` that is NULL for the child does not take it.
  std::string stays = EligibleCondition(*child, alias) + " IS NOT TRUE";
  // A table that refers to itself could be followed for ever.
  if (IsSelfReference(key) || depth >= kMaxDepth) return stays;
  for (const Blocker& blocker : BlockersOf(plan, *child)) {
    const ForeignKey& deeper = blocker.key;
    stays += " OR " + BlockedBy(plan, *child, blocker, 0, alias, [&](std::string_view grandchild) {
               return Stays(plan, deeper, grandchild, depth + 1);
             });
  }
  return stays;
}

}  // namespace

std::string ChildAlias(std::string_view alias) {
  std::string name(alias);
  name.insert(name.size() - (name.ends_with('`') ? 1 : 0), "_c");
  return name;
}

std::string WhereText(const TableSettings& settings, std::string_view cutoff, std::string_view now,
                      std::string_view alias) {
  std::string text = settings.where;
  // Plain strings: they become the type of the date column they are compared with and use its
  // index; compared with a number they give a warning, where a TIMESTAMP literal would silently
  // select everything [tried].
  ReplaceAll("{cutoff}", QuoteText(cutoff), &text);
  ReplaceAll("{now}", QuoteText(now), &text);
  ReplaceAll("{deleted_column}", ColumnOf(alias, settings.deleted_column), &text);
  return text;
}

std::string OldEnoughCondition(const TablePlan& table, std::string_view alias) {
  if (!table.has_deleted_column) return "(FALSE)";
  const std::string column = ColumnOf(alias, table.settings.deleted_column);
  // Zero dates, and the epoch in whatever time zone it was meant.
  return "((" + WhereText(table.settings, table.cutoff, table.now, alias) + ") AND " + column +
         " IS NOT NULL AND " + column + " >= '1970-01-02')";
}

std::string FlagCondition(const TablePlan& table, std::string_view alias) {
  if (!table.has_flag_column) return "1";
  const std::string& name = table.settings.deleted_flag_column;
  const std::string column = ColumnOf(alias, name);
  switch (FlagKindOf(DataTypeOf(table.definition(), name))) {
    case FlagKind::kNumber:
      return "(" + column + " IS NOT NULL AND " + column + " <> 0)";
    case FlagKind::kDate:
      return "(" + column + " IS NOT NULL AND " + column + " >= '1970-01-02')";
    case FlagKind::kText:
    case FlagKind::kNone:
      break;
  }
  // As text: compared as a number, every UUID that begins with a letter would be 0. Spelled out for
  // binary types, where LOWER does nothing.
  return "(" + column + " IS NOT NULL AND LOWER(" + column +
         ") NOT IN ('', '0', 'false', 'False', 'FALSE'))";
}

std::string SoftDeletedCondition(const TablePlan& table, std::string_view alias) {
  if (!table.has_deleted_column) return "(FALSE)";
  const std::string column = ColumnOf(alias, table.settings.deleted_column);
  return "(" + column + " IS NOT NULL AND " + column + " >= '1970-01-02' AND " +
         FlagCondition(table, alias) + ")";
}

std::string EligibleCondition(const TablePlan& table, std::string_view alias) {
  if (!table.has_flag_column) return OldEnoughCondition(table, alias);
  return "(" + OldEnoughCondition(table, alias) + " AND " + FlagCondition(table, alias) + ")";
}

std::string HasChildCondition(const TablePlan& table, const ForeignKey& key,
                              std::string_view alias) {
  return Exists(table, key, alias, "");
}

std::string HasStayingChildCondition(const SourcePlan& plan, const TablePlan& table,
                                     const ForeignKey& key, std::string_view alias) {
  return StayingCondition(plan, table, {key, "", "", {}}, alias);
}

std::string BlockedCondition(const SourcePlan& plan, const TablePlan& table, const Blocker& blocker,
                             std::string_view alias, const ChildCondition& which) {
  return BlockedBy(plan, table, blocker, 0, alias, which);
}

std::string StayingCondition(const SourcePlan& plan, const TablePlan& table, const Blocker& blocker,
                             std::string_view alias) {
  return BlockedBy(plan, table, blocker, 0, alias,
                   [&](std::string_view child) { return Stays(plan, blocker.key, child, 0); });
}

std::string UnblockedCondition(const SourcePlan& plan, const TablePlan& table,
                               std::string_view alias) {
  std::string sql;
  for (const Blocker& blocker : BlockersOf(plan, table)) {
    sql += (sql.empty() ? "NOT " : " AND NOT ") + BlockedCondition(plan, table, blocker, alias);
  }
  return sql.empty() ? "1" : "(" + sql + ")";
}

std::string FreeCondition(const SourcePlan& plan, const TablePlan& table, std::string_view alias) {
  return "(" + EligibleCondition(table, alias) + " AND " + UnblockedCondition(plan, table, alias) +
         ")";
}

}  // namespace osarchiver
