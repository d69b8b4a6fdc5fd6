#include "engine/exit_status.h"

#include <gtest/gtest.h>

namespace osarchiver {
namespace {

TEST(ExitStatusTest, DamageBeforeFailureBeforeStoppedBeforeLocked) {
  using enum ExitCode;
  EXPECT_EQ(Worse(kSuccess, kLocked), kLocked);
  EXPECT_EQ(Worse(kLocked, kStopped), kStopped);
  EXPECT_EQ(Worse(kStopped, kFailed), kFailed);
  EXPECT_EQ(Worse(kDamage, kFailed), kDamage);
  EXPECT_EQ(Worse(kFailed, kDamage), kDamage);
}

}  // namespace
}  // namespace osarchiver
