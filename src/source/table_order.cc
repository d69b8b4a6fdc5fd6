#include "source/table_order.h"

#include <algorithm>
#include <map>
#include <set>

#include "formats/table_definition.h"
#include "source/dependents.h"

namespace osarchiver {
namespace {

constexpr std::size_t kUnseen = static_cast<std::size_t>(-1);

// Tables as numbers in the order of their names; an edge leads from a child to each parent it
// refers to, or whose trees rows refer to that go with its own.
struct Graph {
  std::vector<TablePlan*> tables;
  std::vector<std::set<std::size_t>> parents;
  std::vector<std::set<std::size_t>> children;
  // Edges of the second kind alone.
  std::set<std::pair<std::size_t, std::size_t>> by_dependents;
};

bool SameDependents(const Dependents& a, const Dependents& b) {
  return a.other == b.other && std::equal(a.rules.begin(), a.rules.end(), b.rules.begin(),
                                          b.rules.end(), [](const auto& x, const auto& y) {
                                            return x.policy == y.policy &&
                                                   x.tables.text() == y.tables.text();
                                          });
}

// A foreign key, and the table that it leads to.
struct Reference {
  const TablePlan* referenced;
  const ForeignKey* key;
};

std::map<TableName, std::vector<Reference>> ReferencesByTable(const SourcePlan& plan) {
  std::map<TableName, std::vector<Reference>> references;
  for (const auto* list : {&plan.tables, &plan.dependents}) {
    for (const auto& table : *list) {
      for (const ForeignKey& key : table->referrers)
        references[{key.database, key.table}].push_back({table.get(), &key});
    }
  }
  return references;
}

// The tables whose rows may go below rows of `from` in the trees of `root`.
void AddTablesBelow(const SourcePlan& plan, const TablePlan& root,
                    const std::map<TableName, const TablePlan*>& of_root, const TablePlan& from,
                    std::set<const TablePlan*>* below) {
  for (const ForeignKey& key : from.referrers) {
    const auto child = of_root.find({key.database, key.table});
    if (child == of_root.end() || !GoesWithParent(plan, root, key)) continue;
    if (below->insert(child->second).second)
      AddTablesBelow(plan, root, of_root, *child->second, below);
  }
}

// A row that goes with one of `root` refers by `key` to a row of a tree of `parent`: whether
// `parent` would take it along by itself. Not where rows of `parent` are among those `below` it: in
// trees of their own table they must be free by themselves.
bool TakesAsMuch(const SourcePlan& plan, const TablePlan& root, const TablePlan& parent,
                 const ForeignKey& key, const std::set<const TablePlan*>& below) {
  return parent.settings.archive == root.settings.archive &&
         SameDependents(parent.settings.dependents, root.settings.dependents) &&
         GoesWithParent(plan, parent, key) && !below.contains(&parent);
}

// Rows that go with those of a table free the trees that they hold, whose tables are worked after
// it: all that may go tonight goes tonight.
void AddEdgesOfDependents(const SourcePlan& plan, const std::map<TableName, std::size_t>& numbers,
                          Graph* graph) {
  const std::map<TableName, std::vector<Reference>> references = ReferencesByTable(plan);
  std::map<const TablePlan*, std::vector<const TablePlan*>> dependents;
  // Of which tables' trees rows of a table may be part, its own among them.
  std::map<const TablePlan*, std::vector<const TablePlan*>> parents_of_trees;
  for (const auto& table : plan.tables) {
    dependents[table.get()] = DependentTables(plan, *table);
    parents_of_trees[table.get()].push_back(table.get());
    for (const TablePlan* below : dependents[table.get()]) {
      if (below != table.get()) parents_of_trees[below].push_back(table.get());
    }
  }
  for (const auto& root : plan.tables) {
    const std::size_t from = numbers.at(root->name);
    std::map<TableName, const TablePlan*> of_root;
    for (const TablePlan* table : dependents[root.get()]) of_root[table->name] = table;
    for (const auto& [name, child] : of_root) {
      const auto found = references.find(name);
      if (found == references.end()) continue;
      std::set<const TablePlan*> below;
      AddTablesBelow(plan, *root, of_root, *child, &below);
      for (const Reference& reference : found->second) {
        for (const TablePlan* parent : parents_of_trees[reference.referenced]) {
          if (parent == root.get() || TakesAsMuch(plan, *root, *parent, *reference.key, below))
            continue;
          const std::size_t to = numbers.at(parent->name);
          if (!graph->parents[from].insert(to).second) continue;
          graph->children[to].insert(from);
          graph->by_dependents.insert({from, to});
        }
      }
    }
  }
}

Graph MakeGraph(const SourcePlan& plan) {
  Graph graph;
  for (const auto& table : plan.tables) graph.tables.push_back(table.get());
  for (const auto& table : plan.dependents) graph.tables.push_back(table.get());
  std::sort(graph.tables.begin(), graph.tables.end(),
            [](const TablePlan* a, const TablePlan* b) { return a->name < b->name; });
  std::map<TableName, std::size_t> numbers;
  for (std::size_t i = 0; i < graph.tables.size(); ++i) numbers[graph.tables[i]->name] = i;
  graph.parents.resize(graph.tables.size());
  graph.children.resize(graph.tables.size());
  for (std::size_t parent = 0; parent < graph.tables.size(); ++parent) {
    TablePlan& table = *graph.tables[parent];
    table.refers_to_itself = false;
    for (const ForeignKey& key : table.referrers) {
      const auto child = numbers.find({key.database, key.table});
      if (child == numbers.end()) continue;
      if (child->second == parent) {
        table.refers_to_itself = true;
      } else {
        graph.parents[child->second].insert(parent);
        graph.children[parent].insert(child->second);
      }
    }
  }
  AddEdgesOfDependents(plan, numbers, &graph);
  return graph;
}

// Tarjan's strongly connected components, without recursion: a chain of foreign keys may be long.
class Components {
 public:
  explicit Components(const Graph& graph)
      : graph_(graph), index_(graph.tables.size(), kUnseen), low_(index_), of_(index_) {
    for (std::size_t i = 0; i < graph.tables.size(); ++i) {
      if (index_[i] == kUnseen) Visit(i);
    }
  }
  std::size_t count() const { return count_; }
  std::size_t of(std::size_t table) const { return of_[table]; }

