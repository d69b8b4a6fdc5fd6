#include "mariadb/foreign_keys.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "mariadb/quote.h"

namespace osarchiver {
namespace {

// A constraint's name is unique in a table only (MariaDB lets two tables of a database use one name
// since 12.1).
using ConstraintId =
    std::tuple<std::string, std::string, std::string>;  // database, table, constraint

// InnoDB treats SET DEFAULT and NO ACTION as RESTRICT.
DeleteRule ToDeleteRule(const std::string& text) {
  if (text == "CASCADE") return DeleteRule::kCascade;
  if (text == "SET NULL") return DeleteRule::kSetNull;
  return DeleteRule::kRestrict;
}

// Two queries joined here: information_schema would read every table's files once for each row of a
// join.
std::vector<ForeignKey> Load(Connection& connection, const std::string& rules_where,
                             const std::string& columns_where) {
  std::map<ConstraintId, ForeignKey> keys;
  for (const auto& row :
       connection.Query("SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE FROM "
                        "information_schema.REFERENTIAL_CONSTRAINTS" +
                        rules_where)) {
    ForeignKey& key = keys[{row[0].value_or(""), row[1].value_or(""), row[2].value_or("")}];
    key.on_delete = ToDeleteRule(row[3].value_or(""));
  }
  std::map<ConstraintId, std::vector<std::tuple<std::uint64_t, std::string, std::string>>> columns;
  for (const auto& row : connection.Query("SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, "
                                          "ORDINAL_POSITION, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, "
                                          "REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME FROM "
                                          "information_schema.KEY_COLUMN_USAGE" +
                                          columns_where)) {
    const ConstraintId id{row[0].value_or(""), row[1].value_or(""), row[2].value_or("")};
    ForeignKey& key = keys[id];
    std::tie(key.database, key.table, key.name) = id;
    key.referenced_database = row[5].value_or("");
    key.referenced_table = row[6].value_or("");
    columns[id].emplace_back(std::stoull(row[3].value_or("0")), row[4].value_or(""),
                             row[7].value_or(""));
  }
  std::vector<ForeignKey> result;
  for (auto& [id, key] : keys) {
    // A table that was dropped, or made, between the two queries.
    if (key.table.empty()) continue;
    auto& parts = columns[id];
    std::sort(parts.begin(), parts.end());
    for (auto& [position, column, referenced] : parts) {
      key.columns.push_back(std::move(column));
      key.referenced_columns.push_back(std::move(referenced));
    }
    result.push_back(std::move(key));
  }
  return result;
}

}  // namespace

std::vector<ForeignKey> LoadForeignKeysOf(Connection& connection, const TableName& name) {
  const std::string table = " AND TABLE_NAME = " + QuoteText(name.table);
  return Load(connection, " WHERE CONSTRAINT_SCHEMA = " + QuoteText(name.database) + table,
              " WHERE TABLE_SCHEMA = " + QuoteText(name.database) + table +
                  " AND REFERENCED_TABLE_NAME IS NOT NULL");
}

std::vector<ForeignKey> LoadForeignKeys(Connection& connection,
                                        const std::vector<std::string>& databases) {
  // All of the server's: a child in a database that nobody configured is what must not be
  // overlooked.
  std::vector<ForeignKey> keys = Load(connection, "", " WHERE REFERENCED_TABLE_NAME IS NOT NULL");
  const std::set<std::string> wanted(databases.begin(), databases.end());
  std::erase_if(keys, [&wanted](const ForeignKey& key) {
    return !wanted.contains(key.database) && !wanted.contains(key.referenced_database);
  });
  return keys;
}

}  // namespace osarchiver
