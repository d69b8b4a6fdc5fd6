// Chooses the tables of a plan. Used by MakePlan only.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "mariadb/connection.h"
#include "source/table_plan.h"

namespace osarchiver {

class PlanBuilder {
 public:
  PlanBuilder(Connection& connection, const PlanRequest& request);
  SourcePlan Build();

 private:
  // What the catalogue says about one table of a chosen database.
  struct Known {
    TableInfo info;
    std::vector<ColumnInfo> columns;
    std::string delete_trigger;  // the first; "" when none is seen
    bool excluded = false;
  };

  void TakeTime();
  void ChooseDatabases();
  bool IsChosen(const std::string& database, bool* by_name) const;
  void LoadNames(const std::string& database);
  void ChooseTables();
  void ConsiderTable(const TableName& name, const Known& known);
  // The plan of a table whose rows may go; nothing when it is refused, which is then noted.
  std::unique_ptr<TablePlan> MakeTable(const Known& known, const TableSettings& settings,
                                       bool has_deleted_column);
  std::string Refusal(const TablePlan& table) const;
  // What the server says against the condition; "" when it takes it.
  std::string WhereProblem(const TablePlan& table);
  void Restrict();
  void AddReferrers(TablePlan* table) const;
  void AddDependents();
  void AddDependent(const TablePlan& root, const TableName& name);
  void Unmatched();
  void UnmatchedDependents(const Dependents& dependents);
  void Advise();
  void LeaveOut(const TableName& name, LeftOutTable::Reason reason, std::string detail);
  const std::string& Cutoff(const Retention& retention);

  Connection& connection_;
  const PlanRequest& request_;
  const SourceSettings& source_;
  SourcePlan plan_;
  std::vector<std::string> databases_;
  std::map<TableName, Known> known_;
  std::map<std::string, std::string> cutoffs_;  // by the retention's unit and count
  std::set<const Pattern*> matched_;
};

}  // namespace osarchiver
