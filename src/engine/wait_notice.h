// Says that a run waits and for what: the progress line at once, the log when the kind of reason
// changes and once a minute, the journal (and so `status`) when it changes and every few seconds.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "engine/gauge.h"
#include "util/clock.h"

namespace osarchiver {

// Not thread-safe.
class WaitNotice {
 public:
  // `show` and `record` take the reason as it is now, "" when nothing is waited for.
  WaitNotice(Clock& clock, std::function<void(const std::string&)> show,
             std::function<void(const std::string&)> record)
      : clock_(clock), show_(std::move(show)), record_(std::move(record)) {}

  void Waiting(const WaitReason& reason);
  // Nothing is waited for. A wait that begins again within two seconds is the same one: a limit
  // that works by many short waits would otherwise fill the log.
  void GoingOn();
  // At the end: nothing is waited for any more, whatever was.
  void End();

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  Clock& clock_;
  const std::function<void(const std::string&)> show_;
  const std::function<void(const std::string&)> record_;
  std::string kind_;  // "" while nothing is waited for
  std::string shown_, recorded_;
  SteadyTime began_{}, last_waited_{}, logged_{}, recorded_at_{};
};

}  // namespace osarchiver
