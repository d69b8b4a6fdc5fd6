#include "source/unit_reader.h"

#include "source/level_reader.h"
#include "source/range_reader.h"
#include "source/selection.h"

namespace osarchiver {

struct UnitReader::State {
  Connection* connection;
  const SourcePlan& plan;
  const TablePlan& table;
  // One of the two: in a table that refers to itself rows come by levels when they are to be
  // deleted.
  std::unique_ptr<RowReader> rows;
  std::unique_ptr<LevelReader> levels;

  RowReader& walk() { return levels ? levels->leaves() : *rows; }
};

UnitReader::UnitReader(Connection& connection, const SourcePlan& plan, const TablePlan& table,
                       ReadPurpose purpose, std::string position, Clock& clock, StopControl& stop)
    : state_(new State{&connection, plan, table, nullptr, nullptr}) {
  const std::string condition = purpose == ReadPurpose::kDelete
                                    ? FreeCondition(plan, table, kRowAlias)
                                    : EligibleCondition(table, kRowAlias);
  auto rows = std::make_unique<RangeReader>(table, condition, position, clock, stop);
  if (table.refers_to_itself && purpose == ReadPurpose::kDelete) {
    state_->levels = std::make_unique<LevelReader>(plan, table, std::move(rows));
  } else {
    state_->rows = std::move(rows);
  }
}

UnitReader::~UnitReader() = default;

bool UnitReader::Next(const ReadLimits& limits, Unit* unit) {
  unit->parts.clear();
  UnitPart part;
  part.table = &state_->table;
  if (state_->levels) {
    if (!state_->levels->Next(*state_->connection, limits, &part.rows, &part.levels)) return false;
  } else {
    if (!state_->rows->Next(*state_->connection, limits, &part.rows)) return false;
    part.levels.assign(part.rows.row_count(), 0);
  }
  unit->parts.push_back(std::move(part));
  return true;
}

void UnitReader::Reconnect(Connection& connection) { state_->connection = &connection; }

std::string UnitReader::position() const { return state_->walk().position(); }

bool UnitReader::needs_previous_unit_settled() const { return state_->levels != nullptr; }

void UnitReader::Restart() {
  if (state_->levels) {
    state_->levels->Restart();
  } else {
    state_->rows->Restart();
  }
}

double UnitReader::progress() const { return state_->walk().progress(); }

}  // namespace osarchiver
