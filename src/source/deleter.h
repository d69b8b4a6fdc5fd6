// The delete (DESIGN.md section 4): by key list, compared before COMMIT, in one transaction at READ COMMITTED.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "mariadb/connection.h"
#include "source/deletable_rows.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/stop.h"

namespace osarchiver {

// What the database answered about one row.
enum class RowOutcome : std::uint8_t {
  kDeleted,  // returned by a DELETE whose COMMIT was answered, equal to the archived row
  kAbsent,   // no row with that key any more
  kChanged,  // there, with other content (un-deleted, updated): stays
  kBlocked,  // something still refers to it: stays
};

struct DeleteOutcome {
  std::vector<std::vector<RowOutcome>> rows;  // [part][row]
  std::uint32_t transactions = 0;
  std::uint32_t retries = 0;
  std::chrono::milliseconds longest_transaction{0};
};

struct DeleteOptions {
  // What a key that does not come back means for rows whose earlier COMMIT may have lost its answer (resume): kDeleted.
  RowOutcome absent = RowOutcome::kAbsent;
  std::uint64_t max_rows_per_transaction = 5000;
  std::chrono::milliseconds target{250};  // adapts the transaction's size between calls
  // Asked before each transaction, also before one is tried again; may wait, for nothing is open then. False: the rest is left, Delete()
  // throws DeleteLeft. Empty: always true.
  std::function<bool()> may_go_on;
  // Told after each COMMIT how many rows are gone and how long the transaction took. May be empty.
  std::function<void(std::uint64_t rows, std::chrono::milliseconds duration)> committed;
};

// may_go_on said no. Some transactions may have been committed.
class DeleteLeft : public Error {
 public:
  DeleteLeft() : Error("the rest of a batch is left to the next run") {}
};

// Uses one connection, reconnecting by itself. Not thread-safe; one per deleting thread.
class Deleter {
 public:
  // `connect` opens a connection to the same node that the run reads from.
  Deleter(std::function<std::unique_ptr<Connection>()> connect, Clock& clock, StopControl& stop);
  ~Deleter();

  // Opens the connection, so that the first Delete() need not wait for it; where that fails, that one tries again and says why.
  void Connect();
  // Deletes the parts in order (and by level within each), all or nothing per parent's tree. Rows whose table changed its definition since
  // `definition()` are not touched: throws an Error that names the difference. Transient errors are retried with smaller transactions;
  // a lost COMMIT answer is resolved by asking the data. What it returns is true of the database. When it throws, some transactions
  // may have been committed: the batch stays verified and is settled by running the delete again with absent = kDeleted.
  DeleteOutcome Delete(const std::vector<DeletableRows>& parts, const DeleteOptions& options);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace osarchiver
