#include "engine/restore_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "destination/schema_difference.h"
#include "util/log.h"

namespace osarchiver {
namespace {

constexpr std::size_t kStatementBytes = 1u << 20;

bool IsWord(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

// "text /*M!100301 COMPRESSED*/" without its comment, which the server itself writes; any other
// comment stays and is refused.
std::string_view WithoutCompressed(std::string_view type) {
  const std::size_t comment = type.find(" /*M!");
  if (comment == std::string_view::npos) return type;
  std::string_view rest = type.substr(comment + 5);
  while (!rest.empty() && std::isdigit(static_cast<unsigned char>(rest.front())) != 0) {
    rest.remove_prefix(1);
  }
  return rest == " COMPRESSED*/" ? type.substr(0, comment) : type;
}

// A word, sizes, quoted members and attributes, and nothing else.
bool IsPlainType(std::string_view type) {
  type = WithoutCompressed(type);
  bool quoted = false;
  for (std::size_t i = 0; i < type.size(); ++i) {
    const char c = type[i];
    if (quoted && c == '\\') {
      ++i;  // an escape, as the server reads it: whatever follows is inside the member
    } else if (c == '\'') {
      quoted = !quoted;
    } else if (!quoted && std::isalnum(static_cast<unsigned char>(c)) == 0 &&
               std::string_view("(), _").find(c) == std::string_view::npos) {
      return false;
    }
  }
  return !quoted && !type.empty();
}

void RequirePlain(const TableDefinition& definition, const TableName& target) {
  std::string what;
  if (!IsWord(definition.charset) || !IsWord(definition.collation)) what = "the table's collation";
  for (const Column& column : definition.columns) {
    if (!IsPlainType(column.type)) what = "the type of column " + column.name;
    if (!IsWord(column.charset) || !IsWord(column.collation)) {
      what = "the character set of column " + column.name;
    }
  }
  if (what.empty()) return;
  throw Error(fmt::format("{} of {}.{} as archived is none; table {} is not created", what,
                          definition.database, definition.table, ToText(target)),
              "create the table yourself and restore again");
}

const Column* FindColumn(const TableDefinition& definition, const std::string& name) {
  for (const Column& column : definition.columns) {
    if (SameName(column.name, name)) return &column;
  }
  return nullptr;
}

void Add(std::string* text, const std::string& difference) {
  if (!text->empty()) *text += "; ";
  *text += difference;
}

std::string Described(const Column& column) {
  std::string text = column.type;
  if (!column.charset.empty()) text += " CHARACTER SET " + column.charset;
  return text + (column.nullable ? "" : " NOT NULL");
}

// Whether a unique key of `now` has exactly the columns of the archived key.
bool HasKey(const TableDefinition& archived, const TableDefinition& now) {
  std::vector<std::string> wanted;
  for (const std::size_t index : archived.key) wanted.push_back(archived.columns[index].name);
  std::sort(wanted.begin(), wanted.end());
  for (const Index& index : now.indexes) {
    if (!index.unique) continue;
    std::vector<std::string> names;
    bool whole = true;
    for (const IndexPart& part : index.parts) {
      names.push_back(part.column);
      whole = whole && part.prefix_length == 0;
    }
    std::sort(names.begin(), names.end());
    if (whole && names == wanted) return true;
  }
  return false;
}

// The lines of SHOW CREATE TABLE that state a CHECK, in order.
std::string Checks(const std::string& create_sql) {
  std::string checks;
  for (std::size_t at = 0; at < create_sql.size();) {
    const std::size_t end = std::min(create_sql.find('\n', at), create_sql.size());
    const std::string line = create_sql.substr(at, end - at);
    if (line.find(" CHECK (") != std::string::npos) checks += line + "\n";
    at = end + 1;
  }
  return checks;
}

}  // namespace

Connection& RestoreTarget::connection() {
  if (!connection_ || !connection_->usable()) Reopen();
  return *connection_;
}

void RestoreTarget::Reopen() {
  connection_.reset();
  connection_ = connect_();
}

std::size_t RestoreTarget::statement_bytes() {
  if (statement_bytes_ == 0) {
    statement_bytes_ =
        std::min<std::size_t>(LoadServerInfo(connection()).max_allowed_packet / 2, kStatementBytes);
  }
  return statement_bytes_;
}

bool RequireFits(const TableDefinition& archived, const TableName& target, Connection& connection) {
  const auto table = LoadTable(connection, target);
  if (!table) {
    throw Error("there is no table " + ToText(target) + " to restore to",
                "create it, or name another database with --to");
  }
  const TableDefinition& now = table->definition;
  std::string text, alter;
  for (const Column& column : archived.columns) {
    const Column* found = FindColumn(now, column.name);
    if (found != nullptr && HoldsEveryValue(column, *found)) continue;
    Add(&text, fmt::format("column {} was {} and {}", column.name, Described(column),
                           found == nullptr ? "is missing" : "is " + Described(*found)));
    alter += fmt::format("{}{} COLUMN {}", alter.empty() ? "" : ", ",
                         found == nullptr ? "ADD" : "MODIFY", ColumnSql(column, column.nullable));
  }
  for (const Column& column : now.columns) {
    if (column.nullable || !column.default_sql.empty() || column.auto_increment) continue;
    if (FindColumn(archived, column.name) == nullptr) {
      Add(&text, fmt::format("column {} has no default and was not archived", column.name));
    }
  }
  if (text.empty() && !HasKey(archived, now)) {
    Add(&text, "the columns of the archived key (" + archived.key_name + ") are no unique key");
  }
  if (text.empty()) return Checks(now.create_sql) == Checks(archived.create_sql);
  std::string hint = "restore into another database with --to";
  if (!alter.empty())
    hint += ", or, when the rows there allow it: ALTER TABLE " + Quoted(target) + " " + alter;
  throw Error(fmt::format("table {} cannot take the archived rows: {}\narchived: {}\nnow:      {}",
                          ToText(target), text, archived.create_sql, now.create_sql),
              hint);
}

void CreateRestoreTable(const TableDefinition& definition, const TableName& target,
                        Connection& connection) {
  if (LoadTable(connection, target)) return;
  TableDefinition plain = definition;
  // Expressions and secondary indexes are the archived schema's, not the rows'.
  plain.generated.clear();
  std::erase_if(plain.indexes,
                [&](const Index& index) { return index.name != definition.key_name; });
  RequirePlain(plain, target);
  connection.Execute("CREATE DATABASE IF NOT EXISTS " + QuoteIdentifier(target.database));
  connection.Execute(ArchiveCreateTable(plain, Quoted(target), true));
  LogInfo(fmt::format("restore: created {}", ToText(target)));
}

}  // namespace osarchiver
