#include "engine/hold_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "util/clock.h"
#include "util/error.h"

namespace osarchiver {
namespace {

TableName NameOf(const PassKey& key) { return {key.database, key.table}; }

std::string RowsText(const HeldTable& held) {
  return fmt::format("{} of {} {} held (restore --hold)",
                     held.rows == 1 ? "1 row" : HumanCount(held.rows) + " rows",
                     ToText(NameOf(held.key)), held.rows == 1 ? "is" : "are");
}

// Its source is not in the configuration any more.
void RequireSource(const SourcePlan& plan, const Journal& journal, const HeldTable& held) {
  if (plan.Find(NameOf(held.key)) == nullptr) return;
  const PassKey here{plan.source, held.key.database, held.key.table};
  if (journal.WorkedBeside(here, held.key.source)) return;
  throw ConfigError(
      fmt::format("{} under source '{}', which is not in the configuration any more; source '{}' "
                  "has a table of that name and would delete them",
                  RowsText(held), held.key.source, plan.source),
      fmt::format("if '{0}' is the same server under another name, call it '{1}' again: holds stay "
                  "with the source's name; if it is another server, keep '{1}' under 'sources' as "
                  "well (no archiver needs to name it)",
                  plan.source, held.key.source));
}

bool IsThere(const SourcePlan& plan, Connection& connection, const TableName& name) {
  if (plan.Find(name) != nullptr) return true;
  const bool left_out = std::any_of(plan.left_out.begin(), plan.left_out.end(),
                                    [&](const LeftOutTable& table) { return table.name == name; });
  return left_out || LoadTable(connection, name).has_value();
}

// A table that no run ever saw and that has the shape of one that is gone is that one.
void RequireTable(const SourcePlan& plan, Connection& connection, const Journal& journal,
                  const HeldTable& held) {
  if (IsThere(plan, connection, NameOf(held.key))) return;
  const std::string last = journal.LastDefinition(held.key);
  if (last.empty()) return;
  const TableDefinition earlier = DefinitionFromJson(last);
  for (const auto* tables : {&plan.tables, &plan.dependents}) {
    for (const auto& table : *tables) {
      if (!SameRowShape(earlier, table->definition())) continue;
      if (journal.KnowsTable({plan.source, table->name.database, table->name.table})) continue;
      throw ConfigError(
          fmt::format(
              "{}, and that table is gone; {} looks like it, was never worked before, and its "
              "rows would be deleted",
              RowsText(held), ToText(table->name)),
          "holds stay with the table's name: give it the earlier name again, or put the new one "
          "under 'exclude_tables'");
    }
  }
}

}  // namespace

void RequireHoldsKept(const Settings& settings, const SourcePlan& plan, Connection& connection,
                      const Journal& journal) {
  const bool deletes = std::any_of(plan.tables.begin(), plan.tables.end(),
                                   [](const auto& table) { return table->settings.delete_rows; });
  if (!deletes) return;
  for (const HeldTable& held : journal.ListHeldTables()) {
    if (held.key.source == plan.source) {
      RequireTable(plan, connection, journal, held);
    } else if (!settings.sources.contains(held.key.source)) {
      RequireSource(plan, journal, held);
    }
  }
}

std::string HoldsWithoutSource(const Settings& settings, const Journal& journal) {
  std::string text;
  for (const HeldTable& held : journal.ListHeldTables()) {
    if (settings.sources.contains(held.key.source)) continue;
    text += fmt::format("  {} under source '{}', which is not in the configuration any more\n",
                        RowsText(held), held.key.source);
  }
  return text;
}

}  // namespace osarchiver
