#include "source/child_check.h"

#include <algorithm>
#include <utility>

#include "mariadb/quote.h"
#include "util/error.h"
#include "util/hash.h"

namespace osarchiver {
namespace {

constexpr unsigned kAccessDenied = 1227;
constexpr std::size_t kNoColumn = static_cast<std::size_t>(-1);

std::size_t Position(const TableDefinition& definition, const std::string& name) {
  const auto it = std::find_if(definition.columns.begin(), definition.columns.end(),
                               [&name](const Column& c) { return c.name == name; });
  return it == definition.columns.end() ? kNoColumn
                                        : static_cast<std::size_t>(it - definition.columns.begin());
}

bool LeadsWith(const Index& index, const std::vector<std::string>& columns) {
  if (index.type != "BTREE" || index.parts.size() < columns.size()) return false;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (index.parts[i].column != columns[i] || index.parts[i].prefix_length != 0) return false;
  }
  return true;
}

// "c.`parent_id` = p.`id` AND ..."
std::string JoinCondition(const ForeignKey& key) {
  std::string text;
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    text += text.empty() ? "" : " AND ";
    text += "c." + QuoteIdentifier(key.columns[i]) + " = p." +
            QuoteIdentifier(key.referenced_columns[i]);
  }
  return text;
}

bool IsSelfReference(const ForeignKey& key) {
  return key.database == key.referenced_database && key.table == key.referenced_table;
}

std::string IsAnotherRow(const TableDefinition& definition) {
  std::string text;
  for (const std::size_t column : definition.key) {
    const std::string name = QuoteIdentifier(definition.columns[column].name);
    text += text.empty() ? "" : " AND ";
    text += "c." + name + " = p." + name;
  }
  return "NOT (" + text + ")";
}

std::string Joined(const Table& rows) {
  std::string text;
  for (const auto& row : rows) {
    for (const auto& cell : row) text += cell.value_or("") + '\x1f';
    text += '\n';
  }
  return text;
}

}  // namespace

std::optional<std::string> Referrers::InnodbSignature(Connection& connection, const TableName& name,
                                                      std::size_t* count) {
  try {
    // InnoDB keeps names as files are named; CAST, because it believes that they are utf8.
    const Table keys = connection.Query(
        "SELECT ID, FOR_NAME, TYPE FROM information_schema.INNODB_SYS_FOREIGN WHERE "
        "CAST(REF_NAME AS BINARY) = CONCAT(CAST(CONVERT(" +
        QuoteText(name.database) + " USING filename) AS BINARY), '/', CAST(CONVERT(" +
        QuoteText(name.table) + " USING filename) AS BINARY)) ORDER BY ID");
    *count = keys.size();
    if (keys.empty()) return "";
    std::string ids;
    for (const auto& row : keys) ids += (ids.empty() ? "" : ",") + QuoteText(row[0].value_or(""));
    return Joined(keys) +
           Joined(connection.Query("SELECT ID, POS, FOR_COL_NAME, REF_COL_NAME FROM "
                                   "information_schema.INNODB_SYS_FOREIGN_COLS WHERE ID IN (" +
                                   ids + ") ORDER BY ID, POS"));
  } catch (const DatabaseError& error) {
    if (error.code() != kAccessDenied) throw;
    return std::nullopt;
  }
}

std::string Referrers::Signature(Connection& connection, const TableName& name,
                                 std::size_t* count) {
  if (can_ask_innodb_) {
    if (auto signature = InnodbSignature(connection, name, count)) return *std::move(signature);
    can_ask_innodb_ = false;
  }
  const Table columns = connection.Query(
      "SELECT ORDINAL_POSITION, TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, "
      "REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE "
      "REFERENCED_TABLE_SCHEMA = " +
      QuoteText(name.database) + " AND REFERENCED_TABLE_NAME = " + QuoteText(name.table) +
      " ORDER BY 2, 3, 4, 1");
  *count = static_cast<std::size_t>(
      std::count_if(columns.begin(), columns.end(), [](const auto& row) { return row[0] == "1"; }));
  // The rules, which the server does not tell of every key that it shows.
  return Joined(columns) +
         Joined(connection.Query(
             "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE FROM "
             "information_schema.REFERENTIAL_CONSTRAINTS WHERE UNIQUE_CONSTRAINT_SCHEMA = " +
             QuoteText(name.database) + " AND REFERENCED_TABLE_NAME = " + QuoteText(name.table) +
             " ORDER BY 1, 2, 3"));
}

