// The rows that a run may still take (--max-rows), shared by passes that work side by side. A pass
// sets rows aside before it reads them, so that all together never take more. Thread-safe.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace osarchiver {

class RowAllowance {
 public:
  static constexpr std::uint64_t kUnlimited = UINT64_MAX;

  explicit RowAllowance(std::uint64_t rows) : left_(rows) {}

  // Sets at most `wanted` rows aside (1 or more). Waits while others have set aside all that is
  // left, for they may give some back; 0: none are left.
  std::uint64_t SetAside(std::uint64_t wanted) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return left_ > 0 || holders_ == 0; });
    const std::uint64_t rows = std::min(left_, wanted);
    if (rows == 0) return 0;
    if (left_ != kUnlimited) left_ -= rows;
    ++holders_;
    return rows;
  }
  // Ends what one SetAside() that gave rows began: `taken` of them were used, the rest goes back.
  // More, where dependents came along, count too.
  void Settle(std::uint64_t set_aside, std::uint64_t taken) {
    const std::lock_guard lock(mutex_);
    --holders_;
    if (left_ != kUnlimited) {
      left_ = taken <= set_aside ? left_ + (set_aside - taken)
                                 : left_ - std::min(left_, taken - set_aside);
    }
    changed_.notify_all();
  }
  // All rows are taken, and nobody can give any back.
  bool exhausted() const {
    const std::lock_guard lock(mutex_);
    return left_ == 0 && holders_ == 0;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t left_;
  std::uint32_t holders_ = 0;
};

// What one read sets aside; all of it goes back unless Took() is called.
class RowShare {
 public:
  RowShare(RowAllowance& allowance, std::uint64_t wanted)
      : allowance_(allowance), rows_(allowance.SetAside(wanted)) {}
  RowShare(const RowShare&) = delete;
  RowShare& operator=(const RowShare&) = delete;
  ~RowShare() { Took(0); }
  std::uint64_t rows() const { return rows_; }
  // Ends it: `rows` were taken. Only the first call counts.
  void Took(std::uint64_t rows) {
    if (rows_ > 0) allowance_.Settle(rows_, rows);
    rows_ = 0;
  }

 private:
  RowAllowance& allowance_;
  std::uint64_t rows_;
};

}  // namespace osarchiver
