// How many rows one delete transaction takes: halved at once when the server objects, grown slowly
// while it answers in time.
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
  // The server refused a transaction of `rows` rows for a reason that fewer rows may help against.
  void Refused(std::uint64_t rows);

 private:
  std::uint64_t rows_ = 1000;
};

}  // namespace osarchiver