 private:
  struct Frame {
    std::size_t table;
    std::set<std::size_t>::const_iterator next;
  };

  void Enter(std::size_t table) {
    index_[table] = low_[table] = entered_++;
    stack_.push_back(table);
    frames_.push_back({table, graph_.parents[table].begin()});
  }

  void Visit(std::size_t first) {
    Enter(first);
    while (!frames_.empty()) {
      Frame& frame = frames_.back();
      if (frame.next == graph_.parents[frame.table].end()) {
        Leave();
        continue;
      }
      const std::size_t next = *frame.next++;
      if (index_[next] == kUnseen) {
        Enter(next);
      } else if (of_[next] == kUnseen) {
        low_[frame.table] = std::min(low_[frame.table], index_[next]);
      }
    }
  }

  void Leave() {
    const std::size_t table = frames_.back().table;
    frames_.pop_back();
    if (!frames_.empty()) {
      std::size_t& low = low_[frames_.back().table];
      low = std::min(low, low_[table]);
    }
    if (low_[table] != index_[table]) return;
    for (std::size_t member = kUnseen; member != table;) {
      member = stack_.back();
      stack_.pop_back();
      of_[member] = count_;
    }
    ++count_;
  }

  const Graph& graph_;
  std::vector<std::size_t> index_, low_, of_, stack_;
  std::vector<Frame> frames_;
  std::size_t entered_ = 0;
  std::size_t count_ = 0;
};

// Position of each component: always the first by name among those whose children are all placed.
std::vector<std::size_t> Place(const Graph& graph, const Components& components) {
  std::vector<std::set<std::size_t>> waiting_for(components.count()), frees(components.count());
  std::vector<std::size_t> first(components.count(), kUnseen);
  for (std::size_t table = 0; table < graph.tables.size(); ++table) {
    const std::size_t component = components.of(table);
    first[component] = std::min(first[component], table);
    for (const std::size_t child : graph.children[table]) {
      if (components.of(child) == component) continue;
      waiting_for[component].insert(components.of(child));
      frees[components.of(child)].insert(component);
    }
  }
  std::set<std::pair<std::size_t, std::size_t>> ready;  // (first table, component)
  for (std::size_t i = 0; i < components.count(); ++i) {
    if (waiting_for[i].empty()) ready.insert({first[i], i});
  }
  std::vector<std::size_t> position(components.count(), 0);
  for (std::size_t placed = 0; !ready.empty(); ++placed) {
    const std::size_t component = ready.begin()->second;
    ready.erase(ready.begin());
    position[component] = placed;
    for (const std::size_t parent : frees[component]) {
      waiting_for[parent].erase(component);
      if (waiting_for[parent].empty()) ready.insert({first[parent], parent});
    }
  }
  return position;
}

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
    text += words[i];
  }
  return text;
}

