#include "util/clock.h"

#include <gtest/gtest.h>

namespace osarchiver {
namespace {

TEST(ClockTest, UtcTextsGoThereAndBack) {
  const std::int64_t instant = 1795399200;  // 2026-11-23T02:00:00Z
  EXPECT_EQ(FormatUtc(instant), "2026-11-23T02:00:00Z");
  EXPECT_EQ(FormatUtcCompact(instant), "20261123T020000Z");
  EXPECT_EQ(FormatUtcDate(instant), "2026-11-23");
  EXPECT_EQ(ParseUtc("2026-11-23T02:00:00Z"), instant);
  EXPECT_EQ(ParseUtc("2026-11-23 02:00:00"), instant);
  EXPECT_EQ(ParseUtc("2026-11-23"), instant - 7200);
  EXPECT_EQ(ParseUtc("yesterday"), std::nullopt);
  EXPECT_EQ(ParseUtc("2026-11-23x"), std::nullopt);
}

TEST(ClockTest, FiguresForPeople) {
  EXPECT_EQ(HumanDuration(12), "12 s");
  EXPECT_EQ(HumanDuration(200), "3 min 20 s");
  EXPECT_EQ(HumanDuration(3725), "1 h 02 min");
  EXPECT_EQ(HumanBytes(512), "512 B");
  EXPECT_EQ(HumanBytes(346239795), "330.2 MiB");
  EXPECT_EQ(HumanCount(0), "0");
  EXPECT_EQ(HumanCount(999), "999");
  EXPECT_EQ(HumanCount(1000), "1,000");
  EXPECT_EQ(HumanCount(1234567), "1,234,567");
}

}  // namespace
}  // namespace osarchiver
