#include "source/dependent_reader.h"

#include <algorithm>
#include <tuple>

#include "mariadb/quote.h"
#include "source/dependents.h"
#include "source/row_tuples.h"
#include "source/selection.h"

namespace osarchiver {
namespace {

constexpr std::size_t kChildrenPerLookUp = 500;
constexpr std::chrono::seconds kChildLookUpLimit{60};

// Whether anything was new.
bool AddOwners(const std::vector<std::uint32_t>& from, std::vector<std::uint32_t>* to) {
  const std::size_t before = to->size();
  for (const std::uint32_t owner : from) {
    if (std::find(to->begin(), to->end(), owner) == to->end()) to->push_back(owner);
  }
  return to->size() > before;
}

// Whether a child refers to one row at most. InnoDB lets foreign keys refer to columns that are not
// unique.
bool IsUnique(const TableDefinition& definition, const ForeignKey& key) {
  const auto is_referenced = [&](const IndexPart& part) {
    return part.prefix_length == 0 &&
           std::find(key.referenced_columns.begin(), key.referenced_columns.end(), part.column) !=
               key.referenced_columns.end();
  };
  return std::any_of(definition.indexes.begin(), definition.indexes.end(), [&](const Index& index) {
    return index.unique && std::all_of(index.parts.begin(), index.parts.end(), is_referenced);
  });
}

}  // namespace

// Rows of all tables of the trees so far; number 0 are the roots.
struct DependentReader::Gathering {
  struct RowName {
    std::size_t part;
    std::uint32_t row;
  };
  // By part and row: the rows that refer to it.
  std::vector<std::vector<std::vector<RowName>>> children;
  std::vector<Trees::Part> parts;
  std::vector<std::vector<bool>> stuck;  // by part and row: a row that stays refers to it
  std::vector<std::unordered_map<std::string, std::uint32_t>>
      by_key;                          // by part: key literal -> row
  std::vector<std::size_t> descended;  // by edge: parent rows whose children are read
  ReadLimits limits;
  std::uint64_t rows = 0, bytes = 0;
  const ForeignKey* too_large = nullptr;  // along which the limits were reached
  // Of the values asked for in one statement: the parent rows that have them.
  std::unordered_map<std::string, std::vector<std::uint32_t>> parents;

  // The number of the row in its part, added when it is new.
  std::uint32_t Add(const Edge& edge, const std::string& key, std::string_view row, bool is_stuck) {
    const std::size_t part = edge.child;
    const auto number = static_cast<std::uint32_t>(parts[part].rows.row_count());
    const auto [known, fresh] = by_key[part].try_emplace(key, number);
    if (fresh) {
      parts[part].rows.AppendRow(row);
      parts[part].owners.emplace_back();
      stuck[part].push_back(false);
      children[part].emplace_back();
      ++rows;
      bytes += row.size();
      if (rows > limits.rows || bytes > limits.bytes) too_large = &edge.key;
    }
    if (is_stuck) stuck[part][known->second] = true;
    return known->second;
  }

