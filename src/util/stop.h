// Why a run should end early, asked between steps by everything that loops. The first reason wins
// and stays.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>

#include "util/clock.h"

namespace osarchiver {

class StopControl {
 public:
  // `parent`, when given, outlives this one; what stops it stops this one too.
  explicit StopControl(Clock& clock, StopControl* parent = nullptr)
      : clock_(clock), parent_(parent) {}
  // Any thread, also a signal handler's watcher. Later calls are ignored.
  void Request(const char* reason);
  void SetDeadline(std::chrono::steady_clock::time_point deadline, std::string reason);
  // True once something asked for the end.
  bool stopped();
  // "signal SIGTERM", "max_runtime reached"; empty while not stopped.
  std::string reason();
  // Sleeps for `duration`, less when something asks for the end.
  void Sleep(Clock::Duration duration);

 private:
  Clock& clock_;
  StopControl* const parent_;
  std::atomic<const char*> requested_{nullptr};  // a literal
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  std::string deadline_reason_;
};

// Installs handlers for SIGTERM, SIGINT and SIGHUP that request a stop from `control`, which must
// outlive the process's work. A second signal of the same kind ends the process at once, which is
// safe too: everything is resumable. SIGPIPE and SIGXFSZ are ignored, so that the write reports the
// error.
void StopOnSignals(StopControl& control);

}  // namespace osarchiver
