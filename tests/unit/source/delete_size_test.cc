#include <gtest/gtest.h>

#include "source/transaction_size.h"

namespace osarchiver {
namespace {

using std::chrono::milliseconds;
using Reason = TransactionSize::Reason;
constexpr milliseconds kTarget{250};

TEST(TransactionSizeTest, GrowsSlowlyWhileTheServerIsFast) {
  TransactionSize size;
  const std::uint64_t start = size.rows(5000);
  size.Committed(start, milliseconds(20), kTarget, 5000);
  EXPECT_GT(size.rows(5000), start);
  EXPECT_LE(size.rows(5000), start * 13 / 10);
  for (int i = 0; i < 50; ++i) size.Committed(size.rows(5000), milliseconds(20), kTarget, 5000);
  EXPECT_EQ(size.rows(5000), 5000u);
  EXPECT_EQ(size.rows(70), 70u);
}

TEST(TransactionSizeTest, SmallTransactionsSayNothingAboutLargeOnes) {
  TransactionSize size;
  const std::uint64_t start = size.rows(5000);
  for (int i = 0; i < 50; ++i) size.Committed(10, milliseconds(1), kTarget, 5000);
  EXPECT_EQ(size.rows(5000), start);
}

TEST(TransactionSizeTest, IsHalvedAtOnce) {
  TransactionSize size;
  const std::uint64_t start = size.rows(5000);
  size.Committed(start, milliseconds(900), kTarget, 5000);
  EXPECT_EQ(size.rows(5000), start / 2);
  size.Refused(100, Reason::kMayPass);  // a hundred were too many
  EXPECT_EQ(size.rows(5000), 50u);
  for (int i = 0; i < 20; ++i) size.Refused(size.rows(5000), Reason::kMayPass);
  EXPECT_EQ(size.rows(5000), 1u);
  size.Committed(1, milliseconds(1), kTarget, 5000);
  EXPECT_EQ(size.rows(5000), 2u);
}

// Without the ceiling every fourth transaction ran into wsrep_max_ws_rows again.
TEST(TransactionSizeTest, DoesNotGrowBackIntoALimitForLong) {
  TransactionSize size;
  int refused = 0;
  for (int i = 0; i < 150; ++i) {
    const std::uint64_t rows = size.rows(5000);
    if (rows > 100) {
      size.Refused(rows, Reason::kTooLarge);
      ++refused;
    } else {
      size.Committed(rows, milliseconds(1), kTarget, 5000);
    }
  }
  EXPECT_EQ(refused, 4);
  EXPECT_GT(size.rows(5000), 80u);
  for (int i = 0; i < 300; ++i) size.Committed(size.rows(5000), milliseconds(1), kTarget, 5000);
  EXPECT_GT(size.rows(5000), 150u);
}

TEST(TransactionSizeTest, SlownessAloneNeverMakesItTiny) {
  TransactionSize size;
  for (int i = 0; i < 20; ++i) size.Committed(size.rows(5000), milliseconds(9000), kTarget, 5000);
  EXPECT_EQ(size.rows(5000), 50u);
}

}  // namespace
}  // namespace osarchiver
