#include <gtest/gtest.h>

#include "config/settings.h"
#include "util/error.h"

namespace osarchiver {
namespace {

TEST(PatternTest, MatchesTheWholeName) {
  const struct {
    const char* pattern;
    const char* name;
    bool matches;
  } kCases[] = {
      {"nova", "nova", true},
      {"nova", "nova2", false},
      {"nova", "xnova", false},
      {"nova", "Nova", false},
      {"*", "", true},
      {"*", "anything.at all", true},
      {"shadow_*", "shadow_instances", true},
      {"shadow_*", "shadow_", true},
      {"shadow_*", "shadow", false},
      {"*_faults", "instance_faults", true},
      {"*a*b*c*", "xxaxxbxxc", true},
      {"*a*b*c*", "xxaxxcxxb", false},
      {"*ab", "aab", true},
      {"**", "x", true},
      {"?", "x", true},
      {"?", "", false},
      {"nova_cell?", "nova_cell0", true},
      {"nova_cell?", "nova_cell10", false},
      {"nova_cell[0-2]", "nova_cell1", true},
      {"nova_cell[0-2]", "nova_cell3", false},
      {"nova_cell[!0-2]", "nova_cell3", true},
      {"nova_cell[^0-2]", "nova_cell1", false},
      {"[]x]", "]", true},
      {"[a-]", "-", true},
      {"[*]", "*", true},
      {"[*]", "x", false},
      {"a[[]b", "a[b", true},
      {"a\\*", "a\\xyz", true},  // a backslash is a character like any other
      {"nova.*", "nova.instances", true},
      {"nova.*", "novaXinstances", false},
      {"?", "\xc3\xa4", true},  // one character, two bytes
      {"??", "\xc3\xa4", false},
      {"x[\xc3\xa0-\xc3\xa9]", "x\xc3\xa4", true},
      {"*\xa4", "\xc3\xa4", false},  // not in the middle of a character
      {"?", "\xff", true},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(Pattern(c.pattern).Matches(c.name), c.matches) << c.pattern << " on " << c.name;
  }
}

TEST(PatternTest, SearchesARegularExpressionAnywhere) {
  EXPECT_TRUE(Pattern("/fault/").Matches("instance_faults"));
  EXPECT_FALSE(Pattern("/^fault/").Matches("instance_faults"));
  EXPECT_TRUE(Pattern("/^nova_cell[0-9]+$/").Matches("nova_cell12"));
  EXPECT_FALSE(Pattern("/^nova_cell[0-9]+$/").Matches("nova_cellx"));
  EXPECT_TRUE(Pattern("/a\\/b/").Matches("a/b"));
}

TEST(PatternTest, RefusesWhatCannotMatchAsMeant) {
  for (const char* text : {"", "/", "//", "/(/", "/abc", "/abc/i", "a[bc", "[", "[!]", "[]"}) {
    EXPECT_THROW(Pattern{text}, ConfigError) << text;
  }
}

TEST(PatternTest, ManyStarsTakeNoExponentialTime) {
  EXPECT_FALSE(Pattern("*a*a*a*a*a*a*a*a*a*a*a*a*b").Matches(std::string(2000, 'a')));
}

TEST(PatternTest, KnowsLiteralsAndTheStar) {
  EXPECT_TRUE(Pattern("nova").IsLiteral());
  EXPECT_TRUE(Pattern("nova.x").IsLiteral());
  for (const char* text : {"*", "a?", "[a]", "/a/"})
    EXPECT_FALSE(Pattern(text).IsLiteral()) << text;
  EXPECT_TRUE(Pattern("*").IsStar());
  EXPECT_FALSE(Pattern("**").IsStar());
}

TEST(SourceSettingsTest, TheFirstMatchingOverrideHolds) {
  SourceSettings source;
  source.table.batch_rows = 1;
  TableSettings two, three;
  two.batch_rows = 2;
  three.batch_rows = 3;
  source.overrides = {{Pattern("nova.instance_faults"), two}, {Pattern("instance_*"), three}};
  EXPECT_EQ(source.For("nova", "instance_faults").batch_rows, 2u);
  EXPECT_EQ(source.For("nova_cell0", "instance_faults").batch_rows, 3u);
  EXPECT_EQ(source.For("nova", "instance_extra").batch_rows, 3u);
  EXPECT_EQ(source.For("nova", "instances").batch_rows, 1u);
}

}  // namespace
}  // namespace osarchiver
