#include "source/level_reader.h"

#include <algorithm>

#include "mariadb/quote.h"
#include "source/row_tuples.h"
#include "source/selection.h"

namespace osarchiver {
namespace {

// Values per statement: long enough to save round trips, short enough for any max_allowed_packet.
constexpr std::size_t kValuesPerStatement = 1000;
// A look-up by key; only a server in trouble takes longer.
constexpr std::chrono::seconds kLookUpLimit{60};

bool IsSelfReference(const TablePlan& table, const ForeignKey& key) {
  return key.database == table.name.database && key.table == table.name.table;
}

std::string KeyLiteral(const TableDefinition& definition, std::string_view row) {
  return TupleLiteral(definition, row, definition.key).value_or("NULL");
}

}  // namespace

LevelReader::LevelReader(const SourcePlan& plan, const TablePlan& table,
                         std::unique_ptr<RowReader> leaves)
    : table_(table), leaves_(std::move(leaves)) {
  condition_ = EligibleCondition(table, kRowAlias);
  for (const Blocker& blocker : BlockersOf(plan, table)) {
    if (blocker.through.empty() && IsSelfReference(table, blocker.key)) {
      // A key on generated columns is still looked at; only the climb along it is left to later
      // rounds.
      self_keys_.push_back({blocker.key, PositionsOf(table.definition(), blocker.key.columns)
                                             .value_or(std::vector<std::size_t>{})});
    } else {
      condition_ += " AND NOT " + BlockedCondition(plan, table, blocker, kRowAlias);
    }
  }
  select_ = Guarded(kLookUpLimit) + "SELECT " + ReadExpressions(table.definition(), kRowAlias) +
            " FROM " + Quoted(table.name) + " AS " + std::string(kRowAlias) + " WHERE ";
  state_.frontier.resize(self_keys_.size());
}

void LevelReader::Undo() {
  if (state_.took_leaves) leaves_->Undo();
  state_ = before_;
}

void LevelReader::Restart() {
  leaves_->Restart();
  state_ = State();
  state_.frontier.resize(self_keys_.size());
}

bool LevelReader::IsEmpty(const Frontier& frontier) const {
  return std::all_of(frontier.begin(), frontier.end(),
                     [](const auto& values) { return values.empty(); });
}

bool LevelReader::Next(Connection& connection, const ReadLimits& limits, RowBatch* rows,
                       std::vector<std::uint32_t>* levels) {
  before_ = state_;
  state_.took_leaves = false;
  try {
    NoteStayed(connection);
    return Fill(connection, limits, rows, levels);
  } catch (...) {
    Undo();
    throw;
  }
}

bool LevelReader::Fill(Connection& connection, const ReadLimits& limits, RowBatch* rows,
                       std::vector<std::uint32_t>* levels) {
  const TableDefinition& definition = table_.definition();
  *rows = RowBatch(definition.columns.size());
  levels->clear();
  Chosen chosen;
  chosen.children.resize(self_keys_.size());
  Frontier frontier = std::move(state_.frontier);
  state_.frontier.assign(self_keys_.size(), {});
  // What the last unit had no room for comes first; its parents are free by now.
  bool room = IsEmpty(frontier) || Climb(connection, limits, frontier, chosen, rows);
  const bool climbed = rows->row_count() > 0;
  if (!climbed && !TakeLeaves(connection, limits, rows)) return false;
  Frontier rest;
  if (climbed && !room) rest = std::move(frontier);
  std::size_t first = 0;
  for (std::uint32_t level = 0; first < rows->row_count(); ++level) {
    const std::size_t end = rows->row_count();
    levels->resize(end, level);
    if (climbed || level > 0) {
      for (std::size_t i = first; i < end; ++i) {
        state_.pending.push_back(KeyLiteral(definition, rows->row(i)));
      }
    }
    frontier = Choose(*rows, first, &chosen);
    first = end;
    room = room && end < limits.rows && Climb(connection, limits, frontier, chosen, rows);
    if (!room) break;
  }
  if (!room) {
    const Frontier more = Choose(*rows, first, &chosen);
    levels->resize(rows->row_count(), levels->empty() ? 0 : levels->back() + 1);
    for (std::size_t i = first; i < rows->row_count(); ++i) {
      state_.pending.push_back(KeyLiteral(definition, rows->row(i)));
    }
    state_.frontier = std::move(frontier);
    for (std::size_t key = 0; key < self_keys_.size(); ++key) {
      auto& values = state_.frontier[key];
      if (!rest.empty()) values.insert(values.end(), rest[key].begin(), rest[key].end());
      values.insert(values.end(), more[key].begin(), more[key].end());
      std::sort(values.begin(), values.end());
      values.erase(std::unique(values.begin(), values.end()), values.end());
    }
  }
  return true;
}

bool LevelReader::TakeLeaves(Connection& connection, const ReadLimits& limits, RowBatch* rows) {
  for (;;) {
    RowBatch read;
    const bool more = leaves_->Next(connection, limits, &read);
    if (!more) return false;
    state_.took_leaves = true;
    if (state_.stayed.empty()) {
      *rows = std::move(read);
      return true;
    }
    for (std::size_t i = 0; i < read.row_count(); ++i) {
      if (!state_.stayed.contains(KeyLiteral(table_.definition(), read.row(i)))) {
        rows->AppendRow(read.row(i));
      }
    }
    if (rows->row_count() > 0) return true;
  }
}

// Rows above the leaves lie anywhere in the key's order. Those of the last unit that are still
// there were kept for a reason, and are not read twice in one walk.
void LevelReader::NoteStayed(Connection& connection) {
  const TableDefinition& definition = table_.definition();
  std::string expressions;
  for (const std::size_t position : definition.key) {
    expressions +=
        (expressions.empty() ? "" : ", ") + ReadExpression(definition.columns[position], kRowAlias);
  }
  const std::string select = Guarded(kLookUpLimit) + "SELECT " + expressions + " FROM " +
                             KeyOrder(definition).from() + " WHERE " +
                             TupleExpression(KeyColumnNames(definition), kRowAlias) + " IN (";
  for (std::size_t i = 0; i < state_.pending.size(); i += kValuesPerStatement) {
    connection.Stream(
        select + JoinLiterals(state_.pending, i, kValuesPerStatement) + ")", [&](const Row& row) {
          RowBatch key(definition.columns.size());
          for (std::size_t column = 0; column < definition.columns.size(); ++column) {
            const auto at = std::find(definition.key.begin(), definition.key.end(), column);
            if (at == definition.key.end()) {
              key.AppendNull();
            } else {
              AppendCell(definition.columns[column],
                         row[static_cast<std::size_t>(at - definition.key.begin())], &key);
            }
          }
          key.EndRow();
          state_.stayed.insert(KeyLiteral(definition, key.row(0)));
          return RowAction::kContinue;
        });
  }
  state_.pending.clear();
}

LevelReader::Frontier LevelReader::Choose(const RowBatch& rows, std::size_t first,
                                          Chosen* chosen) const {
  const TableDefinition& definition = table_.definition();
  Frontier parents(self_keys_.size());
  for (std::size_t i = first; i < rows.row_count(); ++i) {
    const std::string key = KeyLiteral(definition, rows.row(i));
    chosen->keys.insert(key);
    for (std::size_t k = 0; k < self_keys_.size(); ++k) {
      if (self_keys_[k].columns.empty()) continue;
      const auto value = TupleLiteral(definition, rows.row(i), self_keys_[k].columns);
      if (!value) continue;
      std::vector<std::string>& children = chosen->children[k][*value];
      children.push_back(key);
      parents[k].push_back(*value);
    }
  }
  for (auto& values : parents) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
  }
  return parents;
}

