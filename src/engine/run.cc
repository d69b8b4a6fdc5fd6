#include "engine/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "config/consistency.h"
#include "destination/older_journal.h"
#include "destination/registry.h"
#include "engine/hold_check.h"
#include "engine/run_services.h"
#include "engine/settle.h"
#include "engine/source_session.h"
#include "engine/status_report.h"
#include "engine/table_pass.h"
#include "engine/throttle.h"
#include "engine/work_order.h"
#include "mariadb/retry.h"
#include "state/journal.h"
#include "state/run_lock.h"
#include "util/failpoint.h"
#include "util/hash.h"
#include "util/log.h"

namespace osarchiver {
namespace {

constexpr std::chrono::seconds kStatusInterval{3};

std::string HostName() {
  std::array<char, 256> name{};
  (void)::gethostname(name.data(), name.size() - 1);
  return name.data();
}

// The names of runs order the versions of a row in the archives. So a run that starts within the
// same second as the one before it, or after the host's clock was set back, takes a later name than
// its start.
std::string NewRunName(const Journal& journal, std::int64_t started) {
  for (const RunInfo& last : journal.ListRuns("", 1)) {
    // 20261123T020000Z-7f3a09c1
    const std::string& name = last.name;
    if (name.size() < 15) continue;
    const auto taken = ParseUtc(fmt::format("{}-{}-{}T{}:{}:{}Z", name.substr(0, 4),
                                            name.substr(4, 2), name.substr(6, 2), name.substr(9, 2),
                                            name.substr(11, 2), name.substr(13, 2)));
    if (taken) started = std::max(started, *taken + 1);
  }
  return FormatUtcCompact(started) + "-" + RandomHex(4);
}

// Whether there is nothing of a run that the next one would have to settle.
bool NothingOpen(Journal& journal, RunId run) {
  for (const PassInfo& pass : journal.ListPasses(run)) {
    if (!journal.UnsettledBatches(pass.id).empty()) return false;
    if (!journal.OpenReleases(pass.id).empty()) return false;
    for (const SegmentInfo& segment : journal.ListSegments(pass.id)) {
      if (segment.state == SegmentState::kOpen || segment.state == SegmentState::kSealing ||
          segment.state == SegmentState::kDamaged)
        return false;
    }
  }
  return true;
}

// One source of the archiver, connected and planned before anything is written.
struct PlannedSource {
  const SourceSettings* settings = nullptr;
  std::unique_ptr<Connection> connection;
  SourcePlan plan;
  std::unique_ptr<Throttle> throttle;
};

// Connects to the archiver's sources and plans their tables, one after the other in a thread of its
// own: the servers are waited for while the journal is opened, which takes as long. Writes nothing
// anywhere. Those that nobody takes are not begun any more.
class SourcePlanner {
 public:
  SourcePlanner(const RunRequest& request, Clock& clock) {
    std::vector<std::packaged_task<PlannedSource()>> tasks;
    for (const std::string& name : request.archiver->sources) {
      const SourceSettings& settings = request.settings->sources.at(name);
      tasks.emplace_back([&request, &clock, &settings] {
        PlannedSource source;
        source.settings = &settings;
        source.connection = ConnectSource(settings);
        source.plan = PlanSource(*source.connection, *request.settings, settings, request.only);
        CheckClock(settings.name, source.plan.now_unix, clock.UnixSeconds());
        return source;
      });
      sources_.push_back(tasks.back().get_future());
    }
    thread_ = std::jthread([tasks = std::move(tasks)](const std::stop_token& stop) mutable {
      for (auto& task : tasks) {
        if (stop.stop_requested()) return;
        task();
      }
    });
  }

  // Waits for the next source, in the archiver's order. Throws what connecting and planning threw.
  PlannedSource Next() { return sources_.at(taken_++).get(); }

 private:
  std::vector<std::future<PlannedSource>> sources_;
  std::size_t taken_ = 0;
  std::jthread thread_;
};

class ArchiverRun {
 public:
  ArchiverRun(const RunRequest& request, Clock& clock, StopControl& stop, Progress& progress)
      : request_(request),
        clock_(clock),
        stop_(stop),
        progress_(progress),
        allowance_(request.max_rows > 0 ? request.max_rows : RowAllowance::kUnlimited) {}

  RunResult Execute();

