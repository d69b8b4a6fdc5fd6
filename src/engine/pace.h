// How fast a run may go by its own measure: rows a second, and a rest after its own slow
// transactions. Arithmetic on times alone.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

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

// A rest, at most ten seconds long, of which a shorter one takes nothing away.
class Rest {
 public:
  void Begin(std::chrono::milliseconds length, SteadyTime now);
  std::chrono::milliseconds Left(SteadyTime now) const;

 private:
  SteadyTime until_{};
};

// A transaction of our own that takes longer than `limit` although it was cut small says that the
// server is busy: as long again is rested, at most ten seconds, so that others have half of the
// time.
class LatencyRest {
 public:
  // `limit` 0: never rests.
  explicit LatencyRest(std::chrono::milliseconds limit) : limit_(limit) {}

  void Took(std::chrono::milliseconds duration, SteadyTime now);
  std::chrono::milliseconds Left(SteadyTime now) const { return rest_.Left(now); }
  std::chrono::milliseconds limit() const { return limit_; }
  // The transaction that is rested after.
  std::chrono::milliseconds last_slow() const { return last_slow_; }

 private:
  const std::chrono::milliseconds limit_;
  std::chrono::milliseconds last_slow_{0};
  Rest rest_;
};

// Whether the statements of others want the processors that this run would take. A run alone may
// use the server to the full; on one that has processors to spare nobody notices it; else its
// statements make those of others wait several times as long.
class OtherWork {
 public:
  // `own`: statements that this run has at the server at a time.
  explicit OtherWork(std::uint32_t own) : own_(own) {}

  // Once a second or so: how many statements of others run, and on how many processors.
  void Saw(std::uint64_t running, std::uint64_t processors);
  bool crowded() const;
  // "1.4 statements of others run on 2 processors"
  std::string text() const;

 private:
  double mean() const;

  const std::uint32_t own_;
  std::uint64_t processors_ = 0;
  std::deque<std::uint64_t> seen_;  // of the last seconds, oldest first
};

// While others want the processors, what the run does is cut into pieces that take little time, and
// many times as long is rested after each: so few of their statements meet one of its own that even
// the slowest hundredth of them hardly shows it.
class YieldRest {
 public:
  void Took(std::chrono::milliseconds duration, SteadyTime now);
  std::chrono::milliseconds Left(SteadyTime now) const { return rest_.Left(now); }
  // Of a transaction that deletes.
  static constexpr std::uint64_t kRowsAtOnce = 100;

 private:
  Rest rest_;
};

}  // namespace osarchiver
