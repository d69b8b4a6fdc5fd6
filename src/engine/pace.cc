#include "engine/pace.h"

#include <algorithm>

namespace osarchiver {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestRest{10000};
// Steps a second at which a rate is held.
constexpr std::uint64_t kSteps = 10;

}  // namespace

std::uint64_t RowRate::rows_at_once() const {
  return rate_ == 0 ? UINT64_MAX : std::max<std::uint64_t>(1, rate_ / kSteps);
}

milliseconds RowRate::Delay(SteadyTime now) {
  if (rate_ == 0) return milliseconds(0);
  const auto rate = static_cast<double>(rate_);
  if (paid_ != SteadyTime{}) {
    const std::chrono::duration<double> elapsed = now - paid_;
    owed_ = std::max(0.0, owed_ - rate * elapsed.count());
  }
  paid_ = now;
  if (owed_ < 1) return milliseconds(0);
  return milliseconds(static_cast<std::int64_t>(owed_ / rate * 1000) + 1);
}

void LatencyRest::Took(milliseconds duration, SteadyTime now) {
  if (limit_.count() == 0 || duration <= limit_) return;
  last_slow_ = duration;
  until_ = std::max(until_, now + std::min(duration, kLongestRest));
}

milliseconds LatencyRest::Left(SteadyTime now) const {
  return now >= until_ ? milliseconds(0)
                       : std::chrono::duration_cast<milliseconds>(until_ - now) + milliseconds(1);
}

}  // namespace osarchiver
