// What the tests of the delete share: rows read as a run reads them, and another session that does
// something at a named step.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "deletable_rows_for_test.h"
#include "mariadb/catalogue.h"
#include "mariadb/connection.h"
#include "shared_mariadb.h"
#include "source/deleter.h"
#include "util/clock.h"
#include "util/stop.h"

namespace osarchiver {

class DeleterTest : public MariadbTest {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Runs statements in the shared database.
  std::string Sql(const std::string& statements) { return server().Sql(statements, "test_db"); }
  // The rows of test_db.`table` that fulfil `where`, as they are now, in key order. Levels: the
  // values of `level_sql`.
  DeletableRows Take(const std::string& table, const std::string& where = "1",
                     const std::string& level_sql = {});

  // Does not return before `sql` was executed by another session when the delete reaches `step`
  // (once): "batch-delete-before", "batch-delete-locked", "batch-delete-executed",
  // "batch-commit-before" ...
  void At(const std::string& step, const std::string& sql);
  // Starts `sql` there and goes on after 0.3 s.
  void InBackgroundAt(const std::string& step, const std::string& sql);
  // Throws an Error there, once.
  void FailAt(const std::string& step);
  // Whether the statements of At() or InBackgroundAt() were executed without an error; waits for
  // them.
  bool Succeeded(const std::string& step);

  DeleteOutcome Delete(std::vector<DeletableRows> parts, const DeleteOptions& options = {});
  DeleteOutcome Delete(DeletableRows part, const DeleteOptions& options = {});
  // The message of the Error that Delete throws.
  std::string DeleteError(DeletableRows part);

  // For sessions of the deleter from now on.
  ServerAddress address;

 private:
  std::vector<std::unique_ptr<TablePlan>> plans_;
  std::unique_ptr<StopControl> stop_;
  std::unique_ptr<Deleter> deleter_;
};

inline constexpr RowOutcome kDeleted = RowOutcome::kDeleted, kAbsent = RowOutcome::kAbsent,
                     kChanged = RowOutcome::kChanged, kBlocked = RowOutcome::kBlocked;

// Transactions of so many rows, however slow the machine is.
DeleteOptions TransactionsOf(std::uint64_t rows);

// "deleted 3, blocked 1": how many rows came to what.
std::string Summary(const std::vector<RowOutcome>& rows);

}  // namespace osarchiver
