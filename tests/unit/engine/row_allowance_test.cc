#include "engine/row_allowance.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

namespace osarchiver {
namespace {

TEST(RowAllowanceTest, WhatIsNotTakenGoesBack) {
  RowAllowance allowance(100);
  EXPECT_EQ(allowance.SetAside(70), 70u);
  EXPECT_EQ(allowance.SetAside(70), 30u);
  EXPECT_FALSE(allowance.exhausted());
  allowance.Settle(70, 10);
  allowance.Settle(30, 30);
  EXPECT_EQ(allowance.SetAside(70), 60u);
  allowance.Settle(60, 65);  // dependents came along
  EXPECT_TRUE(allowance.exhausted());
  EXPECT_EQ(allowance.SetAside(1), 0u);
}

TEST(RowAllowanceTest, WaitsForWhatOthersMayGiveBack) {
  RowAllowance allowance(10);
  ASSERT_EQ(allowance.SetAside(10), 10u);
  std::atomic<std::uint64_t> got{99};
  std::thread waiting([&] { got = allowance.SetAside(5); });
  EXPECT_EQ(got, 99u);
  allowance.Settle(10, 7);
  waiting.join();
  EXPECT_EQ(got, 3u);
}

TEST(RowAllowanceTest, AnExceptionGivesBack) {
  RowAllowance allowance(10);
  EXPECT_THROW(
      {
        const RowShare share(allowance, 10);
        throw std::runtime_error("a read failed");
      },
      std::runtime_error);
  EXPECT_EQ(allowance.SetAside(10), 10u);
}

TEST(RowAllowanceTest, ManyWorkersTakeExactlyWhatIsAllowed) {
  RowAllowance allowance(100000);
  std::atomic<std::uint64_t> taken{0};
  const auto work = [&](std::uint64_t step) {
    for (;;) {
      RowShare share(allowance, step);
      if (share.rows() == 0) return;
      const std::uint64_t rows = share.rows() > 1 ? share.rows() / 2 : 1;
      taken += rows;
      share.Took(rows);
    }
  };
  std::vector<std::thread> workers;
  for (const std::uint64_t step : {7u, 50u, 1000u, 5000u}) workers.emplace_back(work, step);
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(taken, 100000u);
}

TEST(RowAllowanceTest, WithoutLimitNothingIsCounted) {
  RowAllowance allowance(RowAllowance::kUnlimited);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(allowance.SetAside(5000), 5000u);
    allowance.Settle(5000, 5000);
  }
  EXPECT_FALSE(allowance.exhausted());
}

}  // namespace
}  // namespace osarchiver
