#include "mariadb/foreign_keys.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string_view>
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

// (position, column, referenced column)
using KeyParts = std::vector<std::tuple<std::uint64_t, std::string, std::string>>;

void SetColumns(KeyParts parts, ForeignKey* key) {
  std::sort(parts.begin(), parts.end());
  for (auto& [position, column, referenced] : parts) {
    key->columns.push_back(std::move(column));
    key->referenced_columns.push_back(std::move(referenced));
  }
}

// `sql` without names and literals.
std::string WithoutQuoted(std::string_view sql) {
  std::string text;
  char quote = '\0';
  for (const char c : sql) {
    if (quote == '\0' && (c == '`' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = '\0';
    } else if (quote == '\0') {
      text += c;
    }
  }
  return text;
}

// The rule of a key out of the child's definition: REFERENTIAL_CONSTRAINTS is silent about tables
// of which the account may only read. What cannot be found is taken for a cascade, the rule that
// calls for the most care.
DeleteRule RuleFromDefinition(Connection& connection, const ForeignKey& key) {
  std::string create_sql;
  try {
    const Table created =
        connection.Query("SHOW CREATE TABLE " + Quoted({key.database, key.table}));
    if (!created.empty() && created[0].size() > 1) create_sql = created[0][1].value_or("");
  } catch (const DatabaseError&) {
    if (!connection.usable()) throw;
    return DeleteRule::kCascade;
  }
  const std::size_t start =
      create_sql.find("\n  CONSTRAINT " + QuoteIdentifier(key.name) + " FOREIGN KEY ");
  if (start == std::string::npos) return DeleteRule::kCascade;
  const std::string line = WithoutQuoted(
      std::string_view(create_sql).substr(start + 1, create_sql.find('\n', start + 1) - start - 1));
  if (line.find(" ON DELETE CASCADE") != std::string::npos) return DeleteRule::kCascade;
  if (line.find(" ON DELETE SET NULL") != std::string::npos) return DeleteRule::kSetNull;
  return DeleteRule::kRestrict;
}

// Two queries joined here: information_schema would read every table's files once for each row of a
// join.
std::vector<ForeignKey> Load(Connection& connection, const std::string& rules_where,
                             const std::string& columns_where) {
  std::map<ConstraintId, DeleteRule> rules;
  for (const auto& row :
       connection.Query("SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE FROM "
                        "information_schema.REFERENTIAL_CONSTRAINTS" +
                        rules_where)) {
    rules[{row[0].value_or(""), row[1].value_or(""), row[2].value_or("")}] =
        ToDeleteRule(row[3].value_or(""));
  }
  std::map<ConstraintId, ForeignKey> keys;
  std::map<ConstraintId, KeyParts> parts;
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
    parts[id].emplace_back(std::stoull(row[3].value_or("0")), row[4].value_or(""),
                           row[7].value_or(""));
  }
  std::vector<ForeignKey> result;
  for (auto& [id, key] : keys) {
    SetColumns(std::move(parts[id]), &key);
    const auto rule = rules.find(id);
    key.on_delete = rule != rules.end() ? rule->second : RuleFromDefinition(connection, key);
    result.push_back(std::move(key));
  }
  return result;
}

// Those that tables of one database declare. `tables`: a further condition, or "".
std::vector<ForeignKey> LoadOf(Connection& connection, const std::string& database,
                               const std::string& tables) {
  return Load(connection, " WHERE CONSTRAINT_SCHEMA = " + QuoteText(database) + tables,
              " WHERE TABLE_SCHEMA = " + QuoteText(database) + tables +
                  " AND REFERENCED_TABLE_NAME IS NOT NULL");
}

constexpr unsigned kNeedsPrivilege = 1227;

// A name as InnoDB keeps it, in the coding of file names, decoded by the server.
std::string Decoded(std::string_view expression) {
  return "CONVERT(CONVERT(CAST(" + std::string(expression) +
         " AS BINARY) USING filename) USING utf8mb3)";
}

// Bits of INNODB_SYS_FOREIGN.TYPE.
DeleteRule ToDeleteRule(std::uint64_t type) {
  if ((type & 1) != 0) return DeleteRule::kCascade;
  if ((type & 2) != 0) return DeleteRule::kSetNull;
  return DeleteRule::kRestrict;
}