 private:
  void Connect(SourcePlanner& planner);
  void Begin(bool journal_was_empty);
  void Prepare();
  void Work();
  void WorkSource(PlannedSource& source);
  void WorkComponent(PlannedSource& source, const WorkOrder::Tables& tables);
  // What went wrong, "" when nothing did.
  std::string Guard(const std::string& what, const std::function<void()>& work);
  void WriteStatus();
  void Problem(ExitCode code, const std::string& text, const std::string& hint = {});
  void AddDeleted(std::uint64_t rows);
  void End();

  const RunRequest& request_;
  Clock& clock_;
  StopControl& stop_;
  Progress& progress_;
  std::unique_ptr<Journal> journal_;
  std::vector<std::unique_ptr<Destination>> destinations_;
  std::set<PassKey> unsettled_;  // tables that this run leaves alone
  RowAllowance allowance_;
  std::unique_ptr<RunServices> services_;
  std::vector<PlannedSource> sources_;  // their throttles use the services
  InvocationId invocation_ = 0;
  std::atomic<bool> journal_is_older_ = false;  // than the archives: nothing is written there
  std::mutex result_mutex_;  // guards result_ while tables are worked side by side
  RunResult result_;
};

RunResult ArchiverRun::Execute() {
  RequireAlone(*request_.settings, *request_.archiver);
  const RunLock lock = RunLock::Acquire(request_.settings->state, request_.archiver->name);
  SourcePlanner planner(request_, clock_);
  journal_ = Journal::Open(request_.settings->state, OpenMode::kWrite);
  const bool journal_was_empty = journal_->empty();
  Begin(journal_was_empty);
  Guard("", [this, &planner] {
    RequireNothingForgotten(*request_.settings, *journal_, *request_.archiver);
    const Ticker status_ticker(kStatusInterval, [this] { WriteStatus(); });
    Connect(planner);
    Prepare();
    Work();
  });
  End();
  return std::move(result_);
}

void ArchiverRun::WriteStatus() {
  WriteStatusFile(*request_.settings, *journal_, request_.archiver->name);
}

void ArchiverRun::Problem(ExitCode code, const std::string& text, const std::string& hint) {
  const std::string line = WithHint(text, hint);
  LogError(line);
  const std::lock_guard lock(result_mutex_);
  result_.exit_code = Worse(result_.exit_code, code);
  result_.problems.push_back(line);
}

void ArchiverRun::AddDeleted(std::uint64_t rows) {
  const std::lock_guard lock(result_mutex_);
  result_.deleted += rows;
}

// Turns what ends one part of the work into the run's result, so that the next part can go on.
std::string ArchiverRun::Guard(const std::string& what, const std::function<void()>& work) {
  const auto report = [&](ExitCode code, const std::exception& error, const std::string& hint) {
    std::string text = (what.empty() ? what : what + ": ") + error.what();
    Problem(code, text, hint);
    return text;
  };
  try {
    work();
  } catch (const OlderJournalError& error) {
    journal_is_older_ = true;
    return report(ExitCode::kDamage, error, error.hint());
  } catch (const IntegrityError& error) {
    return report(ExitCode::kDamage, error, error.hint());
  } catch (const ConfigError& error) {
    return report(ExitCode::kUsage, error, error.hint());
  } catch (const Error& error) {
    return report(ExitCode::kFailed, error, error.hint());
  } catch (const std::exception& error) {
    return report(ExitCode::kFailed, error, {});
  }
  return {};
}

void ArchiverRun::Begin(bool journal_was_empty) {
  const std::int64_t started = clock_.UnixSeconds();
  NewRun run;
  run.name = NewRunName(*journal_, started);
  run.archiver = request_.archiver->name;
  run.site = request_.settings->site;
  run.now = FormatUtc(started);
  run.host = HostName();
  run.pid = ::getpid();
  run.configuration = request_.settings->effective_json;
  run.options = request_.options_text;
  const RunId id = journal_->BeginRun(run);
  invocation_ = journal_->BeginInvocation("run", run.archiver, id, run.host, run.pid);
  result_.run_name = run.name;

  services_.reset(new RunServices{.settings = *request_.settings,
                                  .journal = *journal_,
                                  .clock = clock_,
                                  .stop = stop_,
                                  .progress = progress_,
                                  .destinations = {},
                                  .context = {},
                                  .run = id,
                                  .connect = {},
                                  .allowance = allowance_});
  services_->context.site = run.site;
  services_->context.journal_id = journal_->id();
  services_->context.archiver = run.archiver;
  services_->context.run_name = run.name;
  services_->context.now = run.now;
  services_->context.started_unix = started;
  services_->context.journal_was_empty = journal_was_empty;
  LogInfo(fmt::format("run {} of archiver {} begins", run.name, run.archiver));
  Failpoint("run-begin");
}

void ArchiverRun::Connect(SourcePlanner& planner) {
  for (const std::string& name : request_.archiver->sources) {
    Guard("source " + name, [&] {
      PlannedSource source = planner.Next();
      std::string other;
      Retry(
          {}, clock_, "asking for other runs",
          [&] { other = OtherRunOn(*source.connection, request_.archiver->name, name); },
          // While a large journal was checked it was idle, and somebody may have closed it.
          [&](const DatabaseError&) {
            if (source.connection->usable()) return;
            source.connection = FollowingConnections(*source.connection)();
          },
          [&] { return stop_.stopped(); });
      if (!other.empty()) {
        LogWarning(fmt::format(
            "source {}: another run of archiver {} with another journal works on it now ({}); "
            "nothing is lost by that, but rows may be archived by both",
            name, request_.archiver->name, other));
      }
      for (const std::string& warning : source.plan.warnings)
        LogWarning("source " + name + ": " + warning);
      for (const std::string& error : source.plan.errors)
        Problem(ExitCode::kFailed, "source " + name + ": " + error);
      for (const LeftOutTable& table : source.plan.left_out) {
        if (table.reason != LeftOutTable::Reason::kRefused) continue;
        LogInfo(
            fmt::format("source {}: {} is left alone: {}", name, ToText(table.name), table.detail));
      }
      sources_.push_back(std::move(source));
    });
  }
}

void ArchiverRun::Prepare() {
  destinations_ = DestinationsOf(*request_.settings, *request_.archiver);
  services_->context.databases_only = DatabasesOnly(destinations_);
  for (const auto& destination : destinations_) {
    for (const PlannedSource& source : sources_) {
      destination->UseSource(source.settings->name, *source.connection);
    }
    destination->Open(services_->context, *journal_);
    for (const PlannedSource& source : sources_) {
      destination->RequireJournal(services_->context, KeysOf(source.plan), journal_.get());
    }
    services_->destinations.push_back(destination.get());
  }
}

void ArchiverRun::Work() {
  if (sources_.empty()) return;
  for (const PlannedSource& source : sources_)
    RequireHoldsKept(*request_.settings, source.plan, *source.connection, *journal_);
  std::map<std::string, SettleSource> reachable;
  for (PlannedSource& source : sources_) {
    const auto connect = FollowingConnections(*source.connection);
    source.throttle = MakeThrottle(*services_, *source.settings, connect);
    reachable[source.settings->name] = {&source.plan, connect, source.throttle.get()};
  }
  std::set<std::string> unreachable;
  for (const std::string& name : request_.archiver->sources) {
    if (!reachable.contains(name)) unreachable.insert(name);
  }
  SettleResult settled = Settler(*services_, std::move(reachable), std::move(unreachable)).Settle();
  result_.deleted += settled.deleted;
  for (const std::string& damage : settled.damage) Problem(ExitCode::kDamage, damage);
  for (const std::string& failure : settled.failures) Problem(ExitCode::kFailed, failure);
  unsettled_ = std::move(settled.unsettled);
  for (PlannedSource& source : sources_) {
    Guard("source " + source.settings->name, [&] { WorkSource(source); });
  }
}

void ArchiverRun::WorkSource(PlannedSource& source) {
  services_->connect = FollowingConnections(*source.connection);
  services_->context.source = source.settings->name;
  services_->context.server = DescribeServer(source.plan.server);
  WorkOrder order(source.plan);
  const auto work = [&] {
    while (!stop_.stopped() && !allowance_.exhausted()) {
      const auto tables = order.Take();
      if (!tables) return;
      // Taking may have waited. Whoever waits now must wake up too.
      if (!stop_.stopped()) WorkComponent(source, *tables);
      order.Done(*tables);
    }
  };
  const std::size_t workers = std::min<std::size_t>(source.settings->table_workers, order.size());
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < workers; ++i) others.emplace_back(work);
  work();
}

// Tables that refer to each other in a cycle free each other's rows: they take turns until a whole
// turn frees nothing more. So does a table that refers to itself, or to rows that go with its own.
// All others are walked once.
void ArchiverRun::WorkComponent(PlannedSource& source, const WorkOrder::Tables& tables) {
  PassTargets targets(*services_, source.plan);
  std::map<const TablePlan*, std::unique_ptr<TablePass>> passes;
  std::set<const TablePlan*> failed;
  const auto guard = [&](const TablePlan* table, const std::function<void()>& work) {
    const std::string problem = Guard("table " + ToText(table->name), work);
    if (problem.empty()) return;
    failed.insert(table);
    // The journal may be what failed.
    Guard("journal", [&] {
      if (passes.contains(table)) passes[table]->Fail(problem);
    });
  };
  const bool rounds = tables.front()->in_cycle || tables.front()->refers_to_itself;
  std::uint64_t freed = 0;
  do {
    freed = 0;
    for (const TablePlan* table : tables) {
      if (failed.contains(table)) continue;
      if (unsettled_.contains({source.settings->name, table->name.database, table->name.table})) {
        LogWarning("table " + ToText(table->name) +
                   " waits for the next run: what an earlier one left of it is not settled");
        failed.insert(table);
        continue;
      }
      guard(table, [&] {
        if (!passes.contains(table)) {
          passes[table] = std::make_unique<TablePass>(*services_, *source.settings, source.plan,
                                                      *table, targets, *source.throttle);
        }
        const bool last = !rounds && table == tables.back();
        freed += passes[table]->Round(last ? TablePass::Turn::kLast : TablePass::Turn::kAnother);
      });
    }
    AddDeleted(freed);
  } while (rounds && freed > 0 && !stop_.stopped() && !allowance_.exhausted());
  for (const TablePlan* table : tables) {
    if (failed.contains(table) || !passes.contains(table)) continue;
    guard(table, [&] {
      passes[table]->Finish();
      if (passes[table]->conflicts() > 0) {
        throw ConflictError(
            fmt::format("{} rows meet other rows with the same key at a destination; they stay in "
                        "the source",
                        passes[table]->conflicts()),
            "the log names them; archive this source to a database of its own (database_name, "
            "database_suffix or table_suffix), or set those rows there right");
      }
    });
  }
}

void ArchiverRun::End() {
  // Nothing is waited for any more.
  for (PlannedSource& source : sources_) source.throttle.reset();
  bool all_open = !journal_is_older_;
  bool all_finished = true;  // of those that are open
  for (const auto& destination : destinations_) {
    if (journal_is_older_) break;
    if (FindDestination(services_->destinations, destination->target()) == nullptr) {
      all_open = false;
      continue;
    }
    bool finished = false;
    Guard("destination " + destination->target().destination, [&] {
      destination->FinishRun(services_->context, *journal_);
      finished = true;
    });
    all_finished = all_finished && finished;
  }
  if (stop_.stopped()) result_.exit_code = Worse(result_.exit_code, ExitCode::kStopped);
  RunState state = RunState::kCompleted;
  std::string reason;
  if (result_.exit_code == ExitCode::kStopped) {
    state = RunState::kInterrupted;
    reason = stop_.reason();
  } else if (result_.exit_code != ExitCode::kSuccess) {
    state = RunState::kFailed;
    reason = result_.problems.empty() ? std::string() : result_.problems.front();
  }
  Guard("journal", [&] {
    const int code = static_cast<int>(result_.exit_code);
    journal_->FinishRun(services_->run, state, code, reason);
    // Also earlier runs, to which this one added copies that they lacked. Where a checksum list
    // could not be written, settling writes it.
    for (const RunInfo& run : journal_->UnsettledRuns(request_.archiver->name)) {
      const bool done =
          all_finished && (run.id == services_->run ||
                           (all_open && !run.finished_at.empty() &&
                            SegmentsElsewhere(*journal_, run.id, services_->destinations).empty()));
      if (done && NothingOpen(*journal_, run.id)) journal_->MarkRunSettled(run.id);
    }
    // Beside the journal's last commit, for both wait for the disk.
    std::future<void> status = std::async(std::launch::async, [this] { WriteStatus(); });
    journal_->FinishInvocation(invocation_, code, reason);
    Failpoint("run-end");
    status.get();
  });
  LogDebug(fmt::format("journal: {:.3f} s inside its calls",
                       std::chrono::duration<double>(journal_->busy_time()).count()));
  LogInfo(fmt::format("run {} ends with exit code {}", result_.run_name,
                      static_cast<int>(result_.exit_code)));
}

}  // namespace

RunResult RunArchiver(const RunRequest& request, Clock& clock, StopControl& stop,
                      Progress& progress) {
  return ArchiverRun(request, clock, stop, progress).Execute();
}

}  // namespace osarchiver
