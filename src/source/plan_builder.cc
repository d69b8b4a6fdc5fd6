#include "source/plan_builder.h"

#include <algorithm>

#include "mariadb/quote.h"
#include "mariadb/retry.h"
#include "source/column_types.h"
#include "source/dependents.h"
#include "source/selection.h"
#include "source/table_order.h"
#include "util/clock.h"

namespace osarchiver {
namespace {

// Below this a scan costs so little that an index would not pay for its upkeep.
constexpr std::uint64_t kLargeTableRows = 1'000'000;

bool IsSystemSchema(std::string_view name) {
  for (std::string_view system : {"information_schema", "performance_schema", "mysql", "sys"}) {
    if (SameName(name, system)) return true;
  }
  return false;
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool HasColumn(const std::vector<ColumnInfo>& columns, const std::string& name) {
  return std::any_of(columns.begin(), columns.end(),
                     [&](const ColumnInfo& column) { return SameName(column.column, name); });
}

// The index that leads with the soft-delete column, "" when there is none.
std::string DeletedIndex(const TableDefinition& definition, const std::string& column) {
  for (const Index& index : definition.indexes) {
    if (index.type == "BTREE" && !index.parts.empty() && index.parts[0].prefix_length == 0 &&
        SameName(index.parts[0].column, column)) {
      return index.name;
    }
  }
  return {};
}

}  // namespace

PlanBuilder::PlanBuilder(Connection& connection, const PlanRequest& request)
    : connection_(connection), request_(request), source_(*request.source) {}

SourcePlan PlanBuilder::Build() {
  plan_.source = source_.name;
  plan_.server = LoadServerInfo(connection_);
  TakeTime();
  ChooseDatabases();
  for (const std::string& database : databases_) LoadNames(database);
  plan_.foreign_keys = LoadForeignKeys(connection_, databases_);
  ChooseTables();
  Restrict();
  for (const auto& table : plan_.tables) AddReferrers(table.get());
  AddDependents();
  OrderTables(&plan_);
  Unmatched();
  Advise();
  return std::move(plan_);
}

void PlanBuilder::TakeTime() {
  plan_.now = request_.now.empty() ? plan_.server.now_utc : request_.now;
  const auto seconds = ParseUtc(plan_.now);
  if (!seconds) throw Error("the server says that it is '" + plan_.now + "', which is no time");
  plan_.now_unix = *seconds;
}

const std::string& PlanBuilder::Cutoff(const Retention& retention) {
  const bool months = retention.unit == Retention::Unit::kMonths;
  const std::string interval = std::to_string(retention.count) + (months ? " MONTH" : " SECOND");
  std::string& cutoff = cutoffs_[interval];
  if (cutoff.empty()) {
    cutoff = connection_
                 .QueryValue("SELECT CAST(" + QuoteText(plan_.now) + " AS DATETIME) - INTERVAL " +
                             interval)
                 .value_or("");
    if (cutoff.empty()) {
      throw Error("retention " + retention.text + " before " + plan_.now + " is no date");
    }
  }
  return cutoff;
}

void PlanBuilder::LeaveOut(const TableName& name, LeftOutTable::Reason reason, std::string detail) {
  plan_.left_out.push_back({name, reason, std::move(detail)});
}

bool PlanBuilder::IsChosen(const std::string& database, bool* by_name) const {
  bool chosen = false;
  for (const Pattern& pattern : source_.databases) {
    if (!pattern.Matches(database)) continue;
    chosen = true;
    *by_name = *by_name || pattern.IsLiteral();
  }
  return chosen;
}

void PlanBuilder::ChooseDatabases() {
  const std::vector<std::string> existing = ListDatabases(connection_);
  for (const Pattern& pattern : source_.databases) {
    if (std::any_of(existing.begin(), existing.end(),
                    [&](const std::string& name) { return pattern.Matches(name); })) {
      continue;
    }
    if (!pattern.IsLiteral()) {
      plan_.warnings.push_back("databases: '" + pattern.text() + "' matches no database");
    } else if (IsSystemSchema(pattern.text())) {
      plan_.errors.push_back("databases: " + pattern.text() + " is a system schema");
    } else {
      plan_.errors.push_back("databases: there is no database " + pattern.text() +
                             " that this account can see");
    }
  }
  for (const std::string& database : existing) {
    auto excluding = source_.exclude_databases.end();
    for (auto it = source_.exclude_databases.begin(); it != source_.exclude_databases.end(); ++it) {
      if (!it->Matches(database)) continue;
      matched_.insert(&*it);
      if (excluding == source_.exclude_databases.end()) excluding = it;
    }
    bool by_name = false;
    if (!IsChosen(database, &by_name)) continue;
    if (excluding != source_.exclude_databases.end()) {
      LeaveOut({database, "*"}, LeftOutTable::Reason::kExcluded,
               "exclude_databases has '" + excluding->text() + "'");
    } else if (!by_name && Contains(request_.archive_databases, database)) {
      LeaveOut({database, "*"}, LeftOutTable::Reason::kExcluded,
               "it holds archives, or a destination writes to it; only its full name makes it a "
               "source");
    } else {
      databases_.push_back(database);
    }
  }
}

void PlanBuilder::LoadNames(const std::string& database) {
  for (TableInfo& info : ListTables(connection_, database)) {
    known_[info.name].info = std::move(info);
  }
  for (auto& [table, trigger] : ListDeleteTriggers(connection_, database)) {
    const auto known = known_.find({database, table});
    if (known != known_.end()) known->second.delete_trigger = trigger;
  }
  for (ColumnInfo& column : ListColumns(connection_, database)) {
    const auto known = known_.find({database, column.table});
    if (known != known_.end()) known->second.columns.push_back(std::move(column));
  }
}

void PlanBuilder::ChooseTables() {
  for (auto& [name, known] : known_) {
    for (const Pattern& pattern : source_.exclude_tables) {
      if (!pattern.Matches(name.table) && !pattern.Matches(ToText(name))) continue;
      matched_.insert(&pattern);
      if (known.excluded) continue;
      known.excluded = true;
      LeaveOut(name, LeftOutTable::Reason::kExcluded,
               "exclude_tables has '" + pattern.text() + "'");
    }
    bool chosen = false;
    for (const Pattern& pattern : source_.tables) {
      if (!pattern.Matches(name.table) && !pattern.Matches(ToText(name))) continue;
      matched_.insert(&pattern);
      chosen = true;
    }
    for (const TableOverride& override : source_.overrides) {
      if (override.tables.Matches(name.table) || override.tables.Matches(ToText(name))) {
        matched_.insert(&override.tables);
      }
    }
    if (chosen && !known.excluded) ConsiderTable(name, known);
  }
}

void PlanBuilder::ConsiderTable(const TableName& name, const Known& known) {
  const TableSettings& settings = source_.For(name.database, name.table);
  // Every table has columns; information_schema hides them from an account without SELECT, and
  // nothing to do would look like a night's success.
  if (known.columns.empty() && known.info.type == "BASE TABLE") {
    plan_.errors.push_back(ToText(name) +
                           ": the account may not see its columns: GRANT SELECT ON " +
                           QuoteIdentifier(name.database) + ".* to it");
    LeaveOut(name, LeftOutTable::Reason::kRefused, "the account may not see its columns");
    return;
  }
  if (!HasColumn(known.columns, settings.deleted_column)) {
    LeaveOut(name, LeftOutTable::Reason::kNoColumn, "no column " + settings.deleted_column);
    return;
  }
  if (!settings.archive && !settings.delete_rows) {
    LeaveOut(name, LeftOutTable::Reason::kExcluded, "archive and delete are both off");
    return;
  }
  if (auto table = MakeTable(known, settings, true)) plan_.tables.push_back(std::move(table));
}

std::unique_ptr<TablePlan> PlanBuilder::MakeTable(const Known& known, const TableSettings& settings,
                                                  bool has_deleted_column) {
  auto table = std::make_unique<TablePlan>();
  table->name = known.info.name;
  table->loaded.info = known.info;
  table->settings = settings;
  table->has_deleted_column = has_deleted_column;
  std::string refusal = Refusal(*table);
  if (refusal.empty() && settings.delete_rows && !settings.allow_delete_triggers &&
      !known.delete_trigger.empty()) {
    refusal = "a DELETE starts its trigger " + known.delete_trigger +
              ", which may change rows that nobody archives; allow_delete_triggers: true lets it";
    plan_.warnings.push_back(ToText(table->name) + " is left alone: " + refusal);
  }
  if (refusal.empty()) {
    try {
      auto loaded = LoadTable(connection_, table->name);
      if (!loaded) return nullptr;  // dropped since the list was made
      table->loaded = std::move(*loaded);
    } catch (const DatabaseError& error) {
      if (!connection_.usable() || Classify(error) != ErrorClass::kPermanent) throw;
      refusal = error.what();
      plan_.errors.push_back(ToText(table->name) + ": " + refusal);
    }
  }
  if (refusal.empty() && table->definition().key.empty()) refusal = table->loaded.no_key_reason;
  table->has_flag_column = has_deleted_column &&
                           !SameName(settings.deleted_flag_column, settings.deleted_column) &&
                           HasColumn(known.columns, settings.deleted_flag_column);
  table->now = plan_.now;
  table->cutoff = Cutoff(settings.retention);
  if (refusal.empty() && has_deleted_column) {
    table->where = WhereText(settings, table->cutoff, table->now, "");
    table->deleted_index = DeletedIndex(table->definition(), settings.deleted_column);
    table->index_on_deleted_column = !table->deleted_index.empty();
    refusal = Refusal(*table);
    if (refusal.empty()) {
      refusal = WhereProblem(*table);
      if (!refusal.empty()) plan_.errors.push_back(ToText(table->name) + ": " + refusal);
    }
  }
  if (refusal.empty()) return table;
  LeaveOut(table->name, LeftOutTable::Reason::kRefused, refusal);
  return nullptr;
}

// Asked before the table is loaded (a view has nothing to load), and again for its columns' types.
std::string PlanBuilder::Refusal(const TablePlan& table) const {
  const TableInfo& info = table.loaded.info;
  if (info.type != "BASE TABLE") return "it is no base table but a " + info.type;
  if (!SameName(info.engine, "InnoDB")) {
    return "its engine is " + (info.engine.empty() ? "unknown" : info.engine) + ", not InnoDB";
  }
  if (table.definition().columns.empty() || !table.has_deleted_column) return {};
  const std::string& deleted = table.settings.deleted_column;
  const std::string type = DataTypeOf(table.definition(), deleted);
  if (!IsDateType(type)) {
    return "column " + deleted + " is of type " + type + ", not DATE, DATETIME or TIMESTAMP";
  }
  if (!table.has_flag_column) return {};
  const std::string& flag = table.settings.deleted_flag_column;
  const std::string flag_type = DataTypeOf(table.definition(), flag);
  if (FlagKindOf(flag_type) != FlagKind::kNone) return {};
  return "column " + flag + " is of type " + flag_type + ", which cannot say live or deleted";
}

std::string PlanBuilder::WhereProblem(const TablePlan& table) {
  const std::string select = "EXPLAIN SELECT 1 FROM " + Quoted(table.name) + " AS `osa` WHERE ";
  // By itself first: a parenthesis too many must not join with ours to something that parses.
  for (const std::string& condition : {WhereText(table.settings, table.cutoff, table.now, "`osa`"),
                                       EligibleCondition(table, "`osa`")}) {
    try {
      const auto result = connection_.Stream(select + condition + " LIMIT 0",
                                             [](const Row&) { return RowAction::kContinue; });
      if (result.warnings == 0) continue;
      for (const std::string& warning : connection_.Warnings()) {
        // 1003 and 1276 tell how the server understood the statement.
        if (warning.starts_with("1003") || warning.starts_with("1276")) continue;
        return "the server warns about `where` (" + table.where + "): " + warning;
      }
    } catch (const DatabaseError& error) {
      if (!connection_.usable() || Classify(error) != ErrorClass::kPermanent) throw;
      return "the server refuses `where` (" + table.where + "): " + error.what();
    }
  }
  return {};
}

void PlanBuilder::Restrict() {
  if (request_.only.empty()) return;
  for (const TableName& name : request_.only) {
    const bool planned = std::any_of(plan_.tables.begin(), plan_.tables.end(),
                                     [&](const auto& table) { return table->name == name; });
    if (planned) continue;
    std::string reason = known_.contains(name) ? "not among the source's tables" : "no such table";
    for (const LeftOutTable& left_out : plan_.left_out) {
      if (left_out.name == name) reason = left_out.detail;
    }
    plan_.errors.push_back("--table " + ToText(name) + ": " + reason);
  }
  std::erase_if(plan_.tables, [&](const auto& table) {
    const bool wanted =
        std::find(request_.only.begin(), request_.only.end(), table->name) != request_.only.end();
    if (!wanted) LeaveOut(table->name, LeftOutTable::Reason::kExcluded, "--table does not name it");
    return !wanted;
  });
}

void PlanBuilder::AddReferrers(TablePlan* table) const {
  for (const ForeignKey& key : plan_.foreign_keys) {
    if (TableName{key.referenced_database, key.referenced_table} == table->name) {
      table->referrers.push_back(key);
    }
  }
}

// Breadth first from every table. Setting and exclusion may differ from root to root, so a table
// that one root takes along may block another: the plan only says which tables are known at all,
// GoesWithParent() decides.
void PlanBuilder::AddDependents() {
  for (const auto& root : plan_.tables) {
    std::vector<TableName> reached{root->name};
    for (std::size_t i = 0; i < reached.size(); ++i) {
      for (const ForeignKey& key : plan_.foreign_keys) {
        const TableName child{key.database, key.table};
        if (TableName{key.referenced_database, key.referenced_table} != reached[i]) continue;
        if (std::find(reached.begin(), reached.end(), child) != reached.end()) continue;
        if (plan_.Find(child) == nullptr) AddDependent(*root, child);
        if (plan_.Find(child) != nullptr && GoesWithParent(plan_, *root, key)) {
          reached.push_back(child);
        }
      }
    }
  }
}

void PlanBuilder::AddDependent(const TablePlan& root, const TableName& name) {
  const auto known = known_.find(name);
  if (known == known_.end() || known->second.excluded) return;
  const TableSettings& settings = source_.For(name.database, name.table);
  const bool has_column = HasColumn(known->second.columns, settings.deleted_column);
  if (!DependentsInclude(root.settings.dependents, name, has_column)) return;
  const auto left_out = std::find_if(plan_.left_out.begin(), plan_.left_out.end(),
                                     [&](const LeftOutTable& table) { return table.name == name; });
  const bool noted = left_out != plan_.left_out.end();
  if (noted && left_out->reason == LeftOutTable::Reason::kRefused) return;
  const auto position = left_out - plan_.left_out.begin();
  auto table = MakeTable(known->second, settings, has_column);
  if (noted) plan_.left_out.erase(plan_.left_out.begin() + position);
  if (!table) return;
  AddReferrers(table.get());
  plan_.dependents.push_back(std::move(table));
}

void PlanBuilder::Unmatched() {
  const auto report = [&](const Pattern& pattern, const std::string& setting, bool must_exist) {
    if (matched_.contains(&pattern)) return;
    if (must_exist && pattern.IsLiteral()) {
      plan_.errors.push_back(setting + ": there is no table " + pattern.text());
    } else {
      plan_.warnings.push_back(setting + ": '" + pattern.text() + "' matches no table");
    }
  };
  if (plan_.tables.empty() && plan_.errors.empty()) {
    plan_.warnings.push_back("no table qualifies: of those that are chosen none has a column '" +
                             source_.table.deleted_column +
                             "' and can be archived; osarchiver check names the others");
  }
  for (const Pattern& pattern : source_.exclude_databases) {
    if (!matched_.contains(&pattern)) {
      plan_.warnings.push_back("exclude_databases: '" + pattern.text() + "' matches no database");
    }
  }
  if (databases_.empty()) return;  // reported already
  for (const Pattern& pattern : source_.tables) report(pattern, "tables", true);
  for (const Pattern& pattern : source_.exclude_tables) report(pattern, "exclude_tables", false);
  for (const TableOverride& override : source_.overrides) {
    report(override.tables, "overrides", false);
  }
  UnmatchedDependents(source_.table.dependents);
  for (const TableOverride& override : source_.overrides) {
    UnmatchedDependents(override.settings.dependents);
  }
}

// A rule may be for a child in a database that is not configured.
void PlanBuilder::UnmatchedDependents(const Dependents& dependents) {
  for (const DependentsRule& rule : dependents.rules) {
    const auto matches = [&rule](const TableName& name) {
      return rule.tables.Matches(name.table) || rule.tables.Matches(ToText(name));
    };
    const bool any = std::any_of(known_.begin(), known_.end(),
                                 [&](const auto& known) { return matches(known.first); }) ||
                     std::any_of(plan_.foreign_keys.begin(), plan_.foreign_keys.end(),
                                 [&](const ForeignKey& key) {
                                   return matches({key.database, key.table});
                                 });
    std::string warning = "dependents: '" + rule.tables.text() + "' matches no table";
    if (!any && !Contains(plan_.warnings, warning)) plan_.warnings.push_back(std::move(warning));
  }
}

void PlanBuilder::Advise() {
  for (const auto& table : plan_.tables) {
    const std::uint64_t rows = table->loaded.info.rows_estimate;
    if (table->index_on_deleted_column || rows < kLargeTableRows) continue;
    plan_.advice.push_back(ToText(table->name) + " has about " + HumanCount(rows) +
                           " rows and no index on " + table->settings.deleted_column +
                           ", so each run reads all of them; this would help: CREATE INDEX " +
                           QuoteIdentifier("osarchiver_" + table->settings.deleted_column) +
                           " ON " + Quoted(table->name) + " (" +
                           QuoteIdentifier(table->settings.deleted_column) + ");");
  }
}

}  // namespace osarchiver
