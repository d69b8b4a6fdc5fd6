#include <gtest/gtest.h>

#include "config/load.h"

namespace osarchiver {
namespace {

using Unit = Retention::Unit;

TEST(ParseRetentionTest, KeepsCalendarMonthsAndCountsTheRestInSeconds) {
  const struct {
    const char* text;
    Unit unit;
    std::int64_t count;
  } kCases[] = {
      {"12 months", Unit::kMonths, 12},     {"12 MONTH", Unit::kMonths, 12},
      {"1 month", Unit::kMonths, 1},        {"1 year", Unit::kMonths, 12},
      {"2years", Unit::kMonths, 24},        {"90 days", Unit::kSeconds, 90 * 86400},
      {"90d", Unit::kSeconds, 90 * 86400},  {"2 weeks", Unit::kSeconds, 14 * 86400},
      {"4h", Unit::kSeconds, 4 * 3600},     {"30 minutes", Unit::kSeconds, 1800},
      {"0 days", Unit::kSeconds, 0},        {" 1 day ", Unit::kSeconds, 86400},
      {"1000 years", Unit::kMonths, 12000},
  };
  for (const auto& c : kCases) {
    const auto retention = ParseRetention(c.text);
    ASSERT_TRUE(retention) << c.text;
    EXPECT_EQ(retention->unit, c.unit) << c.text;
    EXPECT_EQ(retention->count, c.count) << c.text;
  }
  EXPECT_EQ(ParseRetention("12 MONTH")->text, "12 MONTH");
}

TEST(ParseRetentionTest, RefusesWhatCouldMeanSomethingElse) {
  // "12m" would be twelve minutes where twelve months were meant.
  for (const char* text : {"",
                           "12",
                           "0",
                           "12m",
                           "12 M",
                           "months",
                           "-1 day",
                           "+1 day",
                           "1.5 years",
                           "1 fortnight",
                           "06:00",
                           "1 day 2 hours",
                           "12 months ago",
                           "1e3 days",
                           "0x10 days",
                           "500ms",
                           "99999999999999999999 days",
                           "9223372036854775807 weeks",
                           "12001 months",
                           "1001 years"}) {
    EXPECT_FALSE(ParseRetention(text)) << text;
  }
}

TEST(ParseDurationSecondsTest, AddsItsParts) {
  const struct {
    const char* text;
    std::int64_t seconds;
  } kCases[] = {{"10s", 10},        {"4h", 14400},    {"5m", 300},     {"5 min", 300},
                {"1h30m", 5400},    {"1h 30m", 5400}, {"2 d", 172800}, {"1w", 604800},
                {"10 Seconds", 10}, {"2000ms", 2},    {"0", 0},        {"0s", 0}};
  for (const auto& c : kCases) EXPECT_EQ(ParseDurationSeconds(c.text), c.seconds) << c.text;
}

TEST(ParseDurationSecondsTest, RefusesWhatHasNoUnitOrTooMuchOfIt) {
  for (const char* text :
       {"", " ", "10", "06:00", "s", "10 months", "1 year", "-5s", "1.5h", "250ms", "10s!",
        "9223372036854775807s", "5000000000000000s 5000000000000000s"}) {
    EXPECT_FALSE(ParseDurationSeconds(text)) << text;
  }
}

TEST(ParseDurationMillisecondsTest, ReadsMilliseconds) {
  EXPECT_EQ(ParseDurationMilliseconds("250ms"), 250);
  EXPECT_EQ(ParseDurationMilliseconds("1s 5ms"), 1005);
  EXPECT_FALSE(ParseDurationMilliseconds("250"));
}

TEST(ParseBytesTest, KnowsBinaryAndDecimalUnits) {
  const struct {
    const char* text;
    std::uint64_t bytes;
  } kCases[] = {{"4096", 4096},
                {"0", 0},
                {"10B", 10},
                {"16MiB", 16u << 20},
                {"1GiB", 1u << 30},
                {"1 gib", 1u << 30},
                {"1G", 1u << 30},
                {"512k", 512u << 10},
                {"1.5 GB", 1500000000},
                {"1.5GiB", 3u << 29},
                {"1KB", 1000},
                {"2TiB", 2ull << 40},
                {"18446744073709551615", 18446744073709551615ull}};
  for (const auto& c : kCases) EXPECT_EQ(ParseBytes(c.text), c.bytes) << c.text;
}

TEST(ParseBytesTest, RefusesWhatIsNoSize) {
  for (const char* text :
       {"", "MiB", "-1", "+1", "1.5", "1.", "1.GB", ".5GB", "1 XB", "1MiBs", "1Mi B", "0x10",
        "1_000", "1,5GB", "18446744073709551616", "99999999999TiB", "1.2345678GB", "1PiB"}) {
    EXPECT_FALSE(ParseBytes(text)) << text;
  }
}

TEST(ParseShareTest, ReadsPercentAndFraction) {
  EXPECT_DOUBLE_EQ(*ParseShare("5%"), 0.05);
  EXPECT_DOUBLE_EQ(*ParseShare("0.05"), 0.05);
  EXPECT_DOUBLE_EQ(*ParseShare("2.5 %"), 0.025);
  EXPECT_DOUBLE_EQ(*ParseShare("0"), 0);
  EXPECT_DOUBLE_EQ(*ParseShare("100%"), 1);
  for (const char* text :
       {"", "%", "5", "101%", "-1%", "nan", "inf", "1e-2", "0x1", "5%%", "1.2.3"}) {
    EXPECT_FALSE(ParseShare(text)) << text;
  }
}

}  // namespace
}  // namespace osarchiver
