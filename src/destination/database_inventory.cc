#include "destination/database_inventory.h"

#include <fmt/format.h>

#include "destination/archived_keys.h"
#include "destination/control_table.h"
#include "mariadb/catalogue.h"

namespace osarchiver {
namespace {

StoredEntry Describe(const ControlEntry& small, const ControlEntry& whole) {
  StoredEntry entry;
  entry.journal_id = small.journal_id;
  entry.site = small.site;
  entry.archiver = small.archiver;
  entry.run_name = small.run_name;
  entry.key = small.key;
  entry.definition = DefinitionFromJson(whole.definition);
  entry.number = small.number;
  entry.rows = small.rows;
  entry.digest = small.digest;
  const ArchivedKeys keys = DecodeKeys(whole.row_keys, entry.definition.key.size());
  if (keys.keys.row_count() > 0) {
    entry.first_key = keys.keys.row(0);
    entry.last_key = keys.keys.row(keys.keys.row_count() - 1);
  }
  return entry;
}

}  // namespace

Inventory TakeDatabaseInventory(Connection& connection, const std::string& site,
                                const std::string& archiver) {
  Inventory inventory;
  for (const std::string& database : ListDatabases(connection)) {
    const ControlTable control(database);
    if (!control.Exists(connection)) continue;
    for (const ControlEntry& small : control.ListOf(connection, site, archiver)) {
      const std::string name = fmt::format("{}.{} run {} batch {}", database, small.archive_table,
                                           small.run_name, small.number);
      try {
        const auto whole = control.Find(connection, small.run_name, small.table_id, small.number);
        if (!whole) continue;
        inventory.entries.push_back(Describe(small, *whole));
        inventory.entries.back().database = database;
      } catch (const IntegrityError& error) {
        inventory.problems.push_back(name + ": " + error.what());
      }
    }
  }
  return inventory;
}

}  // namespace osarchiver
