#include "util/stop.h"

#include <csignal>

namespace osarchiver {
namespace {

std::atomic<StopControl*> signalled{nullptr};

void OnSignal(int number) {
  if (StopControl* control = signalled.load()) {
    control->Request(number == SIGINT    ? "signal SIGINT"
                     : number == SIGTERM ? "signal SIGTERM"
                                         : "signal SIGHUP");
  }
  (void)std::signal(number, SIG_DFL);
}

}  // namespace

void StopControl::Request(const char* reason) {
  const char* none = nullptr;
  requested_.compare_exchange_strong(none, reason);
}

void StopControl::SetDeadline(std::chrono::steady_clock::time_point deadline, std::string reason) {
  if (deadline_ && *deadline_ <= deadline) return;
  deadline_ = deadline;
  deadline_reason_ = std::move(reason);
}

bool StopControl::stopped() {
  if (requested_.load() != nullptr || (parent_ != nullptr && parent_->stopped())) return true;
  return deadline_ && clock_.Now() >= *deadline_;
}

std::string StopControl::reason() {
  if (const char* reason = requested_.load()) return reason;
  if (parent_ != nullptr && parent_->stopped()) return parent_->reason();
  return stopped() ? deadline_reason_ : std::string();
}

void StopControl::Sleep(Clock::Duration duration) {
  const auto end = clock_.Now() + duration;
  while (!stopped()) {
    const auto left = std::chrono::duration_cast<Clock::Duration>(end - clock_.Now());
    if (left.count() <= 0) return;
    clock_.Sleep(std::min(left, Clock::Duration(100)));
  }
}

void StopOnSignals(StopControl& control) {
  signalled.store(&control);
  (void)std::signal(SIGTERM, OnSignal);
  (void)std::signal(SIGINT, OnSignal);
  (void)std::signal(SIGHUP, OnSignal);
  (void)std::signal(SIGPIPE, SIG_IGN);
  (void)std::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace osarchiver
