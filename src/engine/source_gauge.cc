#include "engine/source_gauge.h"

#include <fmt/format.h>

#include <charconv>

#include "util/error.h"

namespace osarchiver {
namespace {

constexpr std::chrono::seconds kSilence{60};
constexpr const char* kStatusQuery =
    "SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_running', 'Innodb_history_list_length', "
    "'wsrep_local_state_comment', 'wsrep_local_recv_queue', 'wsrep_flow_control_paused_ns')";

// Of other accounts: those of this one are this run's, or another's that yields as well. What waits
// for the next statement does not run, and what replicates or is a thread of the server is nobody
// who waits for an answer. Without PROCESS an account sees its own statements only. The server's
// thread pool is as large as the processors are many unless somebody knew better, whether it is
// used or not.
constexpr const char* kOthersQuery =
    "SELECT COUNT(*), @@GLOBAL.thread_pool_size FROM information_schema.PROCESSLIST WHERE COMMAND "
    "IN "
    "('Query', 'Execute', 'Prepare', 'Fetch') AND USER NOT IN ('system user', 'event_scheduler', "
    "SUBSTRING_INDEX(USER(), '@', 1))";

std::optional<WaitReason> Beyond(std::uint64_t value, std::uint64_t limit, const std::string& kind,
                                 const char* text) {
  if (limit == 0 || value <= limit) return std::nullopt;
  return WaitReason{kind, fmt::format(fmt::runtime(text), value, limit)};
}

}  // namespace

std::uint64_t StatusNumber(const ServerStatus& status, const std::string& name) {
  const auto found = status.find(name);
  std::uint64_t number = 0;
  if (found != status.end()) {
    const std::string& text = found->second;
    std::from_chars(text.data(), text.data() + text.size(), number);
  }
  return number;
}

std::optional<WaitReason> GaleraGauge::Judge(const ServerStatus& status,
                                             std::chrono::steady_clock::time_point now) {
  const auto state = status.find("wsrep_local_state_comment");
  if (state == status.end() || state->second.empty()) return std::nullopt;  // no Galera
  const std::uint64_t ns = StatusNumber(status, "wsrep_flow_control_paused_ns");
  double share = 0;
  // The counter begins anew with the server and with FLUSH STATUS.
  if (sampled_ && now > *sampled_ && ns >= paused_ns_) {
    const std::chrono::duration<double, std::nano> elapsed = now - *sampled_;
    share = static_cast<double>(ns - paused_ns_) / elapsed.count();
  }
  paused_ns_ = ns;
  sampled_ = now;
  if (state->second != "Synced") {
    return WaitReason{"not synced", "the node is " + state->second + ", not Synced"};
  }
  if (share > max_paused_share_) {
    return WaitReason{"flow control", fmt::format("flow control pauses the cluster {:.0f} % of the "
                                                  "time",
                                                  share * 100)};
  }
  return Beyond(StatusNumber(status, "wsrep_local_recv_queue"), kLongReceiveQueue, "receive queue",
                "{} write sets wait in the node's receive queue (limit {})");
}

std::optional<WaitReason> SourceGauge::Judge(const ServerStatus& status) {
  // Always, so that every look takes its sample.
  auto galera = galera_.Judge(status, clock_.Now());
  // None: thread_pool_size was set by hand where the pool is not used, and says nothing.
  if (const std::uint64_t processors = StatusNumber(status, kProcessors);
      others_ != nullptr && processors > 0) {
    others_->Saw(StatusNumber(status, kOthersRunning), processors);
  }
  if (auto reason = Beyond(StatusNumber(status, "Threads_running"), settings_.max_threads_running,
                           "threads", "{} threads are running (max_threads_running {})")) {
    return reason;
  }
  if (auto reason = Beyond(StatusNumber(status, "Innodb_history_list_length"),
                           settings_.max_history_list_length, "history",
                           "the undo history is {} long (max_history_list_length {})")) {
    return reason;
  }
  return galera;
}

std::optional<WaitReason> SourceGauge::Ask() {
  try {
    const ServerStatus status = ask_();
    silent_since_.reset();
    return Judge(status);
  } catch (const Error& error) {
    if (!silent_since_) silent_since_ = clock_.Now();
    if (clock_.Now() - *silent_since_ >= kSilence) return std::nullopt;
    return WaitReason{"no answer", std::string("the source does not answer: ") + error.what()};
  }
}

std::function<ServerStatus()> AskServer(std::function<std::unique_ptr<Connection>()> connect,
                                        bool asks_for_others) {
  // Shared, because a function must be copyable.
  auto connection = std::make_shared<std::unique_ptr<Connection>>();
  return [connect = std::move(connect), connection, asks_for_others] {
    if (!*connection || !(*connection)->usable()) *connection = connect();
    ServerStatus status;
    try {
      for (const auto& row : (*connection)->Query(kStatusQuery)) {
        status[row.at(0).value_or("")] = row.at(1).value_or("");
      }
      if (asks_for_others) {
        const Table others = (*connection)->Query(kOthersQuery);
        status[kOthersRunning] = others.at(0).at(0).value_or("0");
        status[kProcessors] = others.at(0).at(1).value_or("0");
      }
    } catch (...) {
      connection->reset();
      throw;
    }
    return status;
  };
}

}  // namespace osarchiver