  // Every row belongs to the roots that what it refers to belongs to. Known only now: a row may be
  // reached by a second way after its own children were read.
  void SpreadOwners() {
    std::vector<RowName> changed;
    for (std::uint32_t i = 0; i < parts[0].owners.size(); ++i) changed.push_back({0, i});
    while (!changed.empty()) {
      const RowName from = changed.back();
      changed.pop_back();
      for (const RowName& child : children[from.part][from.row]) {
        if (AddOwners(parts[from.part].owners[from.row], &parts[child.part].owners[child.row])) {
          changed.push_back(child);
        }
      }
    }
  }
};

DependentReader::DependentReader(const SourcePlan& plan, const TablePlan& root, ReadPurpose purpose)
    : root_(root), purpose_(purpose), tables_(DependentTables(plan, root)) {
  std::sort(tables_.begin(), tables_.end(), [](const TablePlan* a, const TablePlan* b) {
    return std::tie(a->component, a->name) < std::tie(b->component, b->name);
  });
  for (std::size_t number = 0; number <= tables_.size(); ++number) AddEdges(plan, number);
  for (std::size_t number = 1; number <= tables_.size(); ++number) {
    const auto ways = std::count_if(edges_.begin(), edges_.end(),
                                    [&](const Edge& edge) { return edge.child == number; });
    shares_rows_ = shares_rows_ || ways > 1;
  }
  for (const Edge& edge : edges_) {
    shares_rows_ = shares_rows_ || !IsUnique(table(edge.parent).definition(), edge.key);
  }
}

const TablePlan& DependentReader::table(std::size_t number) const {
  return number == 0 ? root_ : *tables_[number - 1];
}

void DependentReader::AddEdges(const SourcePlan& plan, std::size_t parent) {
  const TableDefinition& definition = table(parent).definition();
  for (const ForeignKey& key : table(parent).referrers) {
    if (!GoesWithParent(plan, root_, key)) continue;
    const TablePlan* child = plan.Find({key.database, key.table});
    const auto number = static_cast<std::size_t>(std::find(tables_.begin(), tables_.end(), child) -
                                                 tables_.begin()) +
                        1;
    const auto parent_columns = PositionsOf(definition, key.referenced_columns);
    const auto child_columns = PositionsOf(child->definition(), key.columns);
    if (!parent_columns || !child_columns) {
      throw Error("foreign key " + key.name + " of " + ToText(child->name) +
                      " has a generated column: its rows cannot go with their parents",
                  "dependents: {" + child->name.table + ": block}");
    }
    Edge edge{parent, number, key, *parent_columns, *child_columns, ""};
    edge.select =
        Guarded(kChildLookUpLimit) + "SELECT " + ReadExpressions(child->definition(), kRowAlias) +
        ", " + BlockedExpression(plan, *child) + " FROM " + Quoted(child->name) + " AS " +
        std::string(kRowAlias) + " WHERE " + TupleExpression(key.columns, kRowAlias) + " IN (";
    edges_.push_back(std::move(edge));
  }
}

std::string DependentReader::BlockedExpression(const SourcePlan& plan,
                                               const TablePlan& table) const {
  std::string any;
  for (const ForeignKey& key : table.referrers) {
    if (purpose_ != ReadPurpose::kDelete || GoesWithParent(plan, root_, key)) continue;
    any += (any.empty() ? "" : " OR ") + HasChildCondition(table, key, kRowAlias);
  }
  return any.empty() ? "0" : any;
}

Trees DependentReader::Gather(Connection& connection, const RowBatch& roots,
                              const ReadLimits& limits) const {
  Gathering gathering;
  gathering.limits = limits;
  gathering.parts.resize(tables_.size() + 1);
  gathering.stuck.resize(tables_.size() + 1);
  gathering.children.resize(tables_.size() + 1);
  gathering.by_key.resize(tables_.size() + 1);
  gathering.descended.assign(edges_.size(), 0);
  for (std::size_t number = 0; number <= tables_.size(); ++number) {
    gathering.parts[number].table = &table(number);
    gathering.parts[number].rows = RowBatch(table(number).definition().columns.size());
  }
  for (std::uint32_t i = 0; i < roots.row_count(); ++i) {
    gathering.parts[0].rows.AppendRow(roots.row(i));
    gathering.parts[0].owners.push_back({i});
    gathering.children[0].emplace_back();
  }
  for (bool more = true; more && gathering.too_large == nullptr;) {
    more = false;
    for (std::size_t e = 0; e < edges_.size() && gathering.too_large == nullptr; ++e) {
      const std::size_t first = gathering.descended[e];
      const std::size_t end = gathering.parts[edges_[e].parent].rows.row_count();
      if (first == end) continue;
      gathering.descended[e] = end;
      Descend(connection, edges_[e], first, &gathering);
      more = true;
    }
  }
  Trees trees;
  trees.too_large = gathering.too_large;
  if (trees.too_large != nullptr) return trees;
  gathering.SpreadOwners();
  trees.blocked.assign(roots.row_count(), false);
  trees.rows.assign(roots.row_count(), 0);
  trees.bytes.assign(roots.row_count(), 0);
  SetLevels(&gathering);
  for (std::size_t number = 1; number <= tables_.size(); ++number) {
    Trees::Part& part = gathering.parts[number];
    for (std::size_t i = 0; i < part.rows.row_count(); ++i) {
      for (const std::uint32_t owner : part.owners[i]) {
        ++trees.rows[owner];
        trees.bytes[owner] += part.rows.row(i).size();
        if (gathering.stuck[number][i]) trees.blocked[owner] = true;
      }
    }
    if (part.rows.row_count() > 0) trees.parts.push_back(std::move(part));
  }
  return trees;
}

void DependentReader::Descend(Connection& connection, const Edge& edge, std::size_t first,
                              Gathering* gathering) const {
  const TableDefinition& definition = table(edge.parent).definition();
  std::vector<std::string> values;
  gathering->parents.clear();
  const std::size_t end = gathering->parts[edge.parent].rows.row_count();
  for (std::size_t i = first; i < end && gathering->too_large == nullptr; ++i) {
    const auto value =
        TupleLiteral(definition, gathering->parts[edge.parent].rows.row(i), edge.parent_columns);
    if (value) {
      auto& rows = gathering->parents[*value];
      if (rows.empty()) values.push_back(*value);
      rows.push_back(static_cast<std::uint32_t>(i));
    }
    if (values.size() == kChildrenPerLookUp || (i + 1 == end && !values.empty())) {
      Fetch(connection, edge, values, gathering);
      values.clear();
      gathering->parents.clear();
    }
  }
}

void DependentReader::Fetch(Connection& connection, const Edge& edge,
                            const std::vector<std::string>& values, Gathering* gathering) const {
  const TablePlan& child = table(edge.child);
  const TableDefinition& definition = child.definition();
  std::vector<std::uint32_t> met;
  RowBatch one(definition.columns.size());
  const auto result = connection.Stream(
      edge.select + JoinLiterals(values, 0, values.size()) + ")", [&](const Row& row) {
        one.Clear();
        AppendRow(definition, row, ~std::uint64_t{0}, &one);
        const std::string key =
            TupleLiteral(definition, one.row(0), definition.key).value_or("NULL");
        met.push_back(gathering->Add(edge, key, one.row(0), row.back() != "0"));
        return gathering->too_large != nullptr ? RowAction::kStop : RowAction::kContinue;
      });
  if (gathering->too_large != nullptr) return;
  RequireNoWarnings(connection, result, child.name);
  const RowBatch& rows = gathering->parts[edge.child].rows;
  for (const std::uint32_t row : met) {
    const auto value = TupleLiteral(definition, rows.row(row), edge.child_columns);
    auto parents = gathering->parents.find(value.value_or(""));
    if (parents == gathering->parents.end()) {
      const auto index = AskParent(
          connection, edge,
          TupleLiteral(definition, rows.row(row), definition.key).value_or("NULL"), values);
      // Gone, or pointing elsewhere, since it was read: the delete will find it so.
      if (!index) continue;
      parents = gathering->parents.find(values[*index]);
    }
    for (const std::uint32_t parent : parents->second) {
      // InnoDB lets a row go that refers to itself, unless the key restricts.
      const bool itself = edge.parent == edge.child && parent == row;
      if (itself && edge.key.on_delete != DeleteRule::kRestrict) continue;
      gathering->children[edge.parent][parent].push_back({edge.child, row});
    }
  }
}

std::optional<std::size_t> DependentReader::AskParent(
    Connection& connection, const Edge& edge, const std::string& child_key,
    const std::vector<std::string>& values) const {
  const TablePlan& child = table(edge.child);
  const std::string columns = TupleExpression(edge.key.columns, kRowAlias);
  std::string which = "CASE";
  for (std::size_t i = 0; i < values.size(); ++i) {
    which += " WHEN " + columns + " = " + values[i] + " THEN " + std::to_string(i);
  }
  const auto index = connection.QueryValue(
      "SELECT " + which + " END FROM " + Quoted(child.name) + " AS " + std::string(kRowAlias) +
      " WHERE " + TupleExpression(KeyColumnNames(child.definition()), kRowAlias) + " = " +
      child_key);
  if (!index) return std::nullopt;
  return static_cast<std::size_t>(std::stoull(*index));
}

// Leaves first. Rows are deleted by level, and within a level table by table: a row must come after
// everything that refers to it, so rows of later tables may share the level of their children, rows
// of the same or of an earlier table may not. What goes round in a circle blocks its trees.
void DependentReader::SetLevels(Gathering* gathering) const {
  using RowName = Gathering::RowName;
  std::vector<std::vector<std::vector<RowName>>> parents_of(tables_.size() + 1);
  std::vector<std::vector<std::size_t>> children_left(tables_.size() + 1);
  for (std::size_t part = 1; part <= tables_.size(); ++part) {
    const std::size_t count = gathering->parts[part].rows.row_count();
    gathering->parts[part].levels.assign(count, 0);
    parents_of[part].resize(count);
    children_left[part].assign(count, 0);
  }
  std::vector<RowName> free;
  for (std::size_t part = 1; part <= tables_.size(); ++part) {
    for (std::uint32_t row = 0; row < children_left[part].size(); ++row) {
      for (const RowName& child : gathering->children[part][row]) {
        parents_of[child.part][child.row].push_back({part, row});
      }
      children_left[part][row] = gathering->children[part][row].size();
      if (children_left[part][row] == 0) free.push_back({part, row});
    }
  }
  while (!free.empty()) {
    const RowName child = free.back();
    free.pop_back();
    for (const RowName& parent : parents_of[child.part][child.row]) {
      std::uint32_t& level = gathering->parts[parent.part].levels[parent.row];
      const std::uint32_t after =
          gathering->parts[child.part].levels[child.row] + (child.part < parent.part ? 0 : 1);
      level = std::max(level, after);
      if (--children_left[parent.part][parent.row] == 0) free.push_back(parent);
    }
  }
  if (purpose_ != ReadPurpose::kDelete) return;
  for (std::size_t part = 1; part <= tables_.size(); ++part) {
    for (std::uint32_t row = 0; row < children_left[part].size(); ++row) {
      if (children_left[part][row] > 0) gathering->stuck[part][row] = true;
    }
  }
}

}  // namespace osarchiver
