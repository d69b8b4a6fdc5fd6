// The conditions that say which rows go: SQL text only, nothing is executed here. PITFALLS 17, 18,
// 28, 29.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "source/table_plan.h"

namespace osarchiver {

// The alias that conditions give to rows that refer to `alias`'s: longer by two characters, so that
// no two levels of a statement share one.
std::string ChildAlias(std::string_view alias);
// The configured `where` with its placeholders replaced; `alias` is quoted, or "" for none.
std::string WhereText(const TableSettings& settings, std::string_view cutoff, std::string_view now,
                      std::string_view alias);
// Old enough: the configured `where`, the soft-delete column set and later than a zero or epoch
// date. `alias` is quoted.
std::string OldEnoughCondition(const TablePlan& table, std::string_view alias);
// The flag column does not say live (0, '0', '', 'False', NULL); "1" when the table has no such
// column.
std::string FlagCondition(const TablePlan& table, std::string_view alias);
// Soft-deleted at any time: the column is set and the flag says deleted.
std::string SoftDeletedCondition(const TablePlan& table, std::string_view alias);
// Old enough and the flag says deleted: what archive-only takes.
std::string EligibleCondition(const TablePlan& table, std::string_view alias);

// Why rows of a table stay although they are eligible: one foreign key each. `why`: "live child",
// "child without soft-delete column", "excluded table" ...
struct Blocker {
  ForeignKey key;
  std::string why;
  std::string advice;  // the setting that frees them, "" when there is none
  // Between the row and its blocker: keys of rows that would go with it (`dependents`), nearest
  // first. Empty: the blocker refers to the row itself.
  std::vector<ForeignKey> through = {};
};
// The foreign keys whose children block rows of `table` in this plan; those whose children are
// archived with it are left out.
std::vector<Blocker> BlockersOf(const SourcePlan& plan, const TablePlan& table);
// Keys along which rows that go with `table`'s refer to each other, so that what holds a tree may
// stand deeper than BlockersOf() looks.
std::vector<Blocker> RecursionsOf(const SourcePlan& plan, const TablePlan& table);
// EXISTS (a child that refers to the row by this key). A row that refers to itself is its own child
// under RESTRICT (InnoDB refuses to delete it) and none under CASCADE and SET NULL (InnoDB deletes
// it) [tried].
std::string HasChildCondition(const TablePlan& table, const ForeignKey& key,
                              std::string_view alias);
// The same, counting a child as gone when it is itself eligible in this plan: for dry runs.
std::string HasStayingChildCondition(const SourcePlan& plan, const TablePlan& table,
                                     const ForeignKey& key, std::string_view alias);
// A condition about the child with this alias.
using ChildCondition = std::function<std::string(std::string_view child_alias)>;
// The two for a blocker that may stand behind dependents; the first about those children only for
// which `which` is true.
std::string BlockedCondition(const SourcePlan& plan, const TablePlan& table, const Blocker& blocker,
                             std::string_view alias, const ChildCondition& which = {});
std::string StayingCondition(const SourcePlan& plan, const TablePlan& table, const Blocker& blocker,
                             std::string_view alias);
// Without children that block; "1" when nothing refers to the table.
std::string UnblockedCondition(const SourcePlan& plan, const TablePlan& table,
                               std::string_view alias);
// Eligible and without children that block: what a run with deletion takes.
std::string FreeCondition(const SourcePlan& plan, const TablePlan& table, std::string_view alias);

}  // namespace osarchiver
