#include "source/transaction_size.h"

#include <algorithm>

namespace osarchiver {
namespace {

// Duration alone never makes transactions smaller than this: below it their fixed cost prevails.
constexpr std::uint64_t kSlowRows = 50;
// After so many transactions a limit is tried again: it may have been one of another table's rows.
constexpr std::uint32_t kCommitsToTryAgain = 200;

}  // namespace

std::uint64_t TransactionSize::rows(std::uint64_t max_rows) const {
  return std::max<std::uint64_t>(1, std::min(rows_, max_rows));
}

void TransactionSize::Committed(std::uint64_t rows, std::chrono::milliseconds duration,
                                std::chrono::milliseconds target, std::uint64_t max_rows) {
  if (duration > target) {
    if (rows_ > kSlowRows) rows_ = std::max({kSlowRows, rows_ / 2});
  } else if (rows >= rows_ && duration * 5 < target * 4) {
    // A transaction of fewer rows than allowed says nothing about more of them.
    rows_ = std::min({std::max<std::uint64_t>(1, max_rows), ceiling_, rows_ + rows_ / 4 + 1});
  }
  if (ceiling_ == UINT64_MAX || ++commits_at_ceiling_ < kCommitsToTryAgain) return;
  commits_at_ceiling_ = 0;
  ceiling_ = ceiling_ > UINT64_MAX / 2 ? UINT64_MAX : ceiling_ * 2;
}

void TransactionSize::Refused(std::uint64_t rows, Reason reason) {
  rows_ = std::max<std::uint64_t>(1, std::min(rows_, rows) / 2);
  if (reason == Reason::kMayPass) return;
  ceiling_ = std::max<std::uint64_t>(1, std::min(ceiling_, rows * 3 / 4));
  commits_at_ceiling_ = 0;
}

}  // namespace osarchiver
