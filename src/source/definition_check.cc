#include "source/definition_check.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "util/error.h"

namespace osarchiver {
namespace {

std::string Named(const std::string& name) { return "column " + QuoteIdentifier(name); }

std::string Nullability(const Column& column) { return column.nullable ? " NULL" : " NOT NULL"; }

std::string Shape(const Column& column) {
  return column.type + (column.charset.empty() ? "" : " in " + column.charset) +
         Nullability(column);
}

const Column* Find(const TableDefinition& definition, const std::string& name) {
  const auto it = std::find_if(definition.columns.begin(), definition.columns.end(),
                               [&name](const Column& c) { return c.name == name; });
  return it == definition.columns.end() ? nullptr : &*it;
}

std::string DescribeColumns(const TableDefinition& archived, const TableDefinition& current) {
  for (const Column& column : current.columns) {
    const Column* before = Find(archived, column.name);
    if (before == nullptr) return Named(column.name) + " (" + Shape(column) + ") was added";
    if (Shape(*before) != Shape(column)) {
      return Named(column.name) + " was " + Shape(*before) + " and is " + Shape(column);
    }
  }
  for (const Column& column : archived.columns) {
    if (Find(current, column.name) == nullptr) return Named(column.name) + " is gone";
  }
  for (std::size_t i = 0; i < current.columns.size(); ++i) {
    if (current.columns[i].name != archived.columns[i].name) {
      return Named(current.columns[i].name) + " has another place";
    }
  }
  return {};
}

std::vector<std::string> KeyColumns(const TableDefinition& definition) {
  std::vector<std::string> names;
  for (const std::size_t column : definition.key) names.push_back(definition.columns[column].name);
  return names;
}

}  // namespace

std::string DescribeDifference(const TableDefinition& archived, const TableDefinition& current) {
  if (SameRowShape(archived, current)) return {};
  std::string text = DescribeColumns(archived, current);
  if (!text.empty()) return text;
  if (KeyColumns(archived) != KeyColumns(current)) return "the key has other columns";
  return "a column or generated column changed";
}

std::string WithoutCounter(std::string create_sql) {
  constexpr std::string_view kCounter = " AUTO_INCREMENT=";
  // Only in the table's options: behind the last line that closes the list of columns.
  const std::size_t options = create_sql.rfind("\n) ");
  if (options == std::string::npos) return create_sql;
  const std::size_t begin = create_sql.find(kCounter, options);
  if (begin == std::string::npos) return create_sql;
  std::size_t end = begin + kCounter.size();
  while (end < create_sql.size() && create_sql[end] >= '0' && create_sql[end] <= '9') ++end;
  return create_sql.erase(begin, end - begin);
}

const TableDefinition& DefinitionCheck::Require(Connection& connection, const TableName& name,
                                                const TableDefinition& archived) {
  const Table created = connection.Query("SHOW CREATE TABLE " + Quoted(name));
  if (created.size() != 1 || created[0].size() < 2 || !created[0][1]) {
    throw Error("table " + ToText(name) + " cannot be described by the server any more");
  }
  std::string create_sql = WithoutCounter(*created[0][1]);
  if (create_sql == WithoutCounter(archived.create_sql)) return archived;
  auto seen = seen_.find(name);
  if (seen == seen_.end() || seen->second.create_sql != create_sql) {
    std::optional<LoadedTable> loaded = LoadTable(connection, name);
    if (!loaded) throw Error("table " + ToText(name) + " is gone");
    seen = seen_.insert_or_assign(name, Seen{std::move(create_sql), std::move(loaded->definition)})
               .first;
  }
  const TableDefinition& current = seen->second.definition;
  const std::string difference = DescribeDifference(archived, current);
  if (!difference.empty()) {
    throw Error(
        "table " + ToText(name) + " is not what it was when its rows were archived: " + difference,
        "nothing of it was deleted since; rows read under the new definition are archived "
        "again by the next run");
  }
  return current;
}

}  // namespace osarchiver
