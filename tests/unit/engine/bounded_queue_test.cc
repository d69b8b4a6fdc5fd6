#include "engine/bounded_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace osarchiver {
namespace {

TEST(BoundedQueueTest, GivesItemsInOrderAndEndsWhenClosed) {
  BoundedQueue<int> queue(2);
  std::thread producer([&] {
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(queue.Push(i));
    queue.Close();
  });
  for (int i = 0; i < 100; ++i) EXPECT_EQ(queue.Pop(), i);
  EXPECT_EQ(queue.Pop(), std::nullopt);
  producer.join();
}

TEST(BoundedQueueTest, ClosingKeepsWhatWaits) {
  BoundedQueue<int> queue(4);
  EXPECT_TRUE(queue.Push(1));
  EXPECT_TRUE(queue.Push(2));
  queue.Close();
  EXPECT_EQ(queue.Pop(), 1);
  EXPECT_EQ(queue.Pop(), 2);
  EXPECT_EQ(queue.Pop(), std::nullopt);
}

TEST(BoundedQueueTest, AbandoningFreesAWaitingProducer) {
  BoundedQueue<int> queue(1);
  EXPECT_TRUE(queue.Push(1));
  std::atomic<bool> accepted{true};
  std::thread producer([&] { accepted = queue.Push(2); });
  queue.Abandon();
  producer.join();
  EXPECT_FALSE(accepted);
  EXPECT_FALSE(queue.Push(3));
}

TEST(ByteBudgetTest, AnItemLargerThanTheBudgetPassesAlone) {
  ByteBudget budget(10);
  budget.Acquire(100);
  std::atomic<bool> second{false};
  std::thread thread([&] {
    budget.Acquire(1);
    second = true;
    budget.Release(1);
  });
  EXPECT_FALSE(second);
  budget.Release(100);
  thread.join();
  EXPECT_TRUE(second);
  budget.WaitUntilEmpty();
}

TEST(ByteBudgetTest, LiftingFreesEverybody) {
  ByteBudget budget(10);
  budget.Acquire(10);
  std::thread waiting([&] { budget.Acquire(10); });
  std::thread idle([&] { budget.WaitUntilEmpty(); });
  budget.Lift();
  waiting.join();
  idle.join();
}

}  // namespace
}  // namespace osarchiver
