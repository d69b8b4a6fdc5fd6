// What may speak against going on with a run at the moment. To add a signal: one gauge, one line in
// MakeThrottle() (throttle.h).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace osarchiver {

struct WaitReason {
  // What stays the same while numbers in the text change: a change of kind is worth a line in the
  // log, a change of text is not.
  std::string kind;
  std::string text;  // for people: "replica db2:3306 lags 12 s"
};

class Gauge {
 public:
  virtual ~Gauge() = default;
  // Asked about once a second, by one thread at a time. Nothing when nothing speaks against going
  // on. What cannot be asked is a reason to wait, and never an exception.
  virtual std::optional<WaitReason> Ask() = 0;
};

// SHOW GLOBAL STATUS, as far as it was asked for, by name.
using ServerStatus = std::map<std::string, std::string>;

// The number of a status variable; 0 when the server has none of that name.
std::uint64_t StatusNumber(const ServerStatus& status, const std::string& name);

}  // namespace osarchiver
