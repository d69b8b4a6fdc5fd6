#include "source/key_walk.h"

#include <algorithm>
#include <charconv>

#include "mariadb/catalogue.h"
#include "mariadb/quote.h"
#include "source/column_types.h"
#include "util/hash.h"

namespace osarchiver {
namespace {

// Members of "enum('a','b')": every member is in quotes, quotes inside are doubled, so quotes come
// in pairs and a member's end is followed by a comma or the end.
std::size_t MemberCount(std::string_view column_type) {
  std::size_t count = 0;
  bool inside = false;
  for (std::size_t i = 0; i < column_type.size(); ++i) {
    if (column_type[i] == '\\') {
      ++i;
    } else if (column_type[i] == '\'') {
      if (inside && i + 1 < column_type.size() && column_type[i + 1] == '\'') {
        ++i;
        continue;
      }
      inside = !inside;
      if (inside) ++count;
    }
  }
  return count;
}

std::size_t ToNumber(const std::string& text) {
  std::size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string JoinOr(const std::vector<std::string>& branches) {
  if (branches.empty()) return "FALSE";
  std::string sql;
  for (const std::string& branch : branches) {
    sql += (sql.empty() ? "" : " OR ") + branch;
  }
  return branches.size() == 1 ? sql : "(" + sql + ")";
}

}  // namespace

KeyOrder::KeyOrder(const TableDefinition& definition)
    : KeyOrder(definition, definition.key_name, definition.key, "") {}

std::optional<KeyOrder> KeyOrder::ByIndex(const TableDefinition& definition,
                                          const std::string& index_name,
                                          const std::string& within) {
  const auto index = std::find_if(definition.indexes.begin(), definition.indexes.end(),
                                  [&](const Index& i) { return i.name == index_name; });
  if (index == definition.indexes.end() || index->type != "BTREE") return std::nullopt;
  std::vector<std::size_t> positions;
  for (const IndexPart& part : index->parts) {
    const auto column =
        std::find_if(definition.columns.begin(), definition.columns.end(),
                     [&](const Column& c) { return SameName(c.name, part.column); });
    if (column == definition.columns.end() || part.prefix_length != 0) return std::nullopt;
    if (column->nullable && !positions.empty()) return std::nullopt;
    positions.push_back(static_cast<std::size_t>(column - definition.columns.begin()));
  }
  // Only the clustered key is in every index, and in ascending order as we have it only where
  // nothing descends.
  if (definition.key_name != "PRIMARY") return std::nullopt;
  for (const Index& other : definition.indexes) {
    if (other.name != "PRIMARY" && other.name != index_name) continue;
    for (const IndexPart& part : other.parts) {
      if (part.descending) return std::nullopt;
    }
  }
  for (const std::size_t position : definition.key) {
    if (std::find(positions.begin(), positions.end(), position) == positions.end()) {
      positions.push_back(position);
    }
  }
  return KeyOrder(definition, index_name, std::move(positions), within);
}

KeyOrder::KeyOrder(const TableDefinition& definition, const std::string& index_name,
                   std::vector<std::size_t> positions, std::string within)
    : positions_(std::move(positions)), within_(std::move(within)) {
  const auto index = std::find_if(definition.indexes.begin(), definition.indexes.end(),
                                  [&](const Index& i) { return i.name == index_name; });
  std::string described = index_name;
  for (std::size_t i = 0; i < positions_.size(); ++i) {
    KeyColumn key;
    key.column = &definition.columns[positions_[i]];
    key.sql = std::string(kRowAlias) + "." + QuoteIdentifier(key.column->name);
    key.descending =
        index != definition.indexes.end() && i < index->parts.size() && index->parts[i].descending;
    key.by_number = key.column->data_type == "enum" || key.column->data_type == "set";
    if (key.column->data_type == "enum") key.members = MemberCount(key.column->type);
    if (i > 0) expressions_ += ", ";
    expressions_ += key.by_number ? "CAST(" + key.sql + " AS UNSIGNED)"
                                  : ReadExpression(*key.column, kRowAlias);
    for (const std::string& part : {key.column->name, key.column->type, key.column->collation}) {
      described += "\n" + part;
    }
    described += key.descending ? "\nDESC" : "\nASC";
    columns_.push_back(std::move(key));
  }
  from_ = Quoted(TableName{definition.database, definition.table}) + " AS " +
          std::string(kRowAlias) + " FORCE INDEX (" + QuoteIdentifier(index_name) + ")";
  fingerprint_ = Hex(Sha256().Of(described)).substr(0, 16);
  leads_with_integer_ = IsIntegerType(columns_[0].column->data_type) && !columns_[0].descending;
}

std::string KeyOrder::OrderBy() const {
  std::string sql;
  for (const KeyColumn& column : columns_) {
    if (!sql.empty()) sql += ", ";
    sql += column.sql + (column.descending ? " DESC" : "");
  }
  return sql;
}

KeyCursor KeyOrder::FromCells(const Row& row, std::size_t first) const {
  KeyCursor cursor;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    cursor.values.emplace_back(row[first + i].value_or(""));
  }
  return cursor;
}

std::string KeyOrder::TupleColumns() const {
  std::string sql;
  for (const KeyColumn& column : columns_) sql += (sql.empty() ? "" : ", ") + column.sql;
  return columns_.size() == 1 ? sql : "(" + sql + ")";
}

std::string KeyOrder::Tuple(const KeyCursor& cursor) const {
  std::string sql;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    sql += (sql.empty() ? "" : ", ") + Literal(columns_[i], cursor.values[i]);
  }
  return columns_.size() == 1 ? sql : "(" + sql + ")";
}

