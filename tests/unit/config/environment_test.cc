#include "config/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace osarchiver {
namespace {

class EnvironmentTest : public testing::Test {
 protected:
  EnvironmentTest() {
    setenv("OSA_ONE", "1", 1);
    setenv("OSA_EMPTY", "", 1);
    setenv("OSA_NESTED", "${OSA_ONE}", 1);
    unsetenv("OSA_UNSET");
  }
};

TEST_F(EnvironmentTest, ReplacesNamesOnce) {
  const struct {
    const char* text;
    const char* result;
    bool from_environment, has_literal;
  } kCases[] = {
      {"", "", false, false},
      {"plain $HOME {x} $x", "plain $HOME {x} $x", false, true},
      {"${OSA_ONE}", "1", true, false},
      {"${OSA_ONE}${OSA_ONE}", "11", true, false},
      {"a${OSA_ONE}b", "a1b", true, true},
      {"${OSA_EMPTY}", "", true, false},
      {"${OSA_NESTED}", "${OSA_ONE}", true, false},
      {"$${OSA_ONE}", "${OSA_ONE}", false, true},
      {"$$${OSA_ONE}", "$${OSA_ONE}", false, true},
      {"$$", "$$", false, true},
      {"price: 5$", "price: 5$", false, true},
  };
  for (const auto& c : kCases) {
    const Substituted result = SubstituteEnvironment(c.text);
    EXPECT_EQ(result.problem, "") << c.text;
    EXPECT_EQ(result.text, c.result) << c.text;
    EXPECT_EQ(result.from_environment, c.from_environment) << c.text;
    EXPECT_EQ(result.has_literal, c.has_literal) << c.text;
  }
}

TEST_F(EnvironmentTest, ReportsUnsetNamesAndBrokenReferences) {
  EXPECT_EQ(SubstituteEnvironment("x${OSA_UNSET}").problem,
            "environment variable OSA_UNSET is not set");
  for (const char* text :
       {"${", "${}", "${OSA_ONE", "${1A}", "${A B}", "${OSA_ONE:-x}", "${A-B}"}) {
    EXPECT_NE(SubstituteEnvironment(text).problem, "") << text;
  }
  // It may be a password with these characters in it.
  EXPECT_EQ(SubstituteEnvironment("s3${cr et}").problem.find("cr"), std::string::npos);
}

}  // namespace
}  // namespace osarchiver
