// The part of a restore that runs and files share: tables, postponed rows, counts.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/restore.h"
#include "engine/restore_batch.h"
#include "engine/row_restorer.h"

namespace osarchiver {

// Writes to one server. Not thread-safe.
class RestoreSession {
 public:
  RestoreSession(const RestoreRequest& request,
                 std::function<std::unique_ptr<Connection>()> connect, Clock& clock,
                 RestoreReport* report);
  ~RestoreSession();

  // Puts one proven batch back (or only looks, in a dry run). Rows whose parent is not there yet
  // are tried again by Finish(). A table that cannot take its rows is reported once, and its later
  // batches are left out; so is an error of one batch.
  void Restore(const RestoreBatch& batch);
  // Tries rows without parents until nothing more goes in, and reports what is left.
  void Finish();

 private:
  struct Shape;
  struct Postponed;
  Shape& ShapeOf(const TableDefinition& definition);
  RestoreTableCount& CountOf(const Shape& shape);
  void Put(Shape& shape, const RestoreBatch& batch);
  void Tell(const Shape& shape, const RestoreBatch& batch, const RestoreOutcome& outcome);
  void Postpone(Shape& shape, const RestoreBatch& batch, const std::vector<std::size_t>& which);
  bool TryPostponed();
  void ReportOrphans(const Shape& shape);
  void Report(const std::string& problem);

  const RestoreRequest& request_;
  RestoreTarget target_;
  Clock& clock_;
  RestoreReport* report_;
  std::vector<std::unique_ptr<Shape>> shapes_;
  std::deque<Postponed> postponed_;
};

// Where the rows of `definition` go.
TableName RestoreTargetOf(const RestoreRequest& request, const TableDefinition& definition);

// "message; HINT: hint"
std::string TextOf(const Error& error);

}  // namespace osarchiver
