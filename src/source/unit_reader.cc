#include "source/unit_reader.h"

#include "source/range_reader.h"
#include "source/selection.h"

namespace osarchiver {

struct UnitReader::State {
  Connection* connection;
  const SourcePlan& plan;
  const TablePlan& table;
  ReadPurpose purpose;
  StopControl& stop;
  std::unique_ptr<RowReader> rows;
};

UnitReader::UnitReader(Connection& connection, const SourcePlan& plan, const TablePlan& table,
                       ReadPurpose purpose, std::string position, Clock& clock, StopControl& stop)
    : state_(new State{&connection, plan, table, purpose, stop, nullptr}) {
  const std::string condition = purpose == ReadPurpose::kDelete
                                    ? FreeCondition(plan, table, kRowAlias)
                                    : EligibleCondition(table, kRowAlias);
  state_->rows = std::make_unique<RangeReader>(table, condition, position, clock, stop);
}

UnitReader::~UnitReader() = default;

bool UnitReader::Next(const ReadLimits& limits, Unit* unit) {
  unit->parts.clear();
  UnitPart part;
  part.table = &state_->table;
  if (!state_->rows->Next(*state_->connection, limits, &part.rows)) return false;
  part.levels.assign(part.rows.row_count(), 0);
  unit->parts.push_back(std::move(part));
  return true;
}

void UnitReader::Reconnect(Connection& connection) { state_->connection = &connection; }

std::string UnitReader::position() const { return state_->rows->position(); }

bool UnitReader::needs_previous_unit_settled() const { return state_->table.refers_to_itself; }

void UnitReader::Restart() { state_->rows->Restart(); }

double UnitReader::progress() const { return state_->rows->progress(); }

}  // namespace osarchiver
