#include "engine/restore_session.h"

#include <fmt/format.h>

#include <algorithm>

namespace osarchiver {
namespace {

constexpr std::size_t kNamedRows = 10;

std::string NamesOf(const RestoreBatch& batch, const std::vector<std::size_t>& which) {
  std::vector<std::string> names;
  for (const std::size_t index : which) {
    if (names.size() == kNamedRows) {
      names.emplace_back("...");
      break;
    }
    names.push_back(KeyText(KeyBytes(batch.rows.row(index), batch.definition->key)));
  }
  return fmt::format("{}", fmt::join(names, "; "));
}

}  // namespace

// A table under one of the definitions that it was archived with.
struct RestoreSession::Shape {
  TableDefinition definition;
  TableName target;
  std::unique_ptr<RowRestorer> restorer;  // none when the table cannot take the rows
  bool missing = false;                   // a dry run makes no table
};

struct RestoreSession::Postponed {
  Shape* shape = nullptr;
  RestoreBatch batch;
};

TableName RestoreTargetOf(const RestoreRequest& request, const TableDefinition& definition) {
  return {request.to_database.empty() ? definition.database : request.to_database,
          definition.table};
}

std::string TextOf(const Error& error) { return WithHint(error.what(), error.hint()); }

RestoreSession::RestoreSession(const RestoreRequest& request,
                               std::function<std::unique_ptr<Connection>()> connect, Clock& clock,
                               RestoreReport* report)
    : request_(request), target_(std::move(connect)), clock_(clock), report_(report) {}

RestoreSession::~RestoreSession() = default;

RestoreTableCount& RestoreSession::CountOf(const Shape& shape) {
  for (RestoreTableCount& count : report_->tables) {
    if (count.target == shape.target) return count;
  }
  report_->tables.push_back({shape.target});
  return report_->tables.back();
}

RestoreSession::Shape& RestoreSession::ShapeOf(const TableDefinition& definition) {
  const TableName target = RestoreTargetOf(request_, definition);
  for (const auto& shape : shapes_) {
    if (shape->target == target && SameRowShape(shape->definition, definition)) return *shape;
  }
  shapes_.push_back(std::make_unique<Shape>(Shape{definition, target, nullptr, false}));
  Shape& shape = *shapes_.back();
  try {
    if (!request_.to_database.empty() && request_.dry_run) {
      shape.missing = !LoadTable(target_.connection(), target).has_value();
      if (shape.missing) return shape;
    } else if (!request_.to_database.empty()) {
      CreateRestoreTable(definition, target, target_.connection());
    }
    shape.restorer = std::make_unique<RowRestorer>(target_, target, definition, clock_);
  } catch (const Error& error) {
    Report(TextOf(error));
  }
  return shape;
}

void RestoreSession::Report(const std::string& problem) { report_->AddFailure(problem); }

void RestoreSession::Restore(const RestoreBatch& batch) {
  if (batch.rows.row_count() == 0) return;
  Shape& shape = ShapeOf(*batch.definition);
  if (shape.missing) CountOf(shape).inserted += batch.rows.row_count();
  if (shape.restorer == nullptr) return;
  try {
    Put(shape, batch);
  } catch (const DatabaseError& error) {
    Report(ToText(shape.target) + ": " + TextOf(error));
  } catch (const Error& error) {
    Report(TextOf(error));
  }
}

void RestoreSession::Put(Shape& shape, const RestoreBatch& batch) {
  const RestoreOutcome outcome =
      request_.dry_run ? shape.restorer->Look(batch) : shape.restorer->Restore(batch);
  Tell(shape, batch, outcome);
  if (!outcome.without_parent.empty()) Postpone(shape, batch, outcome.without_parent);
}

void RestoreSession::Tell(const Shape& shape, const RestoreBatch& batch,
                          const RestoreOutcome& outcome) {
  RestoreTableCount& count = CountOf(shape);
  count.inserted += outcome.inserted;
  count.identical += outcome.identical;
  std::vector<std::size_t> conflicts;
  for (const std::size_t index : outcome.conflicts) {
    if (batch.may_differ[index]) {
      ++count.changed;
    } else {
      conflicts.push_back(index);
    }
  }
  if (conflicts.empty()) return;
  count.conflicts += conflicts.size();
  Report(fmt::format("{}: {} rows are there with other content and were not touched: {}",
                     ToText(shape.target), conflicts.size(), NamesOf(batch, conflicts)));
}

void RestoreSession::Postpone(Shape& shape, const RestoreBatch& batch,
                              const std::vector<std::size_t>& which) {
  Postponed postponed;
  postponed.shape = &shape;
  postponed.batch.definition = &shape.definition;
  postponed.batch.rows = RowBatch(batch.rows.column_count());
  for (const std::size_t index : which) {
    postponed.batch.rows.AppendRow(batch.rows.row(index));
    postponed.batch.hashes.push_back(batch.hashes[index]);
    postponed.batch.may_differ.push_back(batch.may_differ[index]);
  }
  postponed_.push_back(std::move(postponed));
}

// One turn over everything that waits; whether a row went in.
bool RestoreSession::TryPostponed() {
  bool progress = false;
  std::deque<Postponed> turn = std::move(postponed_);
  postponed_.clear();
  for (Postponed& entry : turn) {
    try {
      const RestoreOutcome outcome = entry.shape->restorer->Restore(entry.batch);
      Tell(*entry.shape, entry.batch, outcome);
      progress = progress || outcome.inserted > 0;
      if (!outcome.without_parent.empty()) {
        Postpone(*entry.shape, entry.batch, outcome.without_parent);
      }
    } catch (const Error& error) {
      Report(TextOf(error));
    }
  }
  return progress;
}

void RestoreSession::ReportOrphans(const Shape& shape) {
  std::uint64_t rows = 0;
  std::string names;
  for (const Postponed& entry : postponed_) {
    if (entry.shape != &shape) continue;
    std::vector<std::size_t> all(entry.batch.rows.row_count());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    if (rows == 0) names = NamesOf(entry.batch, all);
    rows += all.size();
  }
  if (rows == 0) return;
  CountOf(shape).without_parent += rows;
  Report(fmt::format("{}: {} rows refer to rows that are not there: {}", ToText(shape.target), rows,
                     names));
}

void RestoreSession::Finish() {
  while (!postponed_.empty() && TryPostponed()) {
  }
  for (const auto& shape : shapes_) ReportOrphans(*shape);
  postponed_.clear();
}

}  // namespace osarchiver
