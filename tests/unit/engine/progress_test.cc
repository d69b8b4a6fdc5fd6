#include "engine/progress.h"

#include <gtest/gtest.h>

#include "fake_clock.h"

namespace osarchiver {
namespace {

TEST(ProgressTest, OneTable) {
  FakeClock clock;
  Progress progress(clock);
  EXPECT_EQ(progress.Line(), "");
  progress.BeginTable("nova.instances", true);
  // The reader is half through, and half of what it read is gone.
  progress.AddRead(100000);
  progress.AddVerified(90000);
  progress.AddDeleted(50000);
  progress.SetShare("nova.instances", 0.5);
  clock.Advance(std::chrono::seconds(10));
  EXPECT_EQ(progress.Line(),
            "nova.instances  50,000 rows deleted  5,000 rows/s  25 %  about 30 s left");
  progress.SetWaiting("replica db2 lags 12 s");
  EXPECT_EQ(
      progress.Line(),
      "waiting: replica db2 lags 12 s  nova.instances  50,000 rows deleted  5,000 rows/s  25 %  "
      "about 30 s left");
  progress.EndTable("nova.instances");
  EXPECT_EQ(progress.Line(), "");
}

TEST(ProgressTest, TablesSideBySideShareTheCounters) {
  FakeClock clock;
  Progress progress(clock);
  progress.BeginTable("nova.instances", true);
  progress.BeginTable("cinder.volumes", true);
  progress.AddDeleted(600);
  progress.SetShare("cinder.volumes", 0.5);
  EXPECT_EQ(progress.Line(), "nova.instances, cinder.volumes 50 %  600 rows deleted");
  progress.EndTable("nova.instances");
  progress.BeginTable("glance.images", true);
  progress.AddDeleted(1);
  EXPECT_EQ(progress.Line(), "cinder.volumes 50 %, glance.images  601 rows deleted");
  progress.EndTable("cinder.volumes");
  progress.EndTable("glance.images");
  progress.BeginTable("heat.stack", false);
  EXPECT_EQ(progress.Line(), "heat.stack  0 rows archived");
}

}  // namespace
}  // namespace osarchiver
