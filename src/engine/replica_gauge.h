// How far one replica is behind.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "engine/gauge.h"

namespace osarchiver {

// One channel's Seconds_Behind_Master; nothing for NULL: a thread of the replica is stopped or has
// lost its source.
using ReplicaLag = std::optional<std::uint64_t>;

class ReplicaGauge : public Gauge {
 public:
  // `ask` returns the lag of every channel and throws DatabaseError when the replica cannot be
  // asked.
  ReplicaGauge(std::string name, std::uint32_t max_lag_s,
               std::function<std::vector<ReplicaLag>()> ask)
      : name_(std::move(name)), max_lag_s_(max_lag_s), ask_(std::move(ask)) {}
  // A replica that does not answer, replicates nothing, or is stopped is too far behind: nobody
  // knows how far, and going on would add to what it has to catch up with.
  std::optional<WaitReason> Ask() override;

 private:
  const std::string name_;
  const std::uint32_t max_lag_s_;
  const std::function<std::vector<ReplicaLag>()> ask_;
};

// Asks a real one, over a connection of its own that is made again when it is lost. A host that
// does not answer at all holds the caller up for at most two seconds.
std::function<std::vector<ReplicaLag>()> AskReplica(const ServerSettings& settings);
// "db2:3306", as messages name it.
std::string ReplicaName(const ServerSettings& settings);

}  // namespace osarchiver
