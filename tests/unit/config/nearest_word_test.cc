#include <gtest/gtest.h>

#include "config/load.h"

namespace osarchiver {
namespace {

TEST(NearestWordTest, FindsWhatWasMeant) {
  const std::vector<std::string> keys = {"retention",      "tables",          "table_workers",
                                         "exclude_tables", "where",           "host",
                                         "port",           "max_replica_lag", "exclude_databases"};
  const struct {
    const char* word;
    const char* nearest;
  } kCases[] = {{"retension", "retention"},
                {"retnetion", "retention"},
                {"Retention", "retention"},
                {"table", "tables"},
                {"table-workers", "table_workers"},
                {"excluded_tables", "exclude_tables"},
                {"hots", "host"},
                {"wher", "where"},
                {"max_replication_lag", "max_replica_lag"}};
  for (const auto& c : kCases) EXPECT_EQ(NearestWord(c.word, keys), c.nearest) << c.word;
}

TEST(NearestWordTest, SaysNothingWhenNoneIsNear) {
  EXPECT_FALSE(NearestWord("loop", {"retention", "tables"}));
  EXPECT_FALSE(NearestWord("a", {"b"}));
  EXPECT_FALSE(NearestWord("", {"a"}));
  EXPECT_FALSE(NearestWord("x", {}));
}

TEST(NearestWordTest, TakesTheFirstOfEquals) {
  EXPECT_EQ(NearestWord("nova1", {"nova2", "nova3"}), "nova2");
  EXPECT_EQ(NearestWord("nova3", {"nova2", "nova3"}), "nova3");
}

}  // namespace
}  // namespace osarchiver
