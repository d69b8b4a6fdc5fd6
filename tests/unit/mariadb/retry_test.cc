#include "mariadb/retry.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace osarchiver {
namespace {

class FakeClock : public Clock {
 public:
  std::int64_t UnixSeconds() override { return 0; }
  std::chrono::steady_clock::time_point Now() override { return {}; }
  void Sleep(Duration duration) override { slept_ms += duration.count(); }
  std::int64_t slept_ms = 0;
};

DatabaseError Fault(unsigned code) {
  return {code, "HY000", "fault " + std::to_string(code), "hint"};
}

TEST(ClassifyTest, DecidesByNumber) {
  const struct {
    unsigned code;
    ErrorClass expected;
  } cases[] = {
      {1205, ErrorClass::kTransient},      {1213, ErrorClass::kTransient},
      {1020, ErrorClass::kTransient},      {1047, ErrorClass::kTransient},
      {2002, ErrorClass::kTransient},      {2003, ErrorClass::kTransient},
      {1153, ErrorClass::kTooLarge},       {1180, ErrorClass::kTooLarge},
      {1105, ErrorClass::kTooLarge},       {1206, ErrorClass::kTooLarge},
      {2006, ErrorClass::kConnectionLost}, {2013, ErrorClass::kConnectionLost},
      {2055, ErrorClass::kConnectionLost}, {1927, ErrorClass::kConnectionLost},
      {1053, ErrorClass::kConnectionLost}, {1062, ErrorClass::kPermanent},
      {1064, ErrorClass::kPermanent},      {1045, ErrorClass::kPermanent},
      {1451, ErrorClass::kPermanent},      {1146, ErrorClass::kPermanent},
      {2026, ErrorClass::kPermanent},      {0, ErrorClass::kPermanent},
  };
  for (const auto& c : cases) EXPECT_EQ(Classify(Fault(c.code)), c.expected) << c.code;
}

TEST(RetryTest, TriesAgainWithDoublingDelaysUntilItWorks) {
  FakeClock clock;
  int calls = 0;
  std::vector<unsigned> between;
  Retry(
      {6, std::chrono::milliseconds(200), std::chrono::milliseconds(500)}, clock, "test",
      [&calls] {
        if (++calls < 5) throw Fault(1213);
      },
      [&between](const DatabaseError& error) { between.push_back(error.code()); });
  EXPECT_EQ(calls, 5);
  EXPECT_EQ(between, (std::vector<unsigned>(4, 1213)));
  EXPECT_EQ(clock.slept_ms, 200 + 400 + 500 + 500);
}

TEST(RetryTest, ThrowsTheLastErrorAndSaysHowOftenItTried) {
  FakeClock clock;
  int calls = 0;
  try {
    Retry({3, std::chrono::milliseconds(1), std::chrono::milliseconds(1)}, clock, "test", [&calls] {
      ++calls;
      throw Fault(2013);
    });
    FAIL();
  } catch (const DatabaseError& error) {
    EXPECT_EQ(error.code(), 2013u);
    EXPECT_EQ(error.what(), std::string("fault 2013 (tried 3 times)"));
    EXPECT_EQ(error.hint(), "hint");
  }
  EXPECT_EQ(calls, 3);
}

TEST(RetryTest, DoesNotRepeatWhatWouldFailAgain) {
  FakeClock clock;
  for (const unsigned code : {1062u, 1153u}) {
    int calls = 0;
    EXPECT_THROW(Retry({}, clock, "test",
                       [&calls, code] {
                         ++calls;
                         throw Fault(code);
                       }),
                 DatabaseError);
    EXPECT_EQ(calls, 1);
  }
  EXPECT_EQ(clock.slept_ms, 0);
}

TEST(RetryTest, AFailedReconnectCountsAsATry) {
  FakeClock clock;
  int work = 0, reconnects = 0;
  Retry(
      {4, std::chrono::milliseconds(1), std::chrono::milliseconds(1)}, clock, "test",
      [&work] {
        if (++work == 1) throw Fault(2006);
      },
      [&reconnects](const DatabaseError&) {
        if (++reconnects < 3) throw Fault(2003);
      });
  EXPECT_EQ(work, 2);
  EXPECT_EQ(reconnects, 3);
}

TEST(RetryTest, StopsWhileWaiting) {
  FakeClock clock;
  int calls = 0;
  EXPECT_THROW(Retry(
                   {6, std::chrono::seconds(10), std::chrono::seconds(10)}, clock, "test",
                   [&calls] {
                     ++calls;
                     throw Fault(1205);
                   },
                   {}, [&clock] { return clock.slept_ms >= 600; }),
               DatabaseError);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(clock.slept_ms, 600);
}

}  // namespace
}  // namespace osarchiver
