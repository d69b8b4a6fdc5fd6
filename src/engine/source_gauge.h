// What the source's own server says: running threads, undo history, and what Galera's node and its
// cluster are doing.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "config/settings.h"
#include "engine/gauge.h"
#include "engine/pace.h"
#include "mariadb/connection.h"
#include "util/clock.h"

namespace osarchiver {

// Galera: whether the node is Synced, how long its own receive queue is, and which share of the
// time since the last look the cluster was paused. The server's own wsrep_flow_control_paused is an
// average since its start, so two samples of the nanoseconds are divided by the time between them.
class GaleraGauge {
 public:
  explicit GaleraGauge(double max_paused_share) : max_paused_share_(max_paused_share) {}
  std::optional<WaitReason> Judge(const ServerStatus& status,
                                  std::chrono::steady_clock::time_point now);

 private:
  const double max_paused_share_;
  std::uint64_t paused_ns_ = 0;
  std::optional<std::chrono::steady_clock::time_point> sampled_;
};

// A node whose receive queue is this long will pause the cluster soon: half of Galera's default
// gcs.fc_limit.
inline constexpr std::uint64_t kLongReceiveQueue = 8;

class SourceGauge : public Gauge {
 public:
  // `ask` throws DatabaseError when the server cannot be asked. That is a reason to wait for a
  // minute; whoever works then meets the failure himself and reports it. `others`, if there is one,
  // is told of each look.
  SourceGauge(const ThrottleSettings& settings, Clock& clock, std::function<ServerStatus()> ask,
              std::shared_ptr<OtherWork> others = nullptr)
      : settings_(settings),
        clock_(clock),
        ask_(std::move(ask)),
        galera_(settings.max_flow_control),
        others_(std::move(others)) {}
  std::optional<WaitReason> Ask() override;

 private:
  std::optional<WaitReason> Judge(const ServerStatus& status);

  const ThrottleSettings& settings_;
  Clock& clock_;
  const std::function<ServerStatus()> ask_;
  GaleraGauge galera_;
  const std::shared_ptr<OtherWork> others_;
  std::optional<std::chrono::steady_clock::time_point> silent_since_;
};

// What AskServer() adds to the server's own status where it asks for others: the statements that
// other accounts run, and the number of processors, as far as the server tells.
inline constexpr char kOthersRunning[] = "osarchiver: statements of other accounts";
inline constexpr char kProcessors[] = "osarchiver: processors";

// Asks the server that `connect` reaches, over a connection of its own.
std::function<ServerStatus()> AskServer(std::function<std::unique_ptr<Connection>()> connect,
                                        bool asks_for_others);

}  // namespace osarchiver
