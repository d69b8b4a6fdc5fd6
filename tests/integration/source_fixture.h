// What the tests of selection and reading share: a source over test_db, its plan, and whole passes
// without an engine.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "shared_mariadb.h"
#include "source/table_plan.h"
#include "source/unit_reader.h"
#include "util/clock.h"
#include "util/stop.h"

namespace osarchiver {

class SourceTest : public MariadbTest {
 protected:
  SourceTest();

  // Runs statements in the shared database, by the client.
  std::string Sql(const std::string& statements) { return server().Sql(statements, "test_db"); }
  // A plan with `now` = 2026-11-23 02:00:00 and a retention of 12 months.
  SourcePlan Plan();
  const TablePlan& Find(const SourcePlan& plan, const std::string& table);
  // "child before parent": the planned tables in order.
  static std::string Order(const SourcePlan& plan);
  // Why a table of test_db is left out; "" when it is not.
  static std::string LeftOut(const SourcePlan& plan, const std::string& table);

  // Reads one pass without deleting. The keys (KeyText) per table, in the order they came.
  std::vector<std::string> Read(const SourcePlan& plan, const std::string& table,
                                ReadPurpose purpose = ReadPurpose::kDelete, ReadLimits limits = {});
  // Reads and deletes as a run does, table after table, component after component, in rounds;
  // everything must be deleted as read. Returns the number of rows deleted.
  std::uint64_t Run(const SourcePlan& plan, ReadLimits limits = {});
  // The rows of one unit, as "table:key/level".
  static std::string Describe(const Unit& unit);
  // Executes EXPLAIN for every SELECT that went to the server since StartLog(); the lines as "type
  // key extra".
  void StartLog();
  std::vector<std::string> StatementsSince();
  std::vector<std::string> ExplainSince();

  SourceSettings source;
  PlanRequest request;
  StopControl stop{SystemClock()};
  std::size_t units = 0;  // that the last Read() or Run() met
};

}  // namespace osarchiver
