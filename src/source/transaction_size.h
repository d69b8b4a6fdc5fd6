// How many rows one delete transaction takes, so that it takes about a target time: cut at once
// when it took longer or the server objects, grown slowly while it answers in time.
#pragma once

#include <chrono>
#include <cstdint>

namespace osarchiver {

class TransactionSize {
 public:
  std::uint64_t rows(std::uint64_t max_rows) const;
  // A transaction of `rows` rows was committed after `duration`, which should be about `target`.
  void Committed(std::uint64_t rows, std::chrono::milliseconds duration,
                 std::chrono::milliseconds target, std::uint64_t max_rows);
  enum class Reason {
    kMayPass,   // locks, deadlocks: the same size may do next time
    kTooLarge,  // a limit of the server: growing back into it is put off for a long time
  };
  // The server refused a transaction of `rows` rows for a reason that fewer rows may help against.
  void Refused(std::uint64_t rows, Reason reason);

 private:
  void TookTooLong(std::uint64_t rows, std::chrono::milliseconds duration,
                   std::chrono::milliseconds target);

  std::uint64_t rows_ = 1000;
  std::uint64_t ceiling_ = UINT64_MAX;  // learned from kTooLarge
  std::uint32_t commits_at_ceiling_ = 0;
  // The first of a series of transactions that took too long. 0 rows: the last one did not.
  std::uint64_t slow_rows_ = 0;
  std::chrono::milliseconds slow_duration_{0};
  // So many more slow transactions are taken as they are: fewer rows did not help.
  std::uint32_t patience_ = 0;
};

}  // namespace osarchiver
