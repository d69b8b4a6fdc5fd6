#include <gtest/gtest.h>

#include "engine/replica_gauge.h"
#include "engine/source_gauge.h"
#include "fake_clock.h"
#include "util/error.h"

namespace osarchiver {
namespace {

using std::chrono::milliseconds;

std::string Text(const std::optional<WaitReason>& reason) { return reason ? reason->text : ""; }

std::string Lag(const std::vector<ReplicaLag>& lags) {
  ReplicaGauge gauge("db2:3306", 10, [&] { return lags; });
  return Text(gauge.Ask());
}

TEST(ReplicaGaugeTest, TheWorstChannelCounts) {
  EXPECT_EQ(Lag({0}), "");
  EXPECT_EQ(Lag({10, 3}), "");
  EXPECT_EQ(Lag({3, 11, 4}), "replica db2:3306 lags 11 s");
}

// NULL is not 0: nobody knows how far behind a stopped replica is.
TEST(ReplicaGaugeTest, StoppedEmptyAndSilentReplicasAreTooFarBehind) {
  EXPECT_EQ(Lag({0, std::nullopt}), "replica db2:3306 is stopped");
  EXPECT_EQ(Lag({}), "replica db2:3306 replicates nothing");
  ReplicaGauge silent("db2:3306", 10, []() -> std::vector<ReplicaLag> {
    throw DatabaseError(2002, "HY000", "connection refused");
  });
  EXPECT_EQ(Text(silent.Ask()), "replica db2:3306 does not answer: connection refused");
}

TEST(ReplicaGaugeTest, NumbersDoNotChangeTheKindOfReason) {
  std::uint64_t lag = 11;
  ReplicaGauge gauge("db2", 10, [&] { return std::vector<ReplicaLag>{lag++}; });
  const auto first = gauge.Ask(), second = gauge.Ask();
  EXPECT_EQ(first->kind, second->kind);
  EXPECT_NE(first->text, second->text);
}

class SourceGaugeTest : public testing::Test {
 protected:
  std::string Ask() {
    if (!gauge_)
      gauge_.emplace(
          settings_, clock_, [this] { return Answer(); }, others_);
    return Text(gauge_->Ask());
  }
  ServerStatus Answer() const {
    if (silent_) throw DatabaseError(2013, "HY000", "lost connection");
    return status_;
  }
  void Galera(const std::string& state, std::uint64_t paused_ns) {
    status_["wsrep_local_state_comment"] = state;
    status_["wsrep_flow_control_paused_ns"] = std::to_string(paused_ns);
  }

  FakeClock clock_;
  ThrottleSettings settings_;
  ServerStatus status_;
  std::shared_ptr<OtherWork> others_;
  bool silent_ = false;
  std::optional<SourceGauge> gauge_;
};

TEST_F(SourceGaugeTest, LimitsOfZeroAreNotLookedAt) {
  status_ = {{"Threads_running", "900"}, {"Innodb_history_list_length", "9000000"}};
  EXPECT_EQ(Ask(), "");
}

TEST_F(SourceGaugeTest, ThreadsAndHistory) {
  settings_.max_threads_running = 30;
  settings_.max_history_list_length = 100000;
  status_ = {{"Threads_running", "30"}, {"Innodb_history_list_length", "100000"}};
  EXPECT_EQ(Ask(), "");
  status_["Innodb_history_list_length"] = "100001";
  EXPECT_EQ(Ask(), "the undo history is 100001 long (max_history_list_length 100000)");
  status_["Threads_running"] = "31";
  EXPECT_EQ(Ask(), "31 threads are running (max_threads_running 30)");
}

TEST_F(SourceGaugeTest, OthersAreSeenOnEachLook) {
  others_ = std::make_shared<OtherWork>(2);
  EXPECT_EQ(Ask(), "");
  EXPECT_FALSE(others_->crowded()) << "a server that does not tell";
  status_ = {{kOthersRunning, "3"}, {kProcessors, "4"}};
  EXPECT_EQ(Ask(), "") << "a reason to be slower, not to stand still";
  EXPECT_TRUE(others_->crowded());
}

// The server's own average since its start would still say 50 % an hour later.
TEST_F(SourceGaugeTest, FlowControlIsWhatHappenedSinceTheLastLook) {
  Galera("Synced", 3'600'000'000'000);
  EXPECT_EQ(Ask(), "");  // the first sample says nothing yet
  clock_.Advance(milliseconds(1000));
  Galera("Synced", 3'600'000'000'000 + 40'000'000);
  EXPECT_EQ(Ask(), "");  // 4 %
  clock_.Advance(milliseconds(2000));
  Galera("Synced", 3'600'040'000'000 + 1'700'000'000);
  EXPECT_EQ(Ask(), "flow control pauses the cluster 85 % of the time");
  clock_.Advance(milliseconds(1000));
  EXPECT_EQ(Ask(), "");
}

TEST_F(SourceGaugeTest, FlushedCountersAreNoPause) {
  Galera("Synced", 9'000'000'000);
  EXPECT_EQ(Ask(), "");
  clock_.Advance(milliseconds(1000));
  Galera("Synced", 0);
  EXPECT_EQ(Ask(), "");
}

TEST_F(SourceGaugeTest, NodeStateAndReceiveQueue) {
  Galera("Donor/Desynced", 0);
  EXPECT_EQ(Ask(), "the node is Donor/Desynced, not Synced");
  Galera("Synced", 0);
  status_["wsrep_local_recv_queue"] = "8";
  EXPECT_EQ(Ask(), "");
  status_["wsrep_local_recv_queue"] = "9";
  EXPECT_EQ(Ask(), "9 write sets wait in the node's receive queue (limit 8)");
}

TEST_F(SourceGaugeTest, ASilentServerIsWaitedForOneMinute) {
  silent_ = true;
  EXPECT_EQ(Ask(), "the source does not answer: lost connection");
  clock_.Advance(milliseconds(59000));
  EXPECT_NE(Ask(), "");
  clock_.Advance(milliseconds(1000));
  EXPECT_EQ(Ask(), "");
  silent_ = false;
  EXPECT_EQ(Ask(), "");
  silent_ = true;
  EXPECT_NE(Ask(), "");
}

}  // namespace
}  // namespace osarchiver
