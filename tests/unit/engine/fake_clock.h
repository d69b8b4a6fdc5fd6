// A clock that only sleeping moves.
#pragma once

#include "util/clock.h"

namespace osarchiver {

class FakeClock final : public Clock {
 public:
  std::int64_t UnixSeconds() override { return 1'700'000'000; }
  std::chrono::steady_clock::time_point Now() override { return now_; }
  void Sleep(Duration duration) override { now_ += duration; }
  void Advance(std::chrono::milliseconds duration) { now_ += duration; }

 private:
  std::chrono::steady_clock::time_point now_{std::chrono::hours(1)};
};

}  // namespace osarchiver
