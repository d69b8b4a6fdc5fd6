#include "mariadb/catalogue.h"

#include <charconv>

#include "mariadb/quote.h"

namespace osarchiver {
namespace {

std::uint64_t ToNumber(const std::optional<std::string>& text) {
  std::uint64_t number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

}  // namespace

std::string ToText(const TableName& name) { return name.database + "." + name.table; }

std::string Quoted(const TableName& name) {
  return QuoteIdentifier(name.database) + "." + QuoteIdentifier(name.table);
}

std::vector<std::string> ListDatabases(Connection& connection) {
  std::vector<std::string> names;
  for (auto& row : connection.Query(
           "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE LOWER(SCHEMA_NAME) NOT IN "
           "('information_schema','performance_schema','mysql','sys') ORDER BY SCHEMA_NAME")) {
    names.push_back(row[0].value_or(""));
  }
  return names;
}

std::vector<TableInfo> ListTables(Connection& connection, const std::string& database) {
  std::vector<TableInfo> tables;
  for (auto& row : connection.Query(
           "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS, DATA_LENGTH, "
           "AVG_ROW_LENGTH FROM information_schema.TABLES WHERE TABLE_SCHEMA = " +
           QuoteText(database) + " ORDER BY TABLE_NAME")) {
    TableInfo info;
    info.name = {row[0].value_or(""), row[1].value_or("")};
    info.type = row[2].value_or("");
    info.engine = row[3].value_or("");
    info.rows_estimate = ToNumber(row[4]);
    info.data_bytes = ToNumber(row[5]);
    info.average_row_bytes = ToNumber(row[6]);
    tables.push_back(std::move(info));
  }
  return tables;
}

std::vector<ColumnInfo> ListColumns(Connection& connection, const std::string& database) {
  std::vector<ColumnInfo> columns;
  for (auto& row : connection.Query(
           "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE FROM information_schema.COLUMNS "
           "WHERE TABLE_SCHEMA = " +
           QuoteText(database) + " ORDER BY TABLE_NAME, ORDINAL_POSITION")) {
    columns.push_back(
        {row[0].value_or(""), row[1].value_or(""), row[2].value_or(""), row[3].value_or("")});
  }
  return columns;
}

std::map<std::string, std::string> ListDeleteTriggers(Connection& connection,
                                                      const std::string& database) {
  std::map<std::string, std::string> triggers;
  for (auto& row : connection.Query(
           "SELECT EVENT_OBJECT_TABLE, TRIGGER_NAME FROM information_schema.TRIGGERS WHERE "
           "EVENT_MANIPULATION = 'DELETE' AND EVENT_OBJECT_SCHEMA = " +
           QuoteText(database) + " ORDER BY EVENT_OBJECT_TABLE, TRIGGER_NAME")) {
    triggers.emplace(row[0].value_or(""), row[1].value_or(""));
  }
  return triggers;
}

}  // namespace osarchiver
