#include "source/transaction_size.h"

#include <algorithm>

namespace osarchiver {
namespace {

// After so many transactions a limit is tried again: it may have been one of another table's rows.
constexpr std::uint32_t kCommitsToTryAgain = 200;
// After so many slow transactions it is tried again whether fewer rows help.
constexpr std::uint32_t kSlowCommitsToTryAgain = 20;

}  // namespace

std::uint64_t TransactionSize::rows(std::uint64_t max_rows) const {
  return std::max<std::uint64_t>(1, std::min(rows_, max_rows));
}

void TransactionSize::Committed(std::uint64_t rows, std::chrono::milliseconds duration,
                                std::chrono::milliseconds target, std::uint64_t max_rows) {
  if (duration > target) {
    TookTooLong(rows, duration, target);
  } else {
    slow_rows_ = 0;
    patience_ = 0;
    // A transaction of fewer rows than allowed says nothing about more of them.
    if (rows >= rows_ && duration * 5 < target * 4) {
      rows_ = std::min({std::max<std::uint64_t>(1, max_rows), ceiling_, rows_ + rows_ / 4 + 1});
    }
  }
  if (ceiling_ == UINT64_MAX || ++commits_at_ceiling_ < kCommitsToTryAgain) return;
  commits_at_ceiling_ = 0;
  ceiling_ = ceiling_ > UINT64_MAX / 2 ? UINT64_MAX : ceiling_ * 2;
}

// Takes as many rows as should fit, at least a quarter of them: one slow answer may be chance.
// Where half the rows take nearly as long, it is not the rows that take the time but the way to the
// server, or a disk: smaller transactions would only add to that.
void TransactionSize::TookTooLong(std::uint64_t rows, std::chrono::milliseconds duration,
                                  std::chrono::milliseconds target) {
  if (patience_ > 0) {
    --patience_;
    return;
  }
  if (slow_rows_ == 0) {
    slow_rows_ = rows;
    slow_duration_ = duration;
  } else if (rows * 2 <= slow_rows_ && duration * 4 > slow_duration_ * 3) {
    rows_ = std::max(rows_, std::min(slow_rows_, ceiling_));
    slow_rows_ = 0;
    patience_ = kSlowCommitsToTryAgain;
    return;
  }
  const auto fitting =
      static_cast<std::uint64_t>(static_cast<double>(rows) * static_cast<double>(target.count()) /
                                 static_cast<double>(duration.count()));
  rows_ = std::max<std::uint64_t>(1, std::min(rows_, std::max(rows / 4, fitting)));
}

void TransactionSize::Refused(std::uint64_t rows, Reason reason) {
  rows_ = std::max<std::uint64_t>(1, std::min(rows_, rows) / 2);
  if (reason == Reason::kMayPass) return;
  ceiling_ = std::max<std::uint64_t>(1, std::min(ceiling_, rows * 3 / 4));
  commits_at_ceiling_ = 0;
}

}  // namespace osarchiver
