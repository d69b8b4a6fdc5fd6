// LoadTable: one table's definition out of information_schema and SHOW CREATE TABLE.
#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <string_view>

#include "mariadb/catalogue.h"
#include "mariadb/foreign_keys.h"
#include "mariadb/quote.h"

namespace osarchiver {
namespace {

constexpr auto kNumberTypes = std::to_array<std::string_view>(
    {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "year"});
constexpr auto kQuotedTypes = std::to_array<std::string_view>(
    {"date", "time", "datetime", "timestamp", "uuid", "inet4", "inet6"});
// What a utf8mb4 session carries unchanged in both directions. "utf8" is what servers before 10.6
// call utf8mb3.
constexpr auto kTextCharsets =
    std::to_array<std::string_view>({"utf8mb4", "utf8mb3", "utf8", "ascii"});

template <typename List>
bool Contains(const List& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

std::uint64_t ToNumber(const std::optional<std::string>& text) {
  std::uint64_t number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

bool Mentions(const std::string& text, std::string_view word) {
  return text.find(word) != std::string::npos;
}

ValueClass ClassOf(const Column& column) {
  if (Contains(kNumberTypes, column.data_type)) return ValueClass::kNumber;
  if (column.data_type == "set" && column.has_empty_member) return ValueClass::kNumber;
  if (Contains(kQuotedTypes, column.data_type)) return ValueClass::kText;
  return Contains(kTextCharsets, column.charset) ? ValueClass::kText : ValueClass::kBytes;
}

std::string WhereTable(const TableName& name) {
  return " WHERE TABLE_SCHEMA = " + QuoteText(name.database) +
         " AND TABLE_NAME = " + QuoteText(name.table);
}

// Fills definition->columns and ->generated; returns how many columns there are.
std::size_t LoadColumns(Connection& connection, const TableName& name,
                        TableDefinition* definition) {
  const Table rows = connection.Query(
      "SELECT COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, CHARACTER_SET_NAME, COLLATION_NAME, "
      "IS_NULLABLE, EXTRA, COLUMN_DEFAULT, "
      "IS_GENERATED, GENERATION_EXPRESSION FROM information_schema.COLUMNS" +
      WhereTable(name) + " ORDER BY ORDINAL_POSITION");
  for (const auto& row : rows) {
    const std::string extra = row[6].value_or("");
    if (row[8] == "ALWAYS") {
      GeneratedColumn generated;
      generated.name = row[0].value_or("");
      generated.type = row[1].value_or("");
      generated.charset = row[3].value_or("");
      generated.collation = row[4].value_or("");
      generated.expression = row[9].value_or("");
      generated.stored = Mentions(extra, "STORED") || Mentions(extra, "PERSISTENT");
      generated.before_column = definition->columns.size();
      definition->generated.push_back(std::move(generated));
      continue;
    }
    Column column;
    column.name = row[0].value_or("");
    column.type = row[1].value_or("");
    column.data_type = row[2].value_or("");
    column.charset = row[3].value_or("");
    column.collation = row[4].value_or("");
    column.nullable = row[5] == "YES";
    column.invisible = Mentions(extra, "INVISIBLE");
    column.auto_increment = Mentions(extra, "auto_increment");
    column.default_sql = row[7].value_or("");
    column.has_empty_member = (column.data_type == "enum" || column.data_type == "set") &&
                              EmptyMemberIndex(column.type) > 0;
    column.value_class = ClassOf(column);
    definition->columns.push_back(std::move(column));
  }
  return rows.size();
}

// Indexes in the server's own order: the primary key, then unique keys without NULLs, of which
// InnoDB takes the first as the clustered one. Adds the names of those that the optimizer may not
// use to `ignored`.
void LoadIndexes(Connection& connection, const TableName& name, TableDefinition* definition,
                 std::set<std::string>* ignored) {
  const bool knows_ignored = connection
                                 .QueryValue(
                                     "SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA "
                                     "= 'information_schema' AND "
                                     "TABLE_NAME = 'STATISTICS' AND COLUMN_NAME = 'IGNORED'")
                                 .has_value();
  for (const auto& row : connection.Query(
           std::string(
               "SELECT INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART, INDEX_TYPE, COLLATION, ") +
           (knows_ignored ? "IGNORED" : "'NO'") + " FROM information_schema.STATISTICS" +
           WhereTable(name))) {
    const std::string index_name = row[0].value_or("");
    if (definition->indexes.empty() || definition->indexes.back().name != index_name) {
      Index index;
      index.name = index_name;
      index.unique = row[1] == "0";
      index.type = row[4].value_or("");
      definition->indexes.push_back(std::move(index));
    }
    definition->indexes.back().parts.push_back(
        {row[2].value_or(""), static_cast<std::uint32_t>(ToNumber(row[3])), row[5] == "D"});
    if (row[6] == "YES") ignored->insert(index_name);
  }
}

// The positions of the index's columns, or why it cannot be the key.
struct KeyCandidate {
  std::vector<std::size_t> columns;
  std::string objection;
};

KeyCandidate Judge(const TableDefinition& definition, const Index& index) {
  KeyCandidate candidate;
  const std::string what = index.name == "PRIMARY" ? "the primary key" : "unique key " + index.name;
  if (index.type != "BTREE") {
    candidate.objection = what + " is of type " + index.type;
    return candidate;
  }
  for (const IndexPart& part : index.parts) {
    const auto column = std::find_if(definition.columns.begin(), definition.columns.end(),
                                     [&part](const Column& c) { return c.name == part.column; });
    if (column == definition.columns.end()) {
      candidate.objection = what + " has the generated column " + part.column;
    } else if (part.prefix_length != 0) {
      candidate.objection = what + " has only a prefix of column " + part.column;
    } else if (column->nullable) {
      candidate.objection = what + " has the nullable column " + part.column;
    }
    if (!candidate.objection.empty()) return candidate;
    candidate.columns.push_back(static_cast<std::size_t>(column - definition.columns.begin()));
  }
  return candidate;
}

std::string ChooseKey(const std::set<std::string>& ignored, TableDefinition* definition) {
  std::string objections;
  for (const Index& index : definition->indexes) {
    if (!index.unique) continue;
    KeyCandidate candidate = Judge(*definition, index);
    if (candidate.objection.empty() && ignored.contains(index.name)) {
      candidate.objection = "unique key " + index.name + " is an ignored index";
    }
    if (candidate.objection.empty()) {
      definition->key = std::move(candidate.columns);
      definition->key_name = index.name;
      return {};
    }
    objections += (objections.empty() ? "" : "; ") + candidate.objection;
  }
  return objections.empty() ? "no primary key and no unique key" : "no usable key: " + objections;
}

// An account with privileges on single columns sees only those, and rows without the others would
// be archived.
void RequireAllColumns(const TableName& name, const std::string& create_sql, std::size_t seen) {
  std::size_t declared = 0;
  for (std::size_t at = create_sql.find("\n  `"); at != std::string::npos;
       at = create_sql.find("\n  `", at + 1)) {
    ++declared;
  }
  if (declared <= seen) return;
  throw DatabaseError(1143, "42000",
                      "table " + ToText(name) + ": the account sees only " + std::to_string(seen) +
                          " of " + std::to_string(declared) + " columns",
                      "grant SELECT on the whole table");
}

// The explicit ROW_FORMAT out of CREATE_OPTIONS ("row_format=COMPRESSED key_block_size=8").
std::string RowFormat(const std::string& create_options) {
  constexpr std::string_view kName = "row_format=";
  const std::size_t at = create_options.find(kName);
  if (at == std::string::npos) return {};
  const std::size_t start = at + kName.size();
  return create_options.substr(start, create_options.find_first_of(" \t", start) - start);
}

}  // namespace

std::optional<LoadedTable> LoadTable(Connection& connection, const TableName& name) {
  const Table tables = connection.Query(
      "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS, DATA_LENGTH, "
      "AVG_ROW_LENGTH, TABLE_COLLATION, "
      "CREATE_OPTIONS FROM information_schema.TABLES" +
      WhereTable(name));
  if (tables.empty()) return std::nullopt;
  const auto& row = tables[0];
  LoadedTable loaded;
  loaded.info.name = {row[0].value_or(""), row[1].value_or("")};
  loaded.info.type = row[2].value_or("");
  loaded.info.engine = row[3].value_or("");
  loaded.info.rows_estimate = ToNumber(row[4]);
  loaded.info.data_bytes = ToNumber(row[5]);
  loaded.info.average_row_bytes = ToNumber(row[6]);
  TableDefinition& definition = loaded.definition;
  definition.database = loaded.info.name.database;
  definition.table = loaded.info.name.table;
  definition.collation = row[7].value_or("");
  definition.charset = definition.collation.substr(0, definition.collation.find('_'));
  definition.row_format = RowFormat(row[8].value_or(""));
  const std::size_t column_count = LoadColumns(connection, loaded.info.name, &definition);
  if (loaded.info.type != "BASE TABLE") {
    loaded.no_key_reason = "it is no base table but a " + loaded.info.type;
    return loaded;
  }
  const Table created = connection.Query("SHOW CREATE TABLE " + Quoted(loaded.info.name));
  // Dropped since the first query.
  if (created.empty() || created[0].size() < 2) return std::nullopt;
  definition.create_sql = created[0][1].value_or("");
  RequireAllColumns(loaded.info.name, definition.create_sql, column_count);
  std::set<std::string> ignored;
  LoadIndexes(connection, loaded.info.name, &definition, &ignored);
  loaded.no_key_reason = ChooseKey(ignored, &definition);
  definition.foreign_keys = LoadForeignKeysOf(connection, loaded.info.name);
  return loaded;
}

}  // namespace osarchiver
