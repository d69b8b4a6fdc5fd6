#include "engine/throttle.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "fake_clock.h"

namespace osarchiver {
namespace {

using std::chrono::milliseconds;

// Has a reason until `until`; counts how often it is asked.
class FakeGauge : public Gauge {
 public:
  FakeGauge(FakeClock& clock, std::atomic<int>* asked) : clock_(clock), asked_(asked) {}
  void Hold(milliseconds time) { until_ = clock_.Now() + time; }
  std::optional<WaitReason> Ask() override {
    ++*asked_;
    if (clock_.Now() >= until_) return std::nullopt;
    const auto left = std::chrono::duration_cast<milliseconds>(until_ - clock_.Now()).count();
    return WaitReason{"fake", "fake " + std::to_string(left)};
  }

 private:
  FakeClock& clock_;
  std::atomic<int>* asked_;
  std::chrono::steady_clock::time_point until_{};
};

class ThrottleTest : public testing::Test {
 protected:
  Throttle& Make(std::uint64_t rows_per_second = 0, milliseconds max_latency = milliseconds(0)) {
    Throttle::Limits limits;
    limits.others = others_;
    limits.max_rows_per_second = rows_per_second;
    limits.max_latency = max_latency;
    auto gauge = std::make_unique<FakeGauge>(clock_, &asked_);
    gauge_ = gauge.get();
    limits.gauges.push_back(std::move(gauge));
    throttle_ = std::make_unique<Throttle>(
        std::move(limits), clock_, stop_,
        WaitNotice(
            clock_, [this](const std::string& text) { shown_.push_back(text); },
            [this](const std::string& text) { recorded_.push_back(text); }));
    return *throttle_;
  }
  milliseconds WaitTime() {
    const auto begin = clock_.Now();
    EXPECT_TRUE(throttle_->Wait());
    return std::chrono::duration_cast<milliseconds>(clock_.Now() - begin);
  }

  FakeClock clock_;
  StopControl stop_{clock_};
  std::atomic<int> asked_ = 0;
  FakeGauge* gauge_ = nullptr;
  std::shared_ptr<OtherWork> others_;
  std::vector<std::string> shown_, recorded_;
  std::unique_ptr<Throttle> throttle_;
};

TEST_F(ThrottleTest, GaugesAreAskedOnceASecond) {
  Make();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(WaitTime().count(), 0);
    clock_.Advance(milliseconds(100));
  }
  EXPECT_EQ(asked_, 10);
  EXPECT_TRUE(shown_.empty());
}

TEST_F(ThrottleTest, WhatIsAskedAheadIsNotAskedAgain) {
  Make();
  gauge_->Hold(milliseconds(300));
  throttle_->AskAhead();
  while (asked_ == 0) std::this_thread::yield();
  EXPECT_EQ(WaitTime(), milliseconds(1000)) << "until it is time to ask again";
  EXPECT_EQ(asked_, 2);
}

TEST_F(ThrottleTest, WaitsUntilTheReasonIsGoneAndSaysSo) {
  Make();
  gauge_->Hold(milliseconds(20000));
  EXPECT_NEAR(static_cast<double>(WaitTime().count()), 20000, 1200);
  EXPECT_EQ(shown_.front(), "fake 20000");
  EXPECT_GE(shown_.size(), 15u);  // the line follows the number
  EXPECT_EQ(recorded_.front(), "fake 20000");
  EXPECT_LE(recorded_.size(), 5u);  // each is a commit of the journal
  clock_.Advance(milliseconds(3000));
  EXPECT_EQ(WaitTime().count(), 0);
  EXPECT_EQ(shown_.back(), "");
  EXPECT_EQ(recorded_.back(), "");
}

TEST_F(ThrottleTest, AStopEndsTheWaitAndLeavesTheStep) {
  Make();
  gauge_->Hold(std::chrono::hours(9));
  const auto begin = clock_.Now();
  stop_.SetDeadline(begin + milliseconds(5000), "max_runtime reached");
  EXPECT_FALSE(throttle_->Wait());
  EXPECT_LE(clock_.Now() - begin, milliseconds(5200));
}

TEST_F(ThrottleTest, WhatNeedNotWaitGoesOnAfterAStop) {
  Make();
  stop_.Request("signal SIGTERM");
  EXPECT_EQ(WaitTime().count(), 0);
}

TEST_F(ThrottleTest, TheRateIsWaitedForInOneNotice) {
  Make(1000);
  const auto begin = clock_.Now();
  for (std::uint64_t rows = 0; rows < 20000; rows += throttle_->rows_at_once()) {
    ASSERT_TRUE(throttle_->Wait());
    throttle_->AddTransaction(throttle_->rows_at_once(), milliseconds(5));
  }
  EXPECT_NEAR(std::chrono::duration<double>(clock_.Now() - begin).count(), 20, 0.5);
  EXPECT_EQ(shown_, std::vector<std::string>{"max_rows_per_second 1000"});
  throttle_.reset();
  EXPECT_EQ(recorded_, (std::vector<std::string>{"max_rows_per_second 1000", ""}));
}

TEST_F(ThrottleTest, ASlowTransactionIsRestedAfter) {
  Make(0, milliseconds(1000));
  throttle_->AddTransaction(5, milliseconds(900));
  EXPECT_EQ(WaitTime().count(), 0);
  throttle_->AddTransaction(5, milliseconds(4000));
  EXPECT_NEAR(static_cast<double>(WaitTime().count()), 4000, 5);
  EXPECT_EQ(shown_.front(), "a transaction took 4000 ms, more than 1000 ms");
}

TEST_F(ThrottleTest, YieldsWhileOthersWantTheProcessors) {
  others_ = std::make_shared<OtherWork>(2);
  Throttle& throttle = Make();
  throttle.AddTransaction(5000, milliseconds(200));
  EXPECT_EQ(WaitTime().count(), 0) << "alone";
  EXPECT_EQ(throttle.rows_at_once(), UINT64_MAX);

  for (int i = 0; i < 10; ++i) others_->Saw(1, 2);
  EXPECT_EQ(throttle.rows_at_once(), YieldRest::kRowsAtOnce);
  throttle.AddTransaction(100, milliseconds(10));
  EXPECT_NEAR(static_cast<double>(WaitTime().count()), 200, 5);
  EXPECT_EQ(shown_.front(), "1.0 statements of others run on 2 processors");
  throttle.AddRead(milliseconds(100));
  EXPECT_NEAR(static_cast<double>(WaitTime().count()), 2000, 5);

  throttle.AddRead(milliseconds(100));
  for (int i = 0; i < 10; ++i) others_->Saw(0, 2);
  EXPECT_EQ(WaitTime().count(), 0) << "they went while it rested";
  EXPECT_EQ(throttle.rows_at_once(), UINT64_MAX);
}

}  // namespace
}  // namespace osarchiver
