#include "engine/throttle.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "engine/replica_gauge.h"
#include "engine/run_services.h"
#include "engine/source_gauge.h"
#include "util/file_system.h"
#include "util/log.h"

namespace osarchiver {
namespace {

using std::chrono::milliseconds;

// The gauges are asked at most this often; between, the last answer holds.
constexpr milliseconds kAskInterval{1000};
// While a gauge has a reason: how often it is looked whether it is time to ask again.
constexpr milliseconds kGaugeSleep{200};
// A deleting transaction is slow that takes more than a second and so many times its target.
constexpr milliseconds kSlow{1000};
constexpr std::uint32_t kSlowTargets = 4;

class PauseFileGauge : public Gauge {
 public:
  explicit PauseFileGauge(std::string path) : path_(std::move(path)) {}
  std::optional<WaitReason> Ask() override {
    try {
      if (!PosixFileSystem().Exists(path_)) return std::nullopt;
      return WaitReason{"pause file", "pause file " + path_};
    } catch (const Error& error) {
      // Somebody may want a pause.
      return WaitReason{"pause file", std::string("cannot see a pause file: ") + error.what()};
    }
  }

 private:
  const std::string path_;
};

}  // namespace

Throttle::Throttle(Limits limits, Clock& clock, StopControl& stop, WaitNotice notice)
    : clock_(clock),
      stop_(stop),
      limits_(std::move(limits)),
      notice_(std::move(notice)),
      rate_(limits_.max_rows_per_second),
      rest_(limits_.max_latency) {}

Throttle::~Throttle() { notice_.End(); }

bool Throttle::Wait() {
  for (;;) {
    milliseconds sleep{0};
    {
      const std::lock_guard lock(mutex_);
      const std::optional<Verdict> verdict = Judge();
      if (!verdict) {
        notice_.GoingOn();
        return true;
      }
      if (stop_.stopped()) return false;
      notice_.Waiting(verdict->reason);
      sleep = verdict->sleep;
    }
    // Not under the lock: whoever deleted rows reports them meanwhile.
    stop_.Sleep(sleep);
  }
}

void Throttle::AskAhead() {
  try {
    ahead_ = std::async(std::launch::async, [this] {
      const std::lock_guard lock(mutex_);
      AskGauges();
    });
  } catch (const std::system_error&) {
    // No thread: Wait() asks.
  }
}

void Throttle::AskGauges() {
  if (asked_ != SteadyTime{} && clock_.Now() - asked_ < kAskInterval) return;
  answer_.reset();
  for (const auto& gauge : limits_.gauges) {
    // All of them: some take a sample each time.
    auto reason = gauge->Ask();
    if (!answer_) answer_ = std::move(reason);
  }
  asked_ = clock_.Now();
}

std::optional<Throttle::Verdict> Throttle::Judge() {
  AskGauges();
  if (answer_) return Verdict{*answer_, kGaugeSleep};
  const SteadyTime now = clock_.Now();
  if (const milliseconds left = rest_.Left(now); left.count() > 0) {
    return Verdict{{"latency", fmt::format("a transaction took {} ms, more than {} ms",
                                           rest_.last_slow().count(), rest_.limit().count())},
                   std::min(left, kGaugeSleep)};
  }
  if (const milliseconds left = yield_.Left(now); left.count() > 0 && Yields()) {
    return Verdict{{"others", limits_.others->text()}, std::min(left, kGaugeSleep)};
  }
  if (const milliseconds delay = rate_.Delay(now); delay.count() > 0) {
    return Verdict{{"rate", fmt::format("max_rows_per_second {}", limits_.max_rows_per_second)},
                   delay};
  }
  return std::nullopt;
}

void Throttle::AddRows(std::uint64_t rows) {
  const std::lock_guard lock(mutex_);
  rate_.Add(rows);
}

void Throttle::AddTransaction(std::uint64_t rows, milliseconds duration) {
  const std::lock_guard lock(mutex_);
  rate_.Add(rows);
  rest_.Took(duration, clock_.Now());
  if (Yields()) yield_.Took(duration, clock_.Now());
}

void Throttle::AddRead(milliseconds duration) {
  const std::lock_guard lock(mutex_);
  if (Yields()) yield_.Took(duration, clock_.Now());
}

std::uint64_t Throttle::rows_at_once() const {
  const std::lock_guard lock(mutex_);
  return Yields() ? std::min(rate_.rows_at_once(), YieldRest::kRowsAtOnce) : rate_.rows_at_once();
}

std::unique_ptr<Throttle> MakeThrottle(RunServices& services, const SourceSettings& source,
                                       std::function<std::unique_ptr<Connection>()> connect) {
  const ThrottleSettings& settings = source.throttle;
  Throttle::Limits limits;
  limits.max_rows_per_second = settings.max_rows_per_second;
  limits.max_latency = std::max(kSlow, milliseconds(kSlowTargets * source.delete_target_ms));
  if (!settings.pause_file.empty()) {
    limits.gauges.push_back(std::make_unique<PauseFileGauge>(settings.pause_file));
  }
  for (const ServerSettings& replica : settings.replicas) {
    limits.gauges.push_back(std::make_unique<ReplicaGauge>(
        ReplicaName(replica), settings.max_replica_lag_s, AskReplica(replica)));
  }
  if (settings.yield) {
    // One connection of each table reads.
    limits.others =
        std::make_shared<OtherWork>(source.table_workers * (1 + source.delete_connections));
  }
  limits.gauges.push_back(std::make_unique<SourceGauge>(
      settings, services.clock, AskServer(std::move(connect), settings.yield), limits.others));
  const auto record = [&services](const std::string& reason) {
    try {
      services.journal.SetWaiting(services.run, reason);
    } catch (const Error& error) {
      // Only a remark; the next step that matters writes to the journal too and will say so.
      LogWarning(std::string("the journal does not take the reason for waiting: ") + error.what());
    }
  };
  const auto show = [&services](const std::string& reason) {
    services.progress.SetWaiting(reason);
  };
  auto throttle = std::make_unique<Throttle>(std::move(limits), services.clock, services.stop,
                                             WaitNotice(services.clock, show, record));
  throttle->AskAhead();
  return throttle;
}

}  // namespace osarchiver
