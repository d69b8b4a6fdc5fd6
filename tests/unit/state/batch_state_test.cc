#include "state/batch_state.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace osarchiver {
namespace {

TEST(BatchStateTest, EveryPairOfBatchStatesIsDecided) {
  using enum BatchState;
  const std::set<std::pair<BatchState, BatchState>> legal = {
      {kExtracted, kArchived}, {kExtracted, kDeleted},  {kExtracted, kForgotten},
      {kArchived, kVerified},  {kArchived, kForgotten}, {kVerified, kDeleted},
      {kVerified, kForgotten},
  };
  for (BatchState from : {kExtracted, kArchived, kVerified, kDeleted, kForgotten}) {
    for (BatchState to : {kExtracted, kArchived, kVerified, kDeleted, kForgotten}) {
      EXPECT_EQ(MayFollow(from, to), legal.contains({from, to}))
          << ToText(from) << " -> " << ToText(to);
    }
  }
}

TEST(BatchStateTest, EveryPairOfSegmentStatesIsDecided) {
  using enum SegmentState;
  const std::set<std::pair<SegmentState, SegmentState>> legal = {
      {kOpen, kSealing},    {kOpen, kRetired},    {kOpen, kDamaged},   {kSealing, kSealed},
      {kSealing, kRetired}, {kSealing, kDamaged}, {kSealed, kDamaged}, {kRetired, kDamaged},
  };
  for (SegmentState from : {kOpen, kSealing, kSealed, kRetired, kDamaged}) {
    for (SegmentState to : {kOpen, kSealing, kSealed, kRetired, kDamaged}) {
      EXPECT_EQ(MayFollow(from, to), legal.contains({from, to}))
          << ToText(from) << " -> " << ToText(to);
    }
  }
}

TEST(BatchStateTest, TextsAreThoseOfStatusJson) {
  EXPECT_EQ(ToText(RunState::kRunning), "running");
  EXPECT_EQ(ToText(RunState::kCompleted), "completed");
  EXPECT_EQ(ToText(RunState::kInterrupted), "interrupted");
  EXPECT_EQ(ToText(RunState::kFailed), "failed");
  EXPECT_EQ(ToText(PassState::kPending), "pending");
  EXPECT_EQ(ToText(PassState::kSkipped), "skipped");
}

}  // namespace
}  // namespace osarchiver