std::string KeyOrder::Literal(const KeyColumn& column, const std::string& value) const {
  if (column.by_number) return std::to_string(ToNumber(value));
  std::string sql;
  AppendKeyLiteral(*column.column, {ValueKind::kBytes, value}, &sql);
  return sql;
}

std::string KeyOrder::Beyond(const KeyColumn& column, const std::string& value, Side side) const {
  const bool greater = (side == Side::kBehind) != column.descending;
  if (column.members == 0) return column.sql + (greater ? " > " : " < ") + Literal(column, value);
  // A range over an ENUM does not use the index, a list of members does [tried]. 0 is the error
  // value.
  const std::size_t at = ToNumber(value);
  std::string list;
  for (std::size_t member = greater ? at + 1 : 0; member < (greater ? column.members + 1 : at);
       ++member) {
    list += (list.empty() ? "" : ", ") + std::to_string(member);
  }
  return list.empty() ? "" : column.sql + " IN (" + list + ")";
}

// (a > x) OR (a = x AND b > y) OR ...: the range optimizer makes one index range of it, of (a, b) >
// (x, y) it does not.
std::string KeyOrder::Expand(const KeyCursor& cursor, Side side) const {
  std::vector<std::string> branches;
  std::string equal;
  for (std::size_t i = 0; i < cursor.values.size() && i < columns_.size(); ++i) {
    const std::string beyond = Beyond(columns_[i], cursor.values[i], side);
    if (!beyond.empty()) branches.push_back(equal.empty() ? beyond : "(" + equal + beyond + ")");
    equal += columns_[i].sql + " = " + Literal(columns_[i], cursor.values[i]) + " AND ";
  }
  if (side == Side::kBefore) {
    // Up to includes the place itself. A last `=` beside a last `<` is one range again.
    equal.erase(equal.size() - 5);
    branches.push_back("(" + equal + ")");
  }
  return JoinOr(branches);
}

std::string KeyOrder::After(const KeyCursor& cursor) const { return Expand(cursor, Side::kBehind); }

std::string KeyOrder::UpTo(const KeyCursor& cursor) const { return Expand(cursor, Side::kBefore); }

std::string KeyOrder::Between(const std::optional<KeyCursor>& after,
                              const std::optional<KeyCursor>& up_to) const {
  std::string sql = within_;
  if (after) sql += (sql.empty() ? "" : " AND ") + After(*after);
  if (up_to) sql += (sql.empty() ? "" : " AND ") + UpTo(*up_to);
  return sql.empty() ? "TRUE" : sql;
}

bool KeyOrder::has_numbers() const {
  return std::any_of(columns_.begin(), columns_.end(),
                     [](const KeyColumn& column) { return column.by_number; });
}

std::string KeyOrder::ToText(const KeyCursor& cursor) const {
  std::string text = fingerprint_;
  for (const std::string& value : cursor.values) text += ":" + Hex(value);
  return text;
}

std::optional<KeyCursor> KeyOrder::FromText(std::string_view text) const {
  if (!text.starts_with(fingerprint_)) return std::nullopt;
  text.remove_prefix(fingerprint_.size());
  KeyCursor cursor;
  while (!text.empty()) {
    if (text[0] != ':' || cursor.values.size() == columns_.size()) return std::nullopt;
    const std::size_t end = std::min(text.find(':', 1), text.size());
    const auto value = BytesFromHex(text.substr(1, end - 1));
    if (!value) return std::nullopt;
    cursor.values.push_back(*value);
    text.remove_prefix(end);
  }
  if (cursor.values.empty()) return std::nullopt;
  return cursor;
}

}  // namespace osarchiver
