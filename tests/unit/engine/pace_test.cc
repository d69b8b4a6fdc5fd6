#include "engine/pace.h"

#include <gtest/gtest.h>

#include "fake_clock.h"

namespace osarchiver {
namespace {

using std::chrono::milliseconds;

// Rows that went through in `seconds`, in steps as large as allowed that take `step_ms` each.
std::uint64_t RowsIn(int seconds, std::uint64_t rate, int step_ms) {
  FakeClock clock;
  RowRate pace(rate);
  std::uint64_t rows = 0;
  const auto end = clock.Now() + std::chrono::seconds(seconds);
  while (clock.Now() < end) {
    const milliseconds delay = pace.Delay(clock.Now());
    if (delay.count() > 0) {
      clock.Sleep(delay);
      continue;
    }
    rows += pace.rows_at_once();
    pace.Add(pace.rows_at_once());
    clock.Advance(milliseconds(step_ms));
  }
  return rows;
}

TEST(RowRateTest, HoldsTheRate) {
  for (const std::uint64_t rate : {1u, 7u, 100u, 2000u, 90000u}) {
    for (const int step_ms : {0, 3, 40, 90}) {
      const std::uint64_t rows = RowsIn(30, rate, step_ms);
      EXPECT_LE(rows, rate * 30 * 105 / 100 + 1) << rate << "/s in steps of " << step_ms << " ms";
      EXPECT_GE(rows, rate * 30 * 95 / 100) << rate << "/s in steps of " << step_ms << " ms";
    }
  }
}

TEST(RowRateTest, WhatWasNotUsedIsNotSavedUp) {
  FakeClock clock;
  RowRate pace(100);
  pace.Add(10);
  EXPECT_GT(pace.Delay(clock.Now()).count(), 0);
  clock.Advance(std::chrono::hours(1));
  EXPECT_EQ(pace.Delay(clock.Now()).count(), 0);
  pace.Add(100);
  EXPECT_NEAR(static_cast<double>(pace.Delay(clock.Now()).count()), 1000, 5);
}

TEST(RowRateTest, NoLimitNeverWaits) {
  FakeClock clock;
  RowRate pace(0);
  pace.Add(UINT32_MAX);
  EXPECT_EQ(pace.Delay(clock.Now()).count(), 0);
  EXPECT_EQ(pace.rows_at_once(), UINT64_MAX);
}

TEST(LatencyRestTest, RestsAsLongAsItTookAndAtMostTenSeconds) {
  FakeClock clock;
  LatencyRest rest(milliseconds(1000));
  rest.Took(milliseconds(1000), clock.Now());
  EXPECT_EQ(rest.Left(clock.Now()).count(), 0);
  rest.Took(milliseconds(3000), clock.Now());
  EXPECT_NEAR(static_cast<double>(rest.Left(clock.Now()).count()), 3000, 2);
  clock.Advance(milliseconds(2000));
  EXPECT_NEAR(static_cast<double>(rest.Left(clock.Now()).count()), 1000, 2);
  clock.Advance(milliseconds(1001));
  EXPECT_EQ(rest.Left(clock.Now()).count(), 0);
  rest.Took(std::chrono::minutes(5), clock.Now());
  EXPECT_LE(rest.Left(clock.Now()), milliseconds(10001));
}

TEST(LatencyRestTest, ZeroNeverRests) {
  FakeClock clock;
  LatencyRest rest(milliseconds(0));
  rest.Took(std::chrono::minutes(5), clock.Now());
  EXPECT_EQ(rest.Left(clock.Now()).count(), 0);
}

TEST(OtherWorkTest, AServerOfOnesOwnIsNotCrowded) {
  OtherWork others(2);
  EXPECT_FALSE(others.crowded()) << "nobody looked yet";
  for (int i = 0; i < 20; ++i) others.Saw(0, 2);
  EXPECT_FALSE(others.crowded());
  others.Saw(1, 2);
  EXPECT_FALSE(others.crowded()) << "one statement in ten seconds";
}

TEST(OtherWorkTest, CrowdedWhereThereAreNotProcessorsForAll) {
  OtherWork others(2);
  for (int i = 0; i < 20; ++i) others.Saw(6, 8);
  EXPECT_FALSE(others.crowded()) << "eight for eight";
  for (int i = 0; i < 20; ++i) others.Saw(7, 8);
  EXPECT_TRUE(others.crowded());
  EXPECT_EQ(others.text(), "7.0 statements of others run on 8 processors");
  for (int i = 0; i < 10; ++i) others.Saw(0, 8);
  EXPECT_FALSE(others.crowded()) << "they went";
}

TEST(YieldRestTest, RestsManyTimesAsLongAsItTook) {
  FakeClock clock;
  YieldRest rest;
  EXPECT_EQ(rest.Left(clock.Now()).count(), 0);
  rest.Took(milliseconds(5), clock.Now());
  EXPECT_NEAR(static_cast<double>(rest.Left(clock.Now()).count()), 100, 2);
  clock.Advance(milliseconds(101));
  EXPECT_EQ(rest.Left(clock.Now()).count(), 0);
  rest.Took(milliseconds(0), clock.Now());
  EXPECT_GT(rest.Left(clock.Now()).count(), 0) << "what was too short to be measured is something";
  rest.Took(std::chrono::minutes(5), clock.Now());
  EXPECT_LE(rest.Left(clock.Now()), milliseconds(10001));
}

}  // namespace
}  // namespace osarchiver
