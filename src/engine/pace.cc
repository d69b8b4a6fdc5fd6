#include "engine/pace.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace osarchiver {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestRest{10000};
// Steps a second at which a rate is held.
constexpr std::uint64_t kSteps = 10;
// Others come and go between two looks.
constexpr std::size_t kSeconds = 10;
constexpr double kSomebody = 0.2;
// How many times as long as a piece of work is rested after it.
constexpr int kRestsAsLong = 20;

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

void Rest::Begin(milliseconds length, SteadyTime now) {
  until_ = std::max(until_, now + std::min(length, kLongestRest));
}

milliseconds Rest::Left(SteadyTime now) const {
  return now >= until_ ? milliseconds(0)
                       : std::chrono::duration_cast<milliseconds>(until_ - now) + milliseconds(1);
}

void LatencyRest::Took(milliseconds duration, SteadyTime now) {
  if (limit_.count() == 0 || duration <= limit_) return;
  last_slow_ = duration;
  rest_.Begin(duration, now);
}

void OtherWork::Saw(std::uint64_t running, std::uint64_t processors) {
  processors_ = processors;
  seen_.push_back(running);
  if (seen_.size() > kSeconds) seen_.pop_front();
}

double OtherWork::mean() const {
  const auto sum = std::accumulate(seen_.begin(), seen_.end(), std::uint64_t{0});
  return seen_.empty() ? 0 : static_cast<double>(sum) / static_cast<double>(seen_.size());
}

bool OtherWork::crowded() const {
  return mean() >= kSomebody && mean() + own_ > static_cast<double>(processors_);
}

std::string OtherWork::text() const {
  return fmt::format("{:.1f} statements of others run on {} processor{}", mean(), processors_,
                     processors_ == 1 ? "" : "s");
}

void YieldRest::Took(milliseconds duration, SteadyTime now) {
  rest_.Begin(kRestsAsLong * std::max(duration, milliseconds(1)), now);
}

}  // namespace osarchiver
