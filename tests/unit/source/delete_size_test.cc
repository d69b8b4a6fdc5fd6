#include <gtest/gtest.h>

#include "source/transaction_size.h"

namespace osarchiver {
namespace {

using std::chrono::milliseconds;
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
  size.Refused(100);  // a hundred were too many
  EXPECT_EQ(size.rows(5000), 50u);
  for (int i = 0; i < 20; ++i) size.Refused(size.rows(5000));
  EXPECT_EQ(size.rows(5000), 1u);
  size.Committed(1, milliseconds(1), kTarget, 5000);
  EXPECT_EQ(size.rows(5000), 2u);
}

TEST(TransactionSizeTest, SlownessAloneNeverMakesItTiny) {
  TransactionSize size;
  for (int i = 0; i < 20; ++i) size.Committed(size.rows(5000), milliseconds(9000), kTarget, 5000);
  EXPECT_EQ(size.rows(5000), 50u);
}

}  // namespace
}  // namespace osarchiver
