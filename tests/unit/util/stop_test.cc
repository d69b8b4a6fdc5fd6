#include "util/stop.h"

#include <gtest/gtest.h>

namespace osarchiver {
namespace {

class FakeClock final : public Clock {
 public:
  std::int64_t UnixSeconds() override { return 0; }
  std::chrono::steady_clock::time_point Now() override { return now; }
  void Sleep(Duration duration) override { now += duration; }
  std::chrono::steady_clock::time_point now{};
};

TEST(StopControlTest, TheFirstReasonStays) {
  FakeClock clock;
  StopControl stop(clock);
  EXPECT_FALSE(stop.stopped());
  EXPECT_EQ(stop.reason(), "");
  stop.Request("signal SIGTERM");
  stop.Request("signal SIGINT");
  EXPECT_TRUE(stop.stopped());
  EXPECT_EQ(stop.reason(), "signal SIGTERM");
}

TEST(StopControlTest, TheEarliestDeadlineCounts) {
  FakeClock clock;
  StopControl stop(clock);
  stop.SetDeadline(clock.now + std::chrono::seconds(5), "five");
  stop.SetDeadline(clock.now + std::chrono::seconds(9), "nine");
  EXPECT_FALSE(stop.stopped());
  stop.Sleep(std::chrono::seconds(60));
  EXPECT_TRUE(stop.stopped());
  EXPECT_EQ(stop.reason(), "five");
  EXPECT_LT(clock.now.time_since_epoch(), std::chrono::seconds(6));
}

TEST(StopControlTest, AParentStopsItsChildrenAndNotTheOtherWayRound) {
  FakeClock clock;
  StopControl parent(clock);
  StopControl child(clock, &parent);
  child.Request("max_runtime");
  EXPECT_FALSE(parent.stopped());
  StopControl other(clock, &parent);
  parent.Request("signal SIGTERM");
  EXPECT_EQ(other.reason(), "signal SIGTERM");
  EXPECT_EQ(child.reason(), "max_runtime");
}

}  // namespace
}  // namespace osarchiver
