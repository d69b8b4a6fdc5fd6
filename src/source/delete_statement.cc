#include "source/delete_statement.h"

#include <algorithm>
#include <map>
#include <utility>

#include "mariadb/catalogue.h"
#include "mariadb/quote.h"
#include "source/key_runs.h"
#include "util/error.h"

namespace osarchiver {
namespace {

// The server drops the range for an index when its tree weighs more than 32,000
// (optimizer_max_sel_arg_weight), a node for each column of each key, and scans the table.
constexpr std::size_t kMaxKeyParts = 15000;
constexpr std::size_t kMaxKeys = 5000;
// Shorter runs stay in the list: each BETWEEN is evaluated for each row.
constexpr std::size_t kMinRun = 128;

std::string_view DotOf(std::string_view alias) { return alias.empty() ? "" : "."; }

// False, and nothing appended, when a value is NULL.
bool AppendTuple(const TableDefinition& definition, std::string_view row,
                 const std::vector<std::size_t>& columns, KeyForm in_tuple,
                 std::vector<Value>* values, std::string* sql) {
  values->clear();
  const std::size_t last = *std::max_element(columns.begin(), columns.end());
  ValueCursor cursor(row);
  for (std::size_t i = 0; i <= last; ++i) values->push_back(cursor.Next());
  for (const std::size_t column : columns) {
    if ((*values)[column].kind == ValueKind::kNull) return false;
  }
  if (columns.size() > 1) sql->push_back('(');
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) sql->push_back(',');
    AppendKeyLiteral(definition.columns[columns[i]], (*values)[columns[i]], sql,
                     columns.size() > 1 ? in_tuple : KeyForm::kAlone);
  }
  if (columns.size() > 1) sql->push_back(')');
  return true;
}

// Which columns of a composite key are numbers among texts; rows of one list agree in it.
std::vector<bool> NumbersIn(const TableDefinition& definition, const std::vector<Value>& values) {
  std::vector<bool> numbers;
  if (definition.key.size() == 1) return numbers;
  for (const std::size_t column : definition.key) {
    numbers.push_back(IsNumberAmongTexts(definition.columns[column], values[column]));
  }
  return numbers;
}

}  // namespace

std::string ColumnTuple(const TableDefinition& definition, const std::vector<std::size_t>& columns,
                        std::string_view alias) {
  std::string text;
  for (const std::size_t column : columns) {
    text += text.empty() ? "" : ",";
    text += alias;
    text += DotOf(alias);
    text += QuoteIdentifier(definition.columns[column].name);
  }
  return columns.size() > 1 ? "(" + text + ")" : text;
}

std::string ValueList(const DeletableRows& part, const std::vector<std::uint32_t>& rows,
                      const std::vector<std::size_t>& columns) {
  std::string list;
  std::vector<Value> values;
  for (const std::uint32_t row : rows) {
    const std::size_t before = list.size();
    if (!list.empty()) list.push_back(',');
    if (!AppendTuple(part.definition(), part.row(row), columns, KeyForm::kInMixedTuple, &values,
                     &list)) {
      list.resize(before);
    }
  }
  return list;
}

std::string ReadKey(const TableDefinition& definition, std::string_view alias) {
  std::string text;
  for (const std::size_t column : definition.key) {
    text += text.empty() ? "" : ",";
    text += ReadExpression(definition.columns[column], alias);
  }
  return text;
}

std::string KeyCondition(const DeletableRows& part, const KeyedRows& list, KeysAs form) {
  const TableDefinition& definition = part.definition();
  const std::string key = ColumnTuple(definition, definition.key, {});
  std::vector<std::string_view> numbers;
  std::vector<KeyRun> runs;
  if (form == KeysAs::kRuns && CanFormRuns(definition, definition.key)) {
    for (const std::uint32_t row : list.rows) {
      ValueCursor cursor(part.row(row));
      for (std::size_t i = 0; i < definition.key[0]; ++i) (void)cursor.Next();
      numbers.push_back(cursor.Next().bytes);
    }
    runs = FindRuns(numbers, kMinRun);
  }
  if (runs.empty()) {
    // Of one tuple the optimizer makes an equation of rows, for which a DELETE uses no index.
    const bool lone = list.rows.size() == 1 && definition.key.size() > 1;
    return key + " IN (" + list.keys + (lone ? "," + list.keys : "") + ")";
  }
  std::string between, singles;
  std::size_t next = 0;
  for (const KeyRun& run : runs) {
    for (; next < run.begin; ++next) singles.append(numbers[next]).push_back(',');
    // The last one by itself: so the walk ends on a row that is ours, not on a stranger's.
    between.append(" OR ").append(key).append(" BETWEEN ").append(numbers[run.begin]);
    between.append(" AND ").append(numbers[run.end - 2]);
    singles.append(numbers[run.end - 1]).push_back(',');
    next = run.end;
  }
  for (; next < numbers.size(); ++next) singles.append(numbers[next]).push_back(',');
  singles.pop_back();
  return "(" + key + " IN (" + singles + ")" + between + ")";
}

std::string DeleteStatement(const DeletableRows& part, std::string_view condition,
                            std::size_t row_count) {
  const TableDefinition& definition = part.definition();
  std::string sql;
  sql.reserve(condition.size() + 64 * (definition.columns.size() + 2));
  sql += "DELETE FROM " + Quoted(part.table().name) + " WHERE ";
  sql += condition;
  // A LIMIT that limits nothing: it makes the optimizer use the index where it would scan a small
  // table, and wait for the locks of live rows.
  sql += " LIMIT " + std::to_string(row_count) + " RETURNING ";
  sql += ReadExpressions(definition);
  return sql;
}

std::string SelectByKeys(const DeletableRows& part, std::string_view key_list) {
  const TableDefinition& definition = part.definition();
  std::string sql = "SELECT " + ReadExpressions(definition) + " FROM " + Quoted(part.table().name) +
                    " WHERE " + ColumnTuple(definition, definition.key, {}) + " IN (";
  sql += key_list;
  sql += ")";
  return sql;
}

void AppendKeyedRows(const DeletableRows& part, std::uint32_t part_number, std::uint32_t level,
                     const std::vector<std::uint32_t>& rows, std::size_t max_bytes,
                     std::vector<KeyedRows>* lists) {
  const TableDefinition& definition = part.definition();
  const std::size_t max_keys =
      std::max<std::size_t>(1, std::min(kMaxKeys, kMaxKeyParts / definition.key.size()));
  std::vector<Value> values;
  std::string key;
  std::map<std::vector<bool>, std::size_t> open;  // the list that takes rows with these numbers
  for (const std::uint32_t row : rows) {
    key.clear();
    if (!AppendTuple(definition, part.row(row), definition.key, KeyForm::kInTuple, &values, &key)) {
      throw IntegrityError("table " + ToText(part.table().name) + ": a row has NULL in its key");
    }
    const auto [at, fresh] = open.try_emplace(NumbersIn(definition, values), lists->size());
    KeyedRows* list = fresh ? nullptr : &(*lists)[at->second];
    if (fresh || list->rows.size() >= max_keys ||
        list->keys.size() + key.size() + 1 > max_bytes) {
      at->second = lists->size();
      list = &lists->emplace_back();
      list->part = part_number;
      list->level = level;
      list->rows.reserve(std::min(max_keys, rows.size()));
      list->keys.reserve(std::min(max_bytes, (key.size() + 2) * std::min(max_keys, rows.size())));
    }
    if (!list->keys.empty()) list->keys.push_back(',');
    list->keys += key;
    list->rows.push_back(row);
  }
}

}  // namespace osarchiver
