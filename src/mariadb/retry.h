// What an error number means for the statement that got it. Decided by number, never by text; the
// numbers are in retry.cc with the situation that produces each.
#pragma once

#include <chrono>
#include <functional>
#include <string_view>

#include "util/clock.h"
#include "util/error.h"

namespace osarchiver {

enum class ErrorClass {
  kTransient,       // nothing happened or the transaction is gone; the same work may be tried again
                    // (1205, 1213, 1020, 1047 ...)
  kTooLarge,        // try again with less at once (1153, 1180, 1105 write set, 1206)
  kConnectionLost,  // nobody knows whether it happened; ask the data on a new connection (2006,
                    // 2013, 2055, 1927, 1053 ...)
  kPermanent,       // trying again gives the same answer
};

ErrorClass Classify(const DatabaseError& error);

struct RetryPolicy {
  int attempts = 6;
  std::chrono::milliseconds first_delay{200};
  std::chrono::milliseconds max_delay{10000};
};

// Runs `work` until it returns, at most policy.attempts times, with doubling delays between, for
// errors that are kTransient or kConnectionLost. `between` (may be empty) runs before each new try
// (reconnect). `work` must be safe to run twice. The last error is thrown on, its message saying
// how often it was tried. Stops early when `stop` says so.
void Retry(const RetryPolicy& policy, Clock& clock, std::string_view what,
           const std::function<void()>& work,
           const std::function<void(const DatabaseError&)>& between = {},
           const std::function<bool()>& stop = {});

}  // namespace osarchiver
