#include <gtest/gtest.h>

#include <vector>

#include "source/transaction_size.h"

namespace osarchiver {
namespace {

using std::chrono::milliseconds;
using Reason = TransactionSize::Reason;
constexpr milliseconds kTarget{250};

// A server on which a transaction takes a time of its own and a time for each row.
struct Server {
  double fixed_ms;
  double row_ms;
  milliseconds Delete(std::uint64_t rows) const {
    return milliseconds(static_cast<std::int64_t>(fixed_ms + row_ms * static_cast<double>(rows)));
  }
};

// The sizes of `count` transactions one after the other.
std::vector<std::uint64_t> Delete(TransactionSize* size, const Server& server, int count,
                                  std::uint64_t max_rows = 5000) {
  std::vector<std::uint64_t> sizes;
  for (int i = 0; i < count; ++i) {
    sizes.push_back(size->rows(max_rows));
    size->Committed(sizes.back(), server.Delete(sizes.back()), kTarget, max_rows);
  }
  return sizes;
}

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

// From rows that cost nothing to rows of which five are too many: the first slow transaction is the
// only one that is far off, and from then on they take about the target.
TEST(TransactionSizeTest, SettlesNearTheTargetWhateverARowCosts) {
  for (const double row_ms : {0.08, 0.3, 1.0, 5.0, 20.0, 70.0}) {
    TransactionSize size;
    const Server server{2, row_ms};
    Delete(&size, server, 40);
    for (const std::uint64_t rows : Delete(&size, server, 40)) {
      EXPECT_LE(server.Delete(rows), kTarget * 13 / 10) << row_ms << " ms a row, " << rows;
      EXPECT_GE(server.Delete(rows), kTarget * 3 / 4) << row_ms << " ms a row, " << rows;
    }
  }
}

TEST(TransactionSizeTest, AServerThatBecomesSlowIsFollowedAtOnce) {
  TransactionSize size;
  Delete(&size, {2, 0.02}, 60);
  EXPECT_EQ(size.rows(5000), 5000u);
  const Server slow{2, 2};
  const auto sizes = Delete(&size, slow, 6);
  EXPECT_EQ(sizes[0], 5000u);  // ten seconds, which nobody could know
  EXPECT_EQ(sizes[1], 1250u);
  EXPECT_EQ(sizes[2], 312u);
  EXPECT_LE(slow.Delete(sizes[3]), kTarget);
  // And back, slowly.
  const auto again = Delete(&size, {2, 0.02}, 10);
  for (std::size_t i = 1; i < again.size(); ++i) EXPECT_LE(again[i], again[i - 1] * 13 / 10 + 1);
}

// A server far away answers each statement after 100 ms, whatever it deletes: transactions of a
// single row would be a hundred times slower and no gentler.
TEST(TransactionSizeTest, StaysLargeWhereFewerRowsDoNotHelp) {
  TransactionSize size;
  Delete(&size, {2, 0.05}, 40);
  const std::uint64_t before = size.rows(5000);
  std::uint64_t sum = 0;
  for (const std::uint64_t rows : Delete(&size, {400, 0.01}, 200)) sum += rows;
  EXPECT_GE(sum / 200, before / 2);
}

TEST(TransactionSizeTest, OneSlowAnswerIsForgotten) {
  TransactionSize size;
  const Server server{2, 0.04};
  Delete(&size, server, 60);
  ASSERT_EQ(size.rows(5000), 5000u);
  size.Committed(5000, milliseconds(3000), kTarget, 5000);
  EXPECT_EQ(size.rows(5000), 1250u);
  Delete(&size, server, 10);
  EXPECT_EQ(size.rows(5000), 5000u);
}

TEST(TransactionSizeTest, IsHalvedAtOnceWhenRefused) {
  TransactionSize size;
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
  EXPECT_LE(refused, 4);
  EXPECT_GT(size.rows(5000), 80u);
  for (int i = 0; i < 300; ++i) size.Committed(size.rows(5000), milliseconds(1), kTarget, 5000);
  EXPECT_GT(size.rows(5000), 150u);
}

}  // namespace
}  // namespace osarchiver
