#include "formats/table_definition.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace osarchiver {
namespace {

bool SameMeaning(const Column& a, const Column& b) {
  return a.name == b.name && a.type == b.type && a.data_type == b.data_type &&
         a.charset == b.charset && a.collation == b.collation && a.value_class == b.value_class &&
         a.nullable == b.nullable && a.has_empty_member == b.has_empty_member;
}

// " CHARACTER SET x COLLATE y", as far as they are given.
std::string CharsetClause(std::string_view charset, std::string_view collation) {
  std::string sql;
  if (!charset.empty()) sql.append(" CHARACTER SET ").append(charset);
  if (!collation.empty()) sql.append(" COLLATE ").append(collation);
  return sql;
}

// NULL is said explicitly: a TIMESTAMP without it is NOT NULL on many servers. Defaults,
// AUTO_INCREMENT and INVISIBLE are left out: an archive's rows always come with all their values.
std::string ColumnClause(const Column& column) {
  return QuoteIdentifier(column.name) + " " + column.type +
         CharsetClause(column.charset, column.collation) +
         (column.nullable ? " NULL" : " NOT NULL");
}

std::string GeneratedClause(const GeneratedColumn& column) {
  return QuoteIdentifier(column.name) + " " + column.type +
         CharsetClause(column.charset, column.collation) + " GENERATED ALWAYS AS (" +
         column.expression + ") " + (column.stored ? "STORED" : "VIRTUAL");
}

std::string PartsClause(const Index& index) {
  std::string sql = " (";
  for (const IndexPart& part : index.parts) {
    if (sql.size() > 2) sql += ", ";
    sql += QuoteIdentifier(part.column);
    // The catalogue gives a length for SPATIAL too, which CREATE TABLE refuses.
    if (part.prefix_length != 0 && index.type != "SPATIAL") {
      sql += "(" + std::to_string(part.prefix_length) + ")";
    }
    if (part.descending) sql += " DESC";
  }
  return sql + ")";
}

// "" for an index that an archive goes without.
std::string IndexClause(const Index& index, const std::string& key_name) {
  // A unique index over whole texts stands on a hidden hash column; there is no plain form of it.
  if (index.type == "HASH" && index.name != key_name) return "";
  std::string sql;
  if (index.name == key_name) {
    sql = index.name == "PRIMARY" ? "PRIMARY KEY" : "UNIQUE KEY " + QuoteIdentifier(index.name);
  } else if (index.type == "FULLTEXT" || index.type == "SPATIAL") {
    sql = index.type + " KEY " + QuoteIdentifier(index.name);
  } else {
    // A plain index cannot be named PRIMARY; without a name the server finds one.
    sql = index.name == "PRIMARY" ? "KEY" : "KEY " + QuoteIdentifier(index.name);
  }
  return sql + PartsClause(index);
}

// The format that the source's definition asks for, when it is one that InnoDB has.
std::string RowFormatClause(std::string row_format) {
  static constexpr std::array<std::string_view, 4> kKnown = {"DYNAMIC", "COMPRESSED", "COMPACT",
                                                             "REDUNDANT"};
  for (char& c : row_format) {
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  if (std::find(kKnown.begin(), kKnown.end(), row_format) == kKnown.end()) return "";
  return " ROW_FORMAT=" + row_format;
}

}  // namespace

bool SameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

bool SameRowShape(const TableDefinition& a, const TableDefinition& b) {
  return a.key == b.key && a.generated == b.generated &&
         std::equal(a.columns.begin(), a.columns.end(), b.columns.begin(), b.columns.end(),
                    SameMeaning);
}

std::string QuoteIdentifier(std::string_view name) {
  std::string quoted = "`";
  for (const char c : name) {
    if (c == '`') quoted += '`';
    quoted += c;
  }
  return quoted + '`';
}

std::string ArchiveCreateTable(const TableDefinition& definition, std::string_view quoted_name,
                               bool if_not_exists) {
  std::string sql = if_not_exists ? "CREATE TABLE IF NOT EXISTS " : "CREATE TABLE ";
  sql += quoted_name;
  sql += " (\n";
  std::string separator = "  ";
  const auto add = [&sql, &separator](const std::string& clause) {
    if (clause.empty()) return;
    sql += separator + clause;
    separator = ",\n  ";
  };
  for (std::size_t i = 0; i <= definition.columns.size(); ++i) {
    for (const GeneratedColumn& generated : definition.generated) {
      if (generated.before_column == i) add(GeneratedClause(generated));
    }
    if (i < definition.columns.size()) add(ColumnClause(definition.columns[i]));
  }
  for (const Index& index : definition.indexes) add(IndexClause(index, definition.key_name));
  sql += "\n) ENGINE=InnoDB";
  if (!definition.charset.empty()) sql += " DEFAULT CHARACTER SET " + definition.charset;
  if (!definition.collation.empty()) sql += " COLLATE " + definition.collation;
  return sql + RowFormatClause(definition.row_format);
}

}  // namespace osarchiver
