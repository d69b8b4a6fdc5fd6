// What a command tells the shell. Several findings at once: damage before failure before stopped
// early before locked.
#pragma once

namespace osarchiver {

enum class ExitCode : int {
  kSuccess = 0,  // everything asked for is done
  kFailed = 1,   // something failed; the rest was done
  kUsage = 2,    // usage or configuration error; nothing was started
  kDamage = 3,   // archive or journal is damaged
  kLocked = 4,   // another run of this archiver holds the lock
  kStopped = 5,  // stopped early; the next run continues
};

// The one that a shell should see of the two.
inline ExitCode Worse(ExitCode a, ExitCode b) {
  constexpr auto rank = [](ExitCode code) {
    switch (code) {
      case ExitCode::kSuccess:
        return 0;
      case ExitCode::kLocked:
        return 1;
      case ExitCode::kStopped:
        return 2;
      case ExitCode::kUsage:
        return 3;
      case ExitCode::kFailed:
        return 4;
      case ExitCode::kDamage:
        return 5;
    }
    return 5;
  };
  return rank(a) >= rank(b) ? a : b;
}

}  // namespace osarchiver
