#include "source_fixture.h"

#include "deletable_rows_for_test.h"
#include "source/deleter.h"

namespace osarchiver {

SourceTest::SourceTest() {
  source.name = "nova";
  source.databases = {Pattern("test_db")};
  source.tables = {Pattern("*")};
  source.table.delete_rows = true;
  request.now = "2026-11-23 02:00:00";
}

SourcePlan SourceTest::Plan() {
  request.source = &source;
  return MakePlan(connection(), request);
}

const TablePlan& SourceTest::Find(const SourcePlan& plan, const std::string& table) {
  const TablePlan* found = plan.Find({"test_db", table});
  if (found == nullptr)
    throw std::runtime_error(table + " is not planned: " + LeftOut(plan, table));
  return *found;
}

std::string SourceTest::Order(const SourcePlan& plan) {
  std::string text;
  for (const auto& table : plan.tables) text += (text.empty() ? "" : " ") + table->name.table;
  return text;
}

std::string SourceTest::LeftOut(const SourcePlan& plan, const std::string& table) {
  for (const LeftOutTable& left_out : plan.left_out) {
    if (left_out.name.table == table) return left_out.detail;
  }
  return {};
}

std::vector<std::string> SourceTest::Read(const SourcePlan& plan, const std::string& table,
                                          ReadPurpose purpose, ReadLimits limits) {
  const TablePlan& planned = Find(plan, table);
  UnitReader reader(connection(), plan, planned, purpose, "", SystemClock(), stop);
  std::vector<std::string> keys;
  Unit unit;
  for (units = 0; reader.Next(limits, &unit); ++units) {
    const RowBatch& rows = unit.parts.back().rows;
    EXPECT_LE(rows.row_count(), limits.rows);
    for (std::size_t i = 0; i < rows.row_count(); ++i) {
      keys.push_back(KeyText(KeyBytes(rows.row(i), planned.definition().key)));
    }
  }
  return keys;
}

std::uint64_t SourceTest::Run(const SourcePlan& plan, ReadLimits limits) {
  Deleter deleter([this] { return Connection::Open(server().Address()); }, SystemClock(), stop);
  std::map<const TablePlan*, std::unique_ptr<UnitReader>> readers;
  std::uint64_t deleted = 0;
  units = 0;
  const auto round = [&](const TablePlan& table) {
    auto& reader = readers[&table];
    if (!reader) {
      reader = std::make_unique<UnitReader>(connection(), plan, table, ReadPurpose::kDelete, "",
                                            SystemClock(), stop);
    }
    std::uint64_t freed = 0;
    for (Unit unit; reader->Next(limits, &unit); ++units) {
      std::vector<DeletableRows> parts;
      for (UnitPart& part : unit.parts) {
        parts.push_back(DeletableRowsForTest::Make(*part.table, std::move(part.rows), part.levels));
      }
      const DeleteOutcome outcome = deleter.Delete(parts, {});
      for (std::size_t part = 0; part < outcome.rows.size(); ++part) {
        for (std::size_t row = 0; row < outcome.rows[part].size(); ++row) {
          EXPECT_EQ(outcome.rows[part][row], RowOutcome::kDeleted)
              << ToText(parts[part].table().name) << " "
              << KeyText(KeyBytes(parts[part].row(row), parts[part].definition().key));
          if (outcome.rows[part][row] == RowOutcome::kDeleted) ++freed;
        }
      }
    }
    reader->Restart();
    return freed;
  };
  for (std::size_t i = 0; i < plan.tables.size();) {
    std::size_t end = i;
    while (end < plan.tables.size() && plan.tables[end]->component == plan.tables[i]->component)
      ++end;
    const bool rounds = end - i > 1 || plan.tables[i]->refers_to_itself;
    std::uint64_t freed = 0;
    do {
      freed = 0;
      for (std::size_t t = i; t < end; ++t) freed += round(*plan.tables[t]);
      deleted += freed;
    } while (rounds && freed > 0 && !HasFailure());
    i = end;
  }
  return deleted;
}

std::string SourceTest::Describe(const Unit& unit) {
  std::string text;
  for (const UnitPart& part : unit.parts) {
    for (std::size_t i = 0; i < part.rows.row_count(); ++i) {
      text += (text.empty() ? "" : " ") + part.table->name.table + ":" +
              KeyText(KeyBytes(part.rows.row(i), part.table->definition().key)) + "/" +
              std::to_string(part.levels[i]);
    }
  }
  return text;
}

void SourceTest::StartLog() {
  connection().Execute("SET GLOBAL log_output = 'TABLE'");
  connection().Execute("TRUNCATE mysql.general_log");
  connection().Execute("SET GLOBAL general_log = 1");
}

std::vector<std::string> SourceTest::StatementsSince() {
  connection().Execute("SET GLOBAL general_log = 0");
  std::vector<std::string> statements;
  for (const auto& row : connection().Query(
           "SELECT argument FROM mysql.general_log WHERE argument LIKE '%`osa`%' AND "
           "command_type = 'Query'")) {
    statements.push_back(row[0].value_or(""));
  }
  return statements;
}

std::vector<std::string> SourceTest::ExplainSince() {
  std::vector<std::string> plans;
  for (const std::string& statement : StatementsSince()) {
    const std::size_t select = statement.find("FOR SELECT ");
    std::string explain = "EXPLAIN " + statement;
    if (select != std::string::npos) {
      explain = statement.substr(0, select) + "FOR EXPLAIN " + statement.substr(select + 4);
    }
    for (const auto& row : connection().Query(explain)) {
      plans.push_back(row[2].value_or("-") + " " + row[3].value_or("-") + " " +
                      row[5].value_or("-") + " " + row[9].value_or(""));
    }
  }
  return plans;
}

}  // namespace osarchiver