// The foreign keys out of InnoDB's own dictionary, which shows those of all tables, whoever asks.
// Nothing when the account lacks PROCESS.
std::optional<std::vector<ForeignKey>> LoadFromInnodb(Connection& connection) {
  std::map<std::string, ForeignKey> keys;
  std::map<std::string, KeyParts> parts;
  const auto database = [](const std::string& name) {
    return Decoded("SUBSTRING_INDEX(" + name + ", '/', 1)");
  };
  const auto table = [](const std::string& name) {
    return Decoded("SUBSTRING_INDEX(" + name + ", '/', -1)");
  };
  try {
    for (const auto& row :
         connection.Query("SELECT ID, " + database("FOR_NAME") + ", " + table("FOR_NAME") + ", " +
                          database("REF_NAME") + ", " + table("REF_NAME") +
                          ", TYPE FROM information_schema.INNODB_SYS_FOREIGN WHERE FOR_NAME NOT "
                          "LIKE '%/#sql%'")) {
      const std::string id = row[0].value_or("");
      ForeignKey& key = keys[id];
      key.name = id.substr(id.find('/') + 1);
      key.database = row[1].value_or("");
      key.table = row[2].value_or("");
      key.referenced_database = row[3].value_or("");
      key.referenced_table = row[4].value_or("");
      key.on_delete = ToDeleteRule(std::stoull(row[5].value_or("0")));
    }
    for (const auto& row : connection.Query("SELECT ID, POS, FOR_COL_NAME, REF_COL_NAME FROM "
                                            "information_schema.INNODB_SYS_FOREIGN_COLS")) {
      parts[row[0].value_or("")].emplace_back(std::stoull(row[1].value_or("0")),
                                              row[2].value_or(""), row[3].value_or(""));
    }
  } catch (const DatabaseError& error) {
    if (error.code() == kNeedsPrivilege) return std::nullopt;
    throw;
  }
  std::vector<ForeignKey> result;
  for (auto& [id, key] : keys) {
    SetColumns(std::move(parts[id]), &key);
    result.push_back(std::move(key));
  }
  return result;
}

}  // namespace

std::vector<ForeignKey> LoadForeignKeysOf(Connection& connection, const TableName& name) {
  return LoadOf(connection, name.database, " AND TABLE_NAME = " + QuoteText(name.table));
}

std::vector<ForeignKey> LoadForeignKeys(Connection& connection,
                                        const std::vector<std::string>& databases) {
  // All of the server's: a child in a database that nobody configured is what must not be
  // overlooked.
  const std::set<std::string> wanted(databases.begin(), databases.end());
  const auto is_unwanted = [&wanted](const ForeignKey& key) {
    return !wanted.contains(key.database) && !wanted.contains(key.referenced_database);
  };
  std::vector<ForeignKey> keys;
  if (auto all = LoadFromInnodb(connection)) {
    // No other engine has foreign keys. information_schema is asked about the databases that have
    // some, for it opens every table of those that it is asked about, the server's own views
    // included; and it is silent about tables on which the account has no privilege.
    std::erase_if(*all, is_unwanted);
    std::set<std::string> referring;
    for (const ForeignKey& key : *all) referring.insert(key.database);
    for (const std::string& database : referring) {
      std::vector<ForeignKey> of_database = LoadOf(connection, database, "");
      std::move(of_database.begin(), of_database.end(), std::back_inserter(keys));
    }
    std::set<std::pair<std::string, std::string>> seen;
    for (const ForeignKey& key : keys) seen.emplace(key.database, key.table);
    for (ForeignKey& key : *all) {
      if (!seen.contains({key.database, key.table})) keys.push_back(std::move(key));
    }
  } else {
    keys = Load(connection, "", " WHERE REFERENCED_TABLE_NAME IS NOT NULL");
  }
  std::erase_if(keys, is_unwanted);
  return keys;
}

bool SeesAllForeignKeys(Connection& connection) {
  try {
    // Not LIMIT 0: the server asks for the privilege only when it fills the table.
    connection.Query("SELECT 1 FROM information_schema.INNODB_SYS_FOREIGN LIMIT 1");
    return true;
  } catch (const DatabaseError& error) {
    if (error.code() != kNeedsPrivilege) throw;
  }
  for (const auto& row : connection.Query("SHOW GRANTS")) {
    const std::string grant = row[0].value_or("");
    const std::size_t on = grant.find(" ON *.* TO ");
    if (on == std::string::npos) continue;
    for (std::string_view privilege :
         {"ALL PRIVILEGES", "SELECT", "INSERT", "UPDATE", "DELETE", "REFERENCES"}) {
      const std::size_t at = grant.find(privilege);
      // "DELETE HISTORY" is another privilege.
      if (at < on && !grant.substr(at + privilege.size()).starts_with(" HISTORY")) return true;
    }
  }
  return false;
}

}  // namespace osarchiver
