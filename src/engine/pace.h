// How fast a run may go by its own measure: rows a second, and a rest after its own slow
// transactions. Arithmetic on times alone.
#pragma once

#include <chrono>
#include <cstdint>

namespace osarchiver {

using SteadyTime = std::chrono::steady_clock::time_point;

// max_rows_per_second: rows that went through are owed to the clock, which pays at that rate.
class RowRate {
 public:
  explicit RowRate(std::uint64_t rows_per_second) : rate_(rows_per_second) {}

  void Add(std::uint64_t rows) { owed_ += static_cast<double>(rows); }
  // How long until the next rows may go; 0 when they may now.
  std::chrono::milliseconds Delay(SteadyTime now);
  // Of a step after which Delay() is asked: small enough that the rate holds within each second.
  std::uint64_t rows_at_once() const;

 private:
  const std::uint64_t rate_;  // 0: no limit
  double owed_ = 0;
  SteadyTime paid_{};
};

// A transaction of our own that takes longer than `limit` although it was cut small says that the
// server is busy: as long again is rested, at most ten seconds, so that others have half of the
// time.
class LatencyRest {
 public:
  // `limit` 0: never rests.
  explicit LatencyRest(std::chrono::milliseconds limit) : limit_(limit) {}

  void Took(std::chrono::milliseconds duration, SteadyTime now);
  std::chrono::milliseconds Left(SteadyTime now) const;
  std::chrono::milliseconds limit() const { return limit_; }
  // The transaction that is rested after.
  std::chrono::milliseconds last_slow() const { return last_slow_; }

 private:
  const std::chrono::milliseconds limit_;
  std::chrono::milliseconds last_slow_{0};
  SteadyTime until_{};
};

}  // namespace osarchiver