const std::vector<ForeignKey>& Referrers::Of(Connection& connection, const TableName& name) {
  const auto found = known_.find(name);
  if (found != known_.end()) return found->second.keys;
  Known known;
  std::size_t count = 0;
  known.signature = Signature(connection, name, &count);
  if (count > 0) {
    for (ForeignKey& key : LoadForeignKeys(connection, {name.database})) {
      if (key.referenced_database == name.database && key.referenced_table == name.table) {
        known.keys.push_back(std::move(key));
      }
    }
  }
  if (known.keys.size() < count) {
    throw Error(
        "table " + ToText(name) + ": " + std::to_string(count) +
            " foreign keys refer to it, and the server describes " +
            std::to_string(known.keys.size()),
        "an ALTER TABLE of a table that refers to it may be running: look for #sql tables in "
        "information_schema.INNODB_SYS_FOREIGN");
  }
  return known_.emplace(name, std::move(known)).first->second.keys;
}

bool Referrers::StillTrue(Connection& connection, const TableName& name) {
  std::size_t count = 0;
  const std::string signature = Signature(connection, name, &count);
  const auto found = known_.find(name);
  if (found != known_.end() && found->second.signature == signature) return true;
  if (found != known_.end()) known_.erase(found);
  return false;
}

std::optional<std::uint64_t> OpenedTables(Connection& connection) {
  const Table counters = connection.Query("SHOW SESSION STATUS LIKE 'Table\\_open\\_cache\\_%'");
  std::uint64_t opened = 0;
  int found = 0;
  for (const auto& row : counters) {
    // An overflow is counted beside its hit or miss.
    if (row[0] != "Table_open_cache_hits" && row[0] != "Table_open_cache_misses") continue;
    opened += std::stoull(row[1].value_or("0"));
    ++found;
  }
  if (found != 2) return std::nullopt;
  return opened;
}

bool TouchesChildren(const ForeignKey& key) { return key.on_delete != DeleteRule::kRestrict; }

std::vector<std::string> LockStatements(const DeletableRows& part, const TableDefinition& current,
                                        const ForeignKey& key,
                                        const std::vector<std::uint32_t>& rows) {
  std::vector<std::size_t> columns;
  for (const std::string& name : key.referenced_columns) {
    columns.push_back(Position(part.definition(), name));
    if (columns.back() == kNoColumn) {
      throw Error("table " + ToText(part.table().name) + ": foreign key " + key.name + " of " +
                      key.database + "." + key.table + " refers to the generated column " + name,
                  "rows that may be referred to by CASCADE or SET NULL through a generated column "
                  "cannot be locked by it; set delete: false for this table");
    }
  }
  const std::string values = ValueList(part, rows, columns);
  std::vector<std::string> statements;
  if (values.empty()) return statements;
  for (const Index& index : current.indexes) {
    if (!LeadsWith(index, key.referenced_columns)) continue;
    statements.push_back("SELECT COUNT(*) FROM " + Quoted(part.table().name) + " FORCE INDEX (" +
                         QuoteIdentifier(index.name) + ") WHERE " +
                         ColumnTuple(part.definition(), columns, {}) + " IN (" + values +
                         ") FOR UPDATE");
  }
  if (statements.empty()) {
    throw Error("table " + ToText(part.table().name) + " has no index on what foreign key " +
                key.name + " of " + key.database + "." + key.table + " refers to");
  }
  return statements;
}

std::string ReferredRowsStatement(const DeletableRows& part, const std::vector<ForeignKey>& keys,
                                  std::string_view key_list) {
  const TableDefinition& definition = part.definition();
  std::string sql = "SELECT " + ReadKey(definition, "p") + " FROM " + Quoted(part.table().name) +
                    " p WHERE " + ColumnTuple(definition, definition.key, "p") + " IN (";
  sql += key_list;
  sql += ") AND (";
  for (const ForeignKey& key : keys) {
    if (&key != &keys.front()) sql += " OR ";
    // A scalar subquery with LIMIT is evaluated row by row through the child's index; EXISTS may be
    // turned into a join that reads the whole child table.
    sql += "(SELECT 1 FROM " + Quoted({key.database, key.table}) + " c WHERE " + JoinCondition(key);
    if (IsSelfReference(key)) sql += " AND " + IsAnotherRow(definition);
    sql += " LIMIT 1) = 1";
  }
  return sql + ")";
}

}  // namespace osarchiver