std::string ShortName(const TablePlan& table, const TablePlan& seen_from) {
  if (table.name.database == seen_from.name.database) return QuoteIdentifier(table.name.table);
  return Quoted(table.name);
}

std::string Reason(const Graph& graph, std::size_t number) {
  const TablePlan& table = *graph.tables[number];
  std::vector<std::string> before, cycle, after, before_dependents, after_dependents;
  for (const std::size_t parent : graph.parents[number]) {
    const TablePlan& other = *graph.tables[parent];
    std::vector<std::string>& named =
        graph.by_dependents.contains({number, parent}) ? before_dependents : before;
    (other.component == table.component ? cycle : named).push_back(ShortName(other, table));
  }
  for (const std::size_t child : graph.children[number]) {
    const TablePlan& other = *graph.tables[child];
    if (other.component == table.component) continue;
    (graph.by_dependents.contains({child, number}) ? after_dependents : after)
        .push_back(ShortName(other, table));
  }
  std::vector<std::string> parts;
  if (!before.empty()) {
    parts.push_back("before " + Join(before) + ", which it refers to");
  }
  if (!after.empty()) {
    parts.push_back("after " + Join(after) + ", which " + (after.size() == 1 ? "refers" : "refer") +
                    " to it");
  }
  if (!before_dependents.empty()) {
    parts.push_back("before " + Join(before_dependents) +
                    ", which rows that go with its own refer to");
  }
  if (!after_dependents.empty()) {
    parts.push_back("after " + Join(after_dependents) + ", with which rows go that refer to it");
  }
  if (!cycle.empty()) parts.push_back("in turns with " + Join(cycle) + ": a cycle");
  if (table.refers_to_itself) parts.push_back("refers to itself: leaf rows first");
  if (parts.empty()) return "independent";
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : "; ") + part;
  return text;
}

}  // namespace

void OrderTables(SourcePlan* plan) {
  const Graph graph = MakeGraph(*plan);
  const Components components(graph);
  const std::vector<std::size_t> position = Place(graph, components);
  std::vector<std::size_t> members(components.count(), 0);
  for (std::size_t i = 0; i < graph.tables.size(); ++i) {
    graph.tables[i]->component = static_cast<std::uint32_t>(position[components.of(i)]);
    ++members[components.of(i)];
  }
  for (std::size_t i = 0; i < graph.tables.size(); ++i) {
    TablePlan& table = *graph.tables[i];
    table.in_cycle = members[components.of(i)] > 1;
    std::set<std::uint32_t> after;
    for (const std::size_t child : graph.children[i]) {
      if (graph.tables[child]->component != table.component) {
        after.insert(graph.tables[child]->component);
      }
    }
    table.after.assign(after.begin(), after.end());
    table.order_reason = Reason(graph, i);
  }
  const auto earlier = [](const auto& a, const auto& b) {
    return std::tie(a->component, a->name) < std::tie(b->component, b->name);
  };
  std::sort(plan->tables.begin(), plan->tables.end(), earlier);
  std::sort(plan->dependents.begin(), plan->dependents.end(), earlier);
}

}  // namespace osarchiver
