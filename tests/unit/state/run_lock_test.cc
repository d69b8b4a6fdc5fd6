#include "state/run_lock.h"

#include <signal.h>
#include <sys/stat.h>

#include "tests/unit/state/journal_fixture.h"

namespace osarchiver {
namespace {

using testing::HasSubstr;

class RunLockTest : public JournalTest {
 protected:
  std::string LockedMessage(const std::string& archiver) {
    try {
      (void)RunLock::Acquire(path(), archiver);
    } catch (const LockedError& error) {
      return error.what();
    }
    return "acquired";
  }
};

TEST_F(RunLockTest, SecondRunFailsWhileHeld) {
  {
    const RunLock lock = RunLock::Acquire(path(), "nova");
    EXPECT_TRUE(RunLock::IsHeld(path(), "nova"));
    EXPECT_THAT(LockedMessage("nova"), HasSubstr("process " + std::to_string(::getpid()) + " on "));
    EXPECT_EQ(LockedMessage("glance"), "acquired");
  }
  EXPECT_FALSE(RunLock::IsHeld(path(), "nova"));
  EXPECT_EQ(LockedMessage("nova"), "acquired");
}

TEST_F(RunLockTest, IsHeldMakesNoFile) {
  EXPECT_FALSE(RunLock::IsHeld(path(), "nova"));
  EXPECT_FALSE(RunLock::IsHeld(directory_ / "missing" / "state.db", "nova"));
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(RunLockTest, TheFileIsPrivateAndStaysInItsDirectory) {
  const RunLock lock = RunLock::Acquire(path(), "../no/va\n");
  const auto file = directory_ / "state.db.%2E%2E%2Fno%2Fva%0A.lock";
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0137u, 0u);
  EXPECT_TRUE(RunLock::IsHeld(path(), "../no/va\n"));
}

TEST_F(RunLockTest, TheLockDiesWithItsProcess) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = Fork([&] {
    const RunLock lock = RunLock::Acquire(path(), "nova");
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    ::pause();
  });
  char byte;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_TRUE(RunLock::IsHeld(path(), "nova"));
  EXPECT_THAT(LockedMessage("nova"), HasSubstr("process " + std::to_string(child) + " on "));
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  Wait(child);
  EXPECT_FALSE(RunLock::IsHeld(path(), "nova"));
  EXPECT_EQ(LockedMessage("nova"), "acquired");
  ::close(ready[0]);
  ::close(ready[1]);
}

// A status command that asks at the wrong moment does not keep a run from starting.
TEST_F(RunLockTest, AskingNeverDisturbsTaking) {
  { const RunLock lock = RunLock::Acquire(path(), "nova"); }
  const pid_t child = Fork([&] {
    for (int i = 0; i < 20000; ++i) (void)RunLock::IsHeld(path(), "nova");
  });
  for (int i = 0; i < 2000; ++i) EXPECT_NO_THROW((void)RunLock::Acquire(path(), "nova"));
  EXPECT_EQ(Wait(child), 0);
}

TEST_F(RunLockTest, MovingKeepsTheLock) {
  RunLock first = RunLock::Acquire(path(), "nova");
  RunLock second = std::move(first);
  EXPECT_TRUE(RunLock::IsHeld(path(), "nova"));
  second = RunLock::Acquire(path(), "glance");
  EXPECT_FALSE(RunLock::IsHeld(path(), "nova"));
  EXPECT_TRUE(RunLock::IsHeld(path(), "glance"));
}

TEST_F(RunLockTest, AnotherUsersJournalIsNotLocked) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  Open();
  journal_.reset();
  ASSERT_EQ(::chown(path().c_str(), 2, 2), 0);
  EXPECT_THROW((void)RunLock::Acquire(path(), "nova"), ConfigError);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "state.db.nova.lock"));
}

}  // namespace
}  // namespace osarchiver
