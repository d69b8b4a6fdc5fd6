#include "engine/throttle.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <vector>

#include "destination/registry.h"
#include "util/file_system.h"
#include "util/log.h"

namespace osarchiver {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

// The server is asked at most this often; between, the last answer holds.
constexpr std::chrono::milliseconds kPollInterval{1000};
constexpr std::chrono::milliseconds kWait{500};

std::optional<std::string> StatusValue(Connection& connection, std::string_view name) {
  const Table rows = connection.Query(fmt::format("SHOW GLOBAL STATUS LIKE '{}'", name));
  if (rows.empty() || !rows.front().at(1)) return std::nullopt;
  return rows.front()[1];
}

std::uint64_t ToNumber(const std::optional<std::string>& text) {
  return text ? std::strtoull(text->c_str(), nullptr, 10) : 0;
}

}  // namespace

struct Throttle::State {
  State(RunServices& run_services, const ThrottleSettings& throttle_settings)
      : services(run_services), settings(throttle_settings) {}

  struct Replica {
    ServerAddress address;
    std::unique_ptr<Connection> connection;
  };

  std::string Poll();
  std::string PollReplica(Replica& replica);
  std::string PollSource();
  std::string PollFlowControl();
  std::chrono::milliseconds RateDelay();
  void Announce(const std::string& reason);

  RunServices& services;
  const ThrottleSettings& settings;
  std::mutex mutex;  // guards everything below
  std::vector<Replica> replicas;
  std::unique_ptr<Connection> source;
  SteadyTime polled{};
  std::string reason;
  std::string announced;
  std::uint64_t paused_ns = 0;
  SteadyTime paused_at{};
  bool galera = true;    // until the server says otherwise
  double rows_owed = 0;  // deleted beyond what the rate allows
  SteadyTime rate_at{};
};

Throttle::Throttle(RunServices& services, const ThrottleSettings& settings)
    : state_(std::make_unique<State>(services, settings)) {
  for (const ServerSettings& replica : settings.replicas) {
    state_->replicas.push_back({AddressOf(replica), nullptr});
  }
}

Throttle::~Throttle() { state_->Announce(""); }

void Throttle::AddRows(std::uint64_t rows) {
  const std::lock_guard lock(state_->mutex);
  state_->rows_owed += static_cast<double>(rows);
}

void Throttle::Wait() {
  const std::lock_guard lock(state_->mutex);
  State& state = *state_;
  while (!state.services.stop.stopped()) {
    const auto now = state.services.clock.Now();
    if (now - state.polled >= kPollInterval) {
      state.reason = state.Poll();
      state.polled = state.services.clock.Now();
    }
    const std::chrono::milliseconds delay = state.RateDelay();
    if (state.reason.empty() && delay.count() == 0) break;
    state.Announce(state.reason.empty()
                       ? fmt::format("max_rows_per_second {}", state.settings.max_rows_per_second)
                       : state.reason);
    state.services.stop.Sleep(state.reason.empty() ? delay : kWait);
  }
  state.Announce("");
}

// How long the rate still has to pay for rows that are gone. A second's worth is free, so that
// small tables are not delayed.
std::chrono::milliseconds Throttle::State::RateDelay() {
  if (settings.max_rows_per_second == 0) return std::chrono::milliseconds(0);
  const auto now = services.clock.Now();
  const auto rate = static_cast<double>(settings.max_rows_per_second);
  if (rate_at != SteadyTime{}) {
    rows_owed =
        std::max(0.0, rows_owed - rate * std::chrono::duration<double>(now - rate_at).count());
  }
  rate_at = now;
  const double beyond = rows_owed - rate;
  if (beyond <= 0) return std::chrono::milliseconds(0);
  return std::chrono::milliseconds(static_cast<std::int64_t>(beyond / rate * 1000) + 1);
}

void Throttle::State::Announce(const std::string& text) {
  if (text == announced) return;
  announced = text;
  services.progress.SetWaiting(text);
  try {
    services.journal.SetWaiting(services.run, text);
  } catch (const Error& error) {
    // Only a remark; the next step that matters writes to the journal too and will say so.
    LogWarning(std::string("the journal does not take the reason for waiting: ") + error.what());
  }
  LogInfo(text.empty() ? "going on" : "waiting: " + text);
}

// The first reason to wait; "" when there is none.
std::string Throttle::State::Poll() {
  if (!settings.pause_file.empty() && PosixFileSystem().Exists(settings.pause_file)) {
    return "pause file " + settings.pause_file;
  }
  for (Replica& replica : replicas) {
    std::string text = PollReplica(replica);
    if (!text.empty()) return text;
  }
  try {
    if (!source || !source->usable()) source = services.connect();
    return PollSource();
  } catch (const DatabaseError& error) {
    source.reset();
    return std::string("the source does not answer: ") + error.what();
  }
}

// A replica that cannot be asked, or whose SQL thread is stopped (NULL), is too far behind: nobody
// knows how far.
std::string Throttle::State::PollReplica(Replica& replica) {
  try {
    if (!replica.connection || !replica.connection->usable())
      replica.connection = Connection::Open(replica.address);
    // SHOW ALL REPLICAS STATUS has two columns in front of SHOW REPLICA STATUS's;
    // Seconds_Behind_Master is the 35th there.
    const Table rows = replica.connection->Query("SHOW ALL SLAVES STATUS");
    constexpr std::size_t kSecondsBehindMaster = 34;
    if (rows.empty()) return fmt::format("{} is no replica", replica.connection->endpoint());
    for (const auto& row : rows) {
      const auto& lag = row.at(kSecondsBehindMaster);
      if (!lag) return fmt::format("replica {} does not replicate", replica.connection->endpoint());
      if (ToNumber(lag) > settings.max_replica_lag_s) {
        return fmt::format("replica {} lags {} s", replica.connection->endpoint(), *lag);
      }
    }
    return {};
  } catch (const DatabaseError& error) {
    replica.connection.reset();
    return std::string("a replica does not answer: ") + error.what();
  }
}

std::string Throttle::State::PollSource() {
  if (settings.max_threads_running > 0) {
    const std::uint64_t running = ToNumber(StatusValue(*source, "Threads_running"));
    if (running > settings.max_threads_running)
      return fmt::format("{} threads are running", running);
  }
  if (settings.max_history_list_length > 0) {
    const std::uint64_t length = ToNumber(StatusValue(*source, "Innodb_history_list_length"));
    if (length > settings.max_history_list_length)
      return fmt::format("the undo history is {} long", length);
  }
  return galera ? PollFlowControl() : std::string();
}

// wsrep_flow_control_paused is an average since the server's start; two samples of its nanoseconds
// say what happens now.
std::string Throttle::State::PollFlowControl() {
  const auto state_text = StatusValue(*source, "wsrep_local_state_comment");
  if (!state_text || state_text->empty()) {
    galera = false;
    return {};
  }
  if (*state_text != "Synced") return "the node is " + *state_text;
  const std::uint64_t ns = ToNumber(StatusValue(*source, "wsrep_flow_control_paused_ns"));
  const auto now = services.clock.Now();
  const auto elapsed =
      std::chrono::duration_cast<std::chrono::nanoseconds>(now - paused_at).count();
  const bool first = paused_at == SteadyTime{};
  const double share = first || elapsed <= 0 || ns < paused_ns
                           ? 0
                           : static_cast<double>(ns - paused_ns) / static_cast<double>(elapsed);
  paused_ns = ns;
  paused_at = now;
  if (share > settings.max_flow_control)
    return fmt::format("flow control pauses the cluster {:.0f} % of the time", share * 100);
  return {};
}

}  // namespace osarchiver
