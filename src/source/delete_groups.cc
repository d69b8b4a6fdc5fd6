#include "source/delete_groups.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace osarchiver {
namespace {

using Columns = std::vector<std::size_t>;

// Positions of the named columns; nothing when one is not stored (generated): such references are
// left to the server, which refuses a parent whose child is still there.
std::optional<Columns> Positions(const TableDefinition& definition,
                                 const std::vector<std::string>& names) {
  Columns positions;
  for (const std::string& name : names) {
    const auto column = std::find_if(definition.columns.begin(), definition.columns.end(),
                                     [&name](const Column& c) { return c.name == name; });
    if (column == definition.columns.end()) return std::nullopt;
    positions.push_back(static_cast<std::size_t>(column - definition.columns.begin()));
  }
  return positions;
}

// Appends a value so that values which a foreign key takes for equal are equal bytes: letters of
// either case, trailing spaces, leading zeros of ZEROFILL. Values that differ may become equal;
// then rows stay together that need not.
void AppendNormalized(const Column& column, std::string_view bytes, std::string* text) {
  if (column.value_class == ValueClass::kNumber) {
    bytes.remove_prefix(std::min(bytes.find_first_not_of('0'), bytes.size()));
  } else if (!column.collation.empty()) {
    bytes = bytes.substr(0, bytes.find_last_not_of(' ') + 1);
  }
  const std::size_t size = bytes.size();
  text->append(reinterpret_cast<const char*>(&size), sizeof size);
  const bool fold = !column.collation.empty() && !column.collation.ends_with("_bin");
  for (const char c : bytes) {
    text->push_back(fold && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
}

// False when a value is NULL: such a row refers to nothing.
bool Collect(const DeletableRows& rows, std::size_t row, const Columns& columns,
             std::vector<Value>* values, std::string* text) {
  values->clear();
  ValueCursor cursor(rows.row(row));
  while (!cursor.AtEnd()) values->push_back(cursor.Next());
  text->clear();
  for (const std::size_t column : columns) {
    const Value& value = (*values)[column];
    if (value.kind == ValueKind::kNull) return false;
    AppendNormalized(rows.definition().columns[column], value.bytes, text);
  }
  return true;
}

using ReferencedRows = std::unordered_multimap<std::string, std::uint32_t>;

ReferencedRows IndexBy(const DeletableRows& rows, const Columns& columns) {
  ReferencedRows index;
  index.reserve(rows.size());
  std::vector<Value> values;
  std::string text;
  for (std::uint32_t row = 0; row < rows.size(); ++row) {
    if (Collect(rows, row, columns, &values, &text)) index.emplace(text, row);
  }
  return index;
}

bool RefersTo(const ForeignKey& key, const DeletableRows& parent) {
  return key.referenced_database == parent.table().name.database &&
         key.referenced_table == parent.table().name.table;
}

// Appends (child, parent) for every row of `child` that refers to an indexed row; a row that refers
// to itself is none.
void FindPairs(const DeletableRows& child, const Columns& columns, const ReferencedRows& parent,
               std::uint32_t child_begin, std::uint32_t parent_begin,
               std::vector<std::pair<std::uint32_t, std::uint32_t>>* pairs) {
  std::vector<Value> values;
  std::string text;
  for (std::uint32_t row = 0; row < child.size(); ++row) {
    if (!Collect(child, row, columns, &values, &text)) continue;
    const auto [first, last] = parent.equal_range(text);
    for (auto it = first; it != last; ++it) {
      if (child_begin + row == parent_begin + it->second) continue;
      pairs->emplace_back(child_begin + row, parent_begin + it->second);
    }
  }
}

std::uint32_t Root(std::vector<std::uint32_t>& parents, std::uint32_t id) {
  while (parents[id] != id) id = parents[id] = parents[parents[id]];
  return id;
}

}  // namespace

DeleteGroups::DeleteGroups(const std::vector<DeletableRows>& parts) {
  part_begin_.push_back(0);
  for (const DeletableRows& part : parts) {
    part_begin_.push_back(part_begin_.back() + static_cast<std::uint32_t>(part.size()));
  }
  order_.resize(part_begin_.back());
  std::iota(order_.begin(), order_.end(), 0);
  FindReferences(parts);
  const std::uint32_t first_of_last = parts.empty() ? 0 : part_begin_[parts.size() - 1];
  for (const auto& [child, parent] : references_) {
    stays_.emplace_back(child, parent);
    // A row of the last part is old enough by itself and may go although what it refers to stays.
    if (child < first_of_last) stays_.emplace_back(parent, child);
  }
  std::sort(stays_.begin(), stays_.end());
  MakeGroups(parts);
}

RowPosition DeleteGroups::Locate(std::uint32_t id) const {
  std::uint32_t part = 0;
  while (id >= part_begin_[part + 1]) ++part;
  return {part, id - part_begin_[part]};
}

void DeleteGroups::FindReferences(const std::vector<DeletableRows>& parts) {
  // By parent and referenced columns: many foreign keys refer to the same ones.
  std::map<std::pair<std::size_t, Columns>, ReferencedRows> indexes;
  for (std::size_t child = 0; child < parts.size(); ++child) {
    for (const ForeignKey& key : parts[child].definition().foreign_keys) {
      for (std::size_t parent = 0; parent < parts.size(); ++parent) {
        if (!RefersTo(key, parts[parent])) continue;
        const auto columns = Positions(parts[child].definition(), key.columns);
        const auto referenced = Positions(parts[parent].definition(), key.referenced_columns);
        if (!columns || !referenced) continue;
        const auto [index, is_new] = indexes.try_emplace({parent, *referenced});
        if (is_new) index->second = IndexBy(parts[parent], *referenced);
        FindPairs(parts[child], *columns, index->second, part_begin_[child], part_begin_[parent],
                  &references_);
      }
    }
  }
}

void DeleteGroups::MakeGroups(const std::vector<DeletableRows>& parts) {
  if (parts.size() <= 1) {
    // Every row may go by itself, those that refer to others before them.
    if (!parts.empty()) {
      std::stable_sort(order_.begin(), order_.end(), [&parts](std::uint32_t a, std::uint32_t b) {
        return parts[0].level(a) < parts[0].level(b);
      });
    }
    group_begin_.resize(order_.size() + 1);
    std::iota(group_begin_.begin(), group_begin_.end(), 0);
    return;
  }
  std::vector<std::uint32_t> parents(order_);
  for (const auto& [child, parent] : references_) {
    parents[Root(parents, child)] = Root(parents, parent);
  }
  // In the order of the last part's key. Dependents whose parent was not recognized (a collation
  // that takes more for equal than we do) come first: they must be gone before it.
  std::vector<std::uint32_t> rank(order_.size(), 0);
  for (std::uint32_t id = part_begin_[parts.size() - 1]; id < order_.size(); ++id) {
    std::uint32_t& root_rank = rank[Root(parents, id)];
    if (root_rank == 0) root_rank = id;
  }
  std::vector<std::pair<std::uint32_t, std::uint32_t>> place(order_.size());
  for (std::uint32_t id = 0; id < order_.size(); ++id) {
    const std::uint32_t root = Root(parents, id);
    place[id] = {rank[root], root};
  }
  std::stable_sort(order_.begin(), order_.end(),
                   [&place](std::uint32_t a, std::uint32_t b) { return place[a] < place[b]; });
  for (std::size_t i = 0; i < order_.size(); ++i) {
    if (i == 0 || place[order_[i]] != place[order_[i - 1]]) group_begin_.push_back(i);
  }
  group_begin_.push_back(order_.size());
}

std::vector<std::uint32_t> DeleteGroups::StayingWith(const std::vector<std::uint32_t>& rows) const {
  std::vector<bool> seen(order_.size());
  std::vector<std::uint32_t> result;
  const auto add = [&seen, &result](std::uint32_t id) {
    if (!seen[id]) result.push_back(id);
    seen[id] = true;
  };
  for (const std::uint32_t id : rows) add(id);
  for (std::size_t next = 0; next < result.size(); ++next) {
    auto edge = std::lower_bound(stays_.begin(), stays_.end(),
                                 std::pair<std::uint32_t, std::uint32_t>(result[next], 0));
    for (; edge != stays_.end() && edge->first == result[next]; ++edge) add(edge->second);
  }
  return result;
}

}  // namespace osarchiver
