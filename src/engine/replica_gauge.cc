#include "engine/replica_gauge.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "destination/registry.h"
#include "mariadb/connection.h"

namespace osarchiver {
namespace {

constexpr std::uint32_t kConnectTimeoutS = 2;
constexpr std::uint32_t kReadTimeoutS = 2;
// Of SHOW ALL SLAVES STATUS, which has Connection_name and Slave_SQL_State in front of the columns
// of SHOW SLAVE STATUS.
constexpr std::size_t kSecondsBehindMaster = 34;

std::uint64_t ToNumber(const std::string& text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

std::optional<WaitReason> ReplicaGauge::Ask() {
  try {
    const std::vector<ReplicaLag> lags = ask_();
    if (lags.empty()) {
      return WaitReason{"no replica " + name_, "replica " + name_ + " replicates nothing"};
    }
    std::uint64_t worst = 0;
    for (const ReplicaLag& lag : lags) {
      if (!lag) return WaitReason{"stopped " + name_, "replica " + name_ + " is stopped"};
      worst = std::max(worst, *lag);
    }
    if (worst <= max_lag_s_) return std::nullopt;
    return WaitReason{"lag " + name_, fmt::format("replica {} lags {} s", name_, worst)};
  } catch (const Error& error) {
    return WaitReason{"unreachable " + name_,
                      fmt::format("replica {} does not answer: {}", name_, error.what())};
  }
}

std::function<std::vector<ReplicaLag>()> AskReplica(const ServerSettings& settings) {
  ServerAddress address = AddressOf(settings);
  address.connect_timeout_s = std::min(address.connect_timeout_s, kConnectTimeoutS);
  address.read_timeout_s = std::min(address.read_timeout_s, kReadTimeoutS);
  // Shared, because a function must be copyable.
  auto connection = std::make_shared<std::unique_ptr<Connection>>();
  return [address, connection] {
    if (!*connection || !(*connection)->usable()) *connection = Connection::Open(address);
    std::vector<ReplicaLag> lags;
    try {
      for (const auto& row : (*connection)->Query("SHOW ALL SLAVES STATUS")) {
        const auto& seconds = row.at(kSecondsBehindMaster);
        lags.push_back(seconds ? ReplicaLag(ToNumber(*seconds)) : std::nullopt);
      }
    } catch (...) {
      connection->reset();
      throw;
    }
    return lags;
  };
}

std::string ReplicaName(const ServerSettings& settings) {
  if (!settings.socket.empty()) return settings.socket;
  std::string name = settings.hosts.empty() ? "localhost" : settings.hosts.front();
  if (settings.port != 0) name += ":" + std::to_string(settings.port);
  return name;
}

}  // namespace osarchiver
