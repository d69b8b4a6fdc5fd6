// Keeps the load on the source bounded by what the source and its replicas say, by what the
// operator allows, and by how the run's own transactions do (P7). Thread-safe: all that read and
// delete of one source ask the same one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "config/settings.h"
#include "engine/gauge.h"
#include "engine/pace.h"
#include "engine/wait_notice.h"
#include "util/clock.h"
#include "util/stop.h"

namespace osarchiver {

struct RunServices;
class Connection;

class Throttle {
 public:
  struct Limits {
    std::vector<std::unique_ptr<Gauge>> gauges;  // the first that has a reason is named
    std::uint64_t max_rows_per_second = 0;
    std::chrono::milliseconds max_latency{0};
    std::shared_ptr<OtherWork> others;  // a gauge keeps it up to date; none: nobody is yielded to
  };
  Throttle(Limits limits, Clock& clock, StopControl& stop, WaitNotice notice);
  ~Throttle();

  // Asks the gauges meanwhile, in a thread of its own: the first time they connect. Wait() waits
  // for their answer, or asks by itself.
  void AskAhead();
  // Returns true when the next step (a statement that reads, a transaction that deletes) may be
  // taken. Waits while something speaks against it, and says what; false when the run is asked to
  // stop meanwhile: the step is then better left to the next run.
  [[nodiscard]] bool Wait();
  // Rows that went through, counted for max_rows_per_second.
  void AddRows(std::uint64_t rows);
  // The same for rows that one transaction deleted, and how long that took.
  void AddTransaction(std::uint64_t rows, std::chrono::milliseconds duration);
  // A statement that read took so long.
  void AddRead(std::chrono::milliseconds duration);
  // The most rows of a step, so that a rate is held within each second and others are let between.
  std::uint64_t rows_at_once() const;

 private:
  struct Verdict {
    WaitReason reason;
    std::chrono::milliseconds sleep;
  };
  void AskGauges();
  std::optional<Verdict> Judge();
  bool Yields() const { return limits_.others != nullptr && limits_.others->crowded(); }

  Clock& clock_;
  StopControl& stop_;
  const Limits limits_;
  mutable std::mutex mutex_;  // guards everything below, the gauges and what they know of others
  WaitNotice notice_;
  RowRate rate_;
  LatencyRest rest_;
  YieldRest yield_;
  SteadyTime asked_{};
  std::optional<WaitReason> answer_;  // of the gauges when they were last asked
  std::future<void> ahead_;           // last: ends before what it uses
};

// With all gauges that the settings ask for. `connect` opens connections to the source's node.
std::unique_ptr<Throttle> MakeThrottle(RunServices& services, const SourceSettings& source,
                                       std::function<std::unique_ptr<Connection>()> connect);

}  // namespace osarchiver
