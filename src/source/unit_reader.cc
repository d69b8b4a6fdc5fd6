#include "source/unit_reader.h"

#include <algorithm>

#include "source/dependent_reader.h"
#include "source/level_reader.h"
#include "source/range_reader.h"
#include "source/row_tuples.h"
#include "source/selection.h"
#include "util/log.h"

namespace osarchiver {
namespace {

// A single row's tree may exceed a unit's limits this often; beyond that it is no business of one
// transaction.
constexpr std::uint64_t kLargestTree = 20;
// Of rows that stay because of their trees.
constexpr std::size_t kMaxListed = 1000;

}  // namespace

struct UnitReader::State {
  State(Connection& server, const SourcePlan& source, const TablePlan& walked, ReadPurpose why,
        std::string start, Clock& time, StopControl& control)
      : connection(&server),
        plan(source),
        table(walked),
        purpose(why),
        position(std::move(start)),
        clock(time),
        stop(control),
        dependents(source, walked, why) {}

  bool by_levels() const { return table.refers_to_itself && purpose == ReadPurpose::kDelete; }
  // Nothing before the first read.
  RowReader* walk() const { return levels ? &levels->leaves() : rows.get(); }
  void Open();
  bool ReadRows(const ReadLimits& limits, UnitPart* part);
  void Undo();
  bool ReadTrees(const ReadLimits& limits, Unit* unit);
  std::size_t Fitting(const ReadLimits& limits, const RowBatch& roots, const Trees& trees) const;
  void KeepFree(const Trees& trees, UnitPart* roots, std::vector<bool>* goes) const;
  void NoteTooLarge(const ForeignKey& key, std::string_view root);
  void Assemble(UnitPart roots, Trees trees, Unit* unit) const;