bool LevelReader::Climb(Connection& connection, const ReadLimits& limits, const Frontier& frontier,
                        const Chosen& chosen, RowBatch* rows) const {
  const TableDefinition& definition = table_.definition();
  std::unordered_set<std::string> taken;
  for (std::size_t k = 0; k < frontier.size(); ++k) {
    for (std::size_t i = 0; i < frontier[k].size(); i += kValuesPerStatement) {
      const auto begin = frontier[k].begin() + static_cast<std::ptrdiff_t>(i);
      const auto end = frontier[k].begin() + static_cast<std::ptrdiff_t>(std::min(
                                                 i + kValuesPerStatement, frontier[k].size()));
      bool full = false;
      const auto result =
          connection.Stream(ParentQuery(k, {begin, end}, chosen), [&](const Row& row) {
            if (rows->row_count() >= limits.rows) {
              full = true;
              return RowAction::kContinue;
            }
            const bool alone = rows->row_count() == 0;
            const std::uint64_t left =
                limits.bytes - std::min<std::uint64_t>(limits.bytes, rows->byte_count());
            RowBatch one(definition.columns.size());
            if (!AppendRow(definition, row, alone ? ~std::uint64_t{0} : left, &one)) {
              full = true;
              return RowAction::kContinue;
            }
            const std::string key = KeyLiteral(definition, one.row(0));
            // Two keys may lead to one parent.
            if (state_.stayed.contains(key) || chosen.keys.contains(key))
              return RowAction::kContinue;
            if (taken.insert(key).second) rows->AppendRow(one.row(0));
            return RowAction::kContinue;
          });
      RequireNoWarnings(connection, result, table_.name);
      if (full) return false;
    }
  }
  return true;
}

std::string LevelReader::ParentQuery(std::size_t self_key, const std::vector<std::string>& values,
                                     const Chosen& chosen) const {
  std::string sql = select_ +
                    TupleExpression(self_keys_[self_key].key.referenced_columns, kRowAlias) +
                    " IN (" + JoinLiterals(values, 0, values.size()) + ") AND " + condition_;
  for (std::size_t k = 0; k < self_keys_.size(); ++k) {
    sql += " AND NOT " + OtherChildren(k, self_key, values, chosen);
  }
  return sql;
}

// EXISTS (a child by `self_key` that is not chosen). Only chosen children of the parents in
// question are listed, where they are known by the same values; otherwise all.
std::string LevelReader::OtherChildren(std::size_t self_key, std::size_t found_by,
                                       const std::vector<std::string>& values,
                                       const Chosen& chosen) const {
  const ForeignKey& key = self_keys_[self_key].key;
  std::vector<std::string> children;
  if (key.referenced_columns == self_keys_[found_by].key.referenced_columns) {
    for (const std::string& value : values) {
      const auto found = chosen.children[self_key].find(value);
      if (found == chosen.children[self_key].end()) continue;
      children.insert(children.end(), found->second.begin(), found->second.end());
    }
  } else {
    for (const auto& [value, keys] : chosen.children[self_key]) {
      children.insert(children.end(), keys.begin(), keys.end());
    }
  }
  std::string exists = HasChildCondition(table_, key, kRowAlias);
  if (children.empty()) return exists;
  exists.pop_back();  // its closing parenthesis
  return exists + " AND " +
         TupleExpression(KeyColumnNames(table_.definition()), ChildAlias(kRowAlias)) + " NOT IN (" +
         JoinLiterals(children, 0, children.size()) + "))";
}

}  // namespace osarchiver
