#include "engine/restore_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/batch_verifier.h"
#include "util/log.h"

namespace osarchiver {
namespace {

constexpr std::size_t kNamedRows = 10;

// A type out of an archive file becomes part of a statement only when it is nothing but a type: a
// word, sizes, quoted members and attributes. Anything else could be anything.
bool IsPlainType(std::string_view type) {
  bool quoted = false;
  for (std::size_t i = 0; i < type.size(); ++i) {
    const char c = type[i];
    if (c == '\'') {
      quoted = !quoted;
    } else if (!quoted && !std::isalnum(static_cast<unsigned char>(c)) && c != '(' && c != ')' &&
               c != ',' && c != ' ' && c != '_') {
      return false;
    } else if (quoted && c == '\\') {
      return false;
    }
  }
  return !quoted && !type.empty();
}

std::string WithoutCompressedComment(std::string type) {
  const std::size_t comment = type.find("/*M!");
  if (comment != std::string::npos) type.resize(comment);
  while (!type.empty() && type.back() == ' ') type.pop_back();
  return type;
}

}  // namespace

struct RestoreSession::Table {
  TableDefinition definition;
  TableName target;
  std::unique_ptr<RowRestorer> restorer;
  std::size_t count = 0;  // position in report_->tables
  // Keys that a newer batch of this restore already decided: an older version of the same row is
  // history.
  std::unordered_set<std::int64_t> decided;
};

struct RestoreSession::Postponed {
  Table* table;
  RowBatch rows;
};

RestoreSession::RestoreSession(const RestoreRequest& request,
                               std::function<std::unique_ptr<Connection>()> connect, Clock& clock,
                               RestoreReport* report)
    : request_(request), connect_(std::move(connect)), clock_(clock), report_(report) {}

RestoreSession::~RestoreSession() = default;

TableName RestoreSession::TargetOf(const TableDefinition& definition) const {
  return {request_.to_database.empty() ? definition.database : request_.to_database,
          definition.table};
}

void RestoreSession::PrepareTarget(const TableDefinition& definition) {
  if (request_.to_database.empty() || request_.dry_run) return;
  const TableName target = TargetOf(definition);
  const auto connection = connect_();
  if (LoadTable(*connection, target)) return;
  TableDefinition plain = definition;
  plain.generated.clear();
  plain.indexes.clear();
  for (Column& column : plain.columns) {
    column.type = WithoutCompressedComment(column.type);
    if (!IsPlainType(column.type)) {
      throw Error(fmt::format("column {} of {} has a type that is no type; table {} is not created",
                              column.name, definition.table, ToText(target)),
                  "create the table yourself and restore again");
    }
  }
  connection->Execute("CREATE DATABASE IF NOT EXISTS " + QuoteIdentifier(target.database));
  connection->Execute(ArchiveCreateTable(plain, Quoted(target), true));
  LogInfo(fmt::format("restore: created {}", ToText(target)));
}

RestoreSession::Table& RestoreSession::TableFor(const TableDefinition& definition) {
  for (const auto& table : tables_) {
    if (SameRowShape(table->definition, definition) && table->target == TargetOf(definition))
      return *table;
  }
  PrepareTarget(definition);
  auto table = std::make_unique<Table>();
  table->definition = definition;
  table->target = TargetOf(definition);
  table->restorer = std::make_unique<RowRestorer>(connect_, table->target, definition, clock_);
  table->count = report_->tables.size();
  report_->tables.push_back({table->target});
  tables_.push_back(std::move(table));
  return *tables_.back();
}

void RestoreSession::Report(const std::string& problem) {
  report_->problems.push_back(problem);
  report_->exit_code = Worse(report_->exit_code, ExitCode::kFailed);
}

// Leaves out rows that were not asked for and older versions of rows that are decided.
RowBatch RestoreSession::Wanted(Table& table, const TableDefinition& definition,
                                const RowBatch& rows) {
  RowBatch wanted(rows.column_count());
  for (std::size_t i = 0; i < rows.row_count(); ++i) {
    if (!request_.where_keys.empty()) {
      const std::string text = KeyText(KeyBytes(rows.row(i), definition.key));
      if (std::find(request_.where_keys.begin(), request_.where_keys.end(), text) ==
          request_.where_keys.end())
        continue;
    }
    if (!table.decided.insert(KeyHash(rows.row(i), definition.key)).second) continue;
    wanted.AppendRow(rows.row(i));
  }
  return wanted;
}

void RestoreSession::Restore(const TableDefinition& definition, RowBatch rows,
                             const std::function<bool(std::size_t)>& may_differ) {
  Table& table = TableFor(definition);
  RowBatch wanted = Wanted(table, definition, rows);
  if (wanted.row_count() == 0) return;
  const RestoreOutcome outcome =
      request_.dry_run ? table.restorer->Look(wanted) : table.restorer->Restore(wanted);
  RestoreTableCount& count = report_->tables[table.count];
  count.archived += wanted.row_count();
  count.inserted += outcome.inserted;
  count.identical += outcome.identical;
  std::vector<std::string> named;
  for (const std::size_t index : outcome.conflicts) {
    const std::int64_t key = KeyHash(wanted.row(index), definition.key);
    bool known = false;
    for (std::size_t i = 0; i < rows.row_count() && !known; ++i) {
      known = KeyHash(rows.row(i), definition.key) == key && may_differ(i);
    }
    if (known) {
      ++count.changed;
      continue;
    }
    ++count.conflicts;
    if (named.size() < kNamedRows)
      named.push_back(KeyText(KeyBytes(wanted.row(index), definition.key)));
  }
  if (!named.empty()) {
    Report(fmt::format("{}: rows are there with other content and were not touched: {}",
                       ToText(table.target), fmt::join(named, "; ")));
  }
  if (outcome.without_parent.empty()) return;
  Postponed postponed{&table, RowBatch(wanted.column_count())};
  for (const std::size_t index : outcome.without_parent)
    postponed.rows.AppendRow(wanted.row(index));
  postponed_.push_back(std::move(postponed));
}

void RestoreSession::Finish() {
  // Each turn either puts a row in or is the last one.
  for (bool progress = true; progress && !postponed_.empty();) {
    progress = false;
    std::deque<Postponed> still;
    for (Postponed& entry : postponed_) {
      const RestoreOutcome outcome = entry.table->restorer->Restore(entry.rows);
      RestoreTableCount& count = report_->tables[entry.table->count];
      count.inserted += outcome.inserted;
      count.identical += outcome.identical;
      count.conflicts += outcome.conflicts.size();
      progress = progress || outcome.inserted > 0;
      if (outcome.without_parent.empty()) continue;
      Postponed rest{entry.table, RowBatch(entry.rows.column_count())};
      for (const std::size_t index : outcome.without_parent)
        rest.rows.AppendRow(entry.rows.row(index));
      still.push_back(std::move(rest));
    }
    postponed_ = std::move(still);
  }
  for (const Postponed& entry : postponed_) {
    report_->tables[entry.table->count].without_parent += entry.rows.row_count();
    std::vector<std::string> named;
    for (std::size_t i = 0; i < entry.rows.row_count() && i < kNamedRows; ++i) {
      named.push_back(KeyText(KeyBytes(entry.rows.row(i), entry.table->definition.key)));
    }
    Report(fmt::format("{}: {} rows refer to rows that are not there: {}",
                       ToText(entry.table->target), entry.rows.row_count(),
                       fmt::join(named, "; ")));
  }
  postponed_.clear();
}

}  // namespace osarchiver