  Connection* connection;
  const SourcePlan& plan;
  const TablePlan& table;
  const ReadPurpose purpose;
  const std::string position;  // where the pass begins
  Clock& clock;
  StopControl& stop;
  // One of the two: in a table that refers to itself rows come by levels when they are to be
  // deleted.
  std::unique_ptr<RowReader> rows;
  std::unique_ptr<LevelReader> levels;
  std::function<void()> pause;
  RowBatch spare;
  DependentReader dependents;
  bool trees_stay = false;                               // a root was left out because of its tree
  std::vector<BlockedCount> too_large;                   // their select_sql is made of the keys
  std::vector<std::vector<std::string>> too_large_keys;  // of each, as literals
  bool restarted = false;  // and nothing was read since: what the walk before met is still known
  std::uint64_t roots_per_unit = 1000;  // adapts to the size of the trees
};

UnitReader::UnitReader(Connection& connection, const SourcePlan& plan, const TablePlan& table,
                       ReadPurpose purpose, std::string position, Clock& clock, StopControl& stop)
    : state_(new State(connection, plan, table, purpose, std::move(position), clock, stop)) {}

// At the first read, because it asks the server.
void UnitReader::State::Open() {
  if (rows || levels) return;
  RowSelection selection;
  selection.old_enough = OldEnoughCondition(table, kRowAlias);
  selection.flag = FlagCondition(table, kRowAlias);
  if (purpose == ReadPurpose::kDelete) selection.free = UnblockedCondition(plan, table, kRowAlias);
  selection.notice_blocked = !by_levels();
  auto reader = std::make_unique<RangeReader>(table, ChooseOrder(*connection, table),
                                              std::move(selection), position, clock, stop);
  reader->BetweenStatements(pause);
  if (by_levels()) {
    levels = std::make_unique<LevelReader>(plan, table, std::move(reader));
  } else {
    rows = std::move(reader);
  }
}

UnitReader::~UnitReader() = default;

bool UnitReader::State::ReadRows(const ReadLimits& limits, UnitPart* part) {
  part->table = &table;
  if (levels) return levels->Next(*connection, limits, &part->rows, &part->levels);
  part->rows = std::move(spare);
  if (!rows->Next(*connection, limits, &part->rows)) return false;
  part->levels.assign(part->rows.row_count(), 0);
  return true;
}

void UnitReader::State::Undo() {
  if (levels) {
    levels->Undo();
  } else {
    rows->Undo();
  }
}

bool UnitReader::State::ReadTrees(const ReadLimits& limits, Unit* unit) {
  for (;;) {
    UnitPart roots;
    if (!ReadRows({std::min(limits.rows, roots_per_unit), limits.bytes}, &roots)) return false;
    const std::size_t count = roots.rows.row_count();
    const std::uint64_t most = count > 1 ? 2 : kLargestTree;
    Trees trees;
    try {
      trees = dependents.Gather(*connection, roots.rows, {most * limits.rows, most * limits.bytes});
    } catch (...) {
      Undo();
      throw;
    }
    if (trees.too_large != nullptr && count > 1) {
      Undo();
      roots_per_unit = std::max<std::uint64_t>(1, count / 4);
      continue;
    }
    if (trees.too_large != nullptr) {
      NoteTooLarge(*trees.too_large, roots.rows.row(0));
      continue;
    }
    const std::size_t fitting = Fitting(limits, roots.rows, trees);
    if (fitting < count) {
      Undo();
      roots_per_unit = fitting;
      continue;
    }
    // Grows while there is room for twice as much.
    if (Fitting({limits.rows / 2, limits.bytes / 2}, roots.rows, trees) == count) {
      roots_per_unit = std::min(limits.rows, roots_per_unit * 2);
    }
    trees_stay = trees_stay ||
                 std::find(trees.blocked.begin(), trees.blocked.end(), true) != trees.blocked.end();
    Assemble(std::move(roots), std::move(trees), unit);
    if (!unit->parts.empty()) return true;
  }
}

void UnitReader::State::NoteTooLarge(const ForeignKey& key, std::string_view root) {
  const TableDefinition& definition = table.definition();
  const std::string text = KeyText(KeyBytes(root, definition.key));
  LogWarning("table " + ToText(table.name) + ": more rows depend on row " + text +
             " than one transaction should hold; it stays");
  trees_stay = true;
  const std::string referring = ToText(TableName{key.database, key.table});
  std::size_t i = 0;
  while (i < too_large.size() &&
         (too_large[i].referring != referring || too_large[i].constraint != key.name)) {
    ++i;
  }
  if (i == too_large.size()) {
    BlockedCount& count = too_large.emplace_back();
    count.referring = referring;
    count.constraint = key.name;
    count.why = kTooLargeTree;
    count.advice = "a larger batch_rows or batch_bytes for " + ToText(table.name);
    too_large_keys.emplace_back();
  }
  ++too_large[i].rows;
  if (too_large[i].example_keys.size() < kMaxExamples) too_large[i].example_keys.push_back(text);
  if (too_large_keys[i].size() >= kMaxListed) return;
  too_large_keys[i].push_back(
      TupleLiteral(definition, root, definition.key).value_or("NULL"));  // no key has a NULL
}

// How many of the roots, from the first on, keep within the limits together with their trees; at
// least one.
std::size_t UnitReader::State::Fitting(const ReadLimits& limits, const RowBatch& roots,
                                       const Trees& trees) const {
  std::uint64_t row_count = 0, byte_count = 0;
  for (std::size_t i = 0; i < roots.row_count(); ++i) {
    row_count += 1 + trees.rows[i];
    byte_count += roots.row(i).size() + trees.bytes[i];
    if (row_count > limits.rows || byte_count > limits.bytes) return std::max<std::size_t>(1, i);
  }
  return roots.row_count();
}

// Takes blocked roots out. In a table that refers to itself, what is above them cannot be told from
// what they hold: a later round has it.
void UnitReader::State::KeepFree(const Trees& trees, UnitPart* roots,
                                 std::vector<bool>* goes) const {
  goes->assign(roots->rows.row_count(), true);
  std::uint32_t lowest_blocked = ~std::uint32_t{0};
  for (std::size_t i = 0; i < goes->size(); ++i) {
    if (!trees.blocked[i]) continue;
    (*goes)[i] = false;
    lowest_blocked = std::min(lowest_blocked, roots->levels[i]);
  }
  UnitPart kept;
  kept.table = roots->table;
  kept.rows = RowBatch(roots->rows.column_count());
  for (std::size_t i = 0; i < goes->size(); ++i) {
    if (roots->levels[i] > lowest_blocked) (*goes)[i] = false;
    if (!(*goes)[i]) continue;
    kept.rows.AppendRow(roots->rows.row(i));
    kept.levels.push_back(roots->levels[i]);
  }
  *roots = std::move(kept);
}

void UnitReader::State::Assemble(UnitPart roots, Trees trees, Unit* unit) const {
  std::vector<bool> goes;
  KeepFree(trees, &roots, &goes);
  if (roots.rows.row_count() == 0) return;
  std::uint32_t highest = 0;
  for (Trees::Part& tree : trees.parts) {
    UnitPart part;
    part.table = tree.table;
    part.rows = RowBatch(tree.rows.column_count());
    for (std::size_t i = 0; i < tree.rows.row_count(); ++i) {
      const bool wanted = std::any_of(tree.owners[i].begin(), tree.owners[i].end(),
                                      [&](std::uint32_t owner) { return goes[owner]; });
      if (!wanted) continue;
      part.rows.AppendRow(tree.rows.row(i));
      part.levels.push_back(tree.levels[i]);
      highest = std::max(highest, tree.levels[i]);
    }
    if (part.rows.row_count() > 0) unit->parts.push_back(std::move(part));
  }
  // Nothing refers to dependents from above, so the roots may all come last.
  for (std::uint32_t& level : roots.levels) level += highest;
  unit->parts.push_back(std::move(roots));
}

bool UnitReader::Next(const ReadLimits& limits, Unit* unit) {
  unit->parts.clear();
  state_->Open();
  if (state_->restarted) {
    state_->too_large.clear();
    state_->too_large_keys.clear();
    state_->restarted = false;
  }
  if (state_->dependents.any()) return state_->ReadTrees(limits, unit);
  UnitPart part;
  if (!state_->ReadRows(limits, &part)) return false;
  unit->parts.push_back(std::move(part));
  return true;
}

void UnitReader::Reconnect(Connection& connection) { state_->connection = &connection; }

void UnitReader::UseMemoryOf(RowBatch spare) { state_->spare = std::move(spare); }

void UnitReader::BetweenStatements(std::function<void()> pause) {
  state_->pause = std::move(pause);
}

std::string UnitReader::position() const {
  return state_->walk() == nullptr ? state_->position : state_->walk()->position();
}

bool UnitReader::needs_previous_unit_settled() const {
  return state_->by_levels() || state_->dependents.shares_rows();
}

void UnitReader::Restart() {
  state_->restarted = true;
  if (state_->levels) state_->levels->Restart();
  if (state_->rows) state_->rows->Restart();
}

std::optional<std::uint64_t> UnitReader::live_flag_rows() const {
  const RowReader* walk = state_->walk();
  if (walk == nullptr || !walk->passed_over()) return std::nullopt;
  return walk->passed_over()->live_flag_rows;
}

bool UnitReader::may_be_blocked() const {
  if (state_->trees_stay) return true;
  if (state_->purpose != ReadPurpose::kDelete || BlockersOf(state_->plan, state_->table).empty()) {
    return false;
  }
  const RowReader* walk = state_->walk();
  if (state_->by_levels() || walk == nullptr || !walk->passed_over()) return true;
  return walk->passed_over()->blocked;
}

std::optional<std::vector<RowSet>> UnitReader::blocked_rows() const {
  const RowReader* walk = state_->walk();
  if (state_->by_levels() || state_->trees_stay || walk == nullptr || !walk->passed_over())
    return std::nullopt;
  return walk->passed_over()->blocked_rows;
}

std::vector<BlockedCount> UnitReader::too_large() const {
  std::vector<BlockedCount> counts = state_->too_large;
  const TablePlan& table = state_->table;
  const std::string key = TupleExpression(KeyColumnNames(table.definition()), kRowAlias);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    counts[i].select_sql =
        "SELECT " + KeyColumns(table.definition(), kRowAlias) + " FROM " + Quoted(table.name) +
        " AS " + std::string(kRowAlias) + " WHERE " + key + " IN (" +
        JoinLiterals(state_->too_large_keys[i], 0, state_->too_large_keys[i].size()) + ");";
  }
  return counts;
}

double UnitReader::progress() const {
  return state_->walk() == nullptr ? 0 : state_->walk()->progress();
}

}  // namespace osarchiver
