// The sample file documents every key and the defaults that hold.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "config_file.h"

namespace osarchiver {
namespace {

class SampleFileTest : public ConfigFileTest {
 protected:
  static std::string Sample() {
    std::ifstream file(OSARCHIVER_SAMPLE);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
};

TEST_F(SampleFileTest, Loads) {
  const Settings settings = Load(Sample(), 0644);
  EXPECT_TRUE(settings.warnings.empty());
  EXPECT_EQ(settings.site, "RegionOne");
  EXPECT_EQ(settings.archivers.at(0).destinations, (std::vector<std::string>{"files", "history"}));
  EXPECT_TRUE(settings.sources.at("nova").table.delete_rows);
  EXPECT_EQ(settings.sources.at("nova").For("nova", "instance_faults").retention.count, 3);
}

// Every '#key: value' is a setting that can be switched on, and those that name a default name the
// right one.
TEST_F(SampleFileTest, CommentedSettingsAreTheDefaults) {
  const std::regex commented("^( *)#([a-z_]+: .*)$");
  std::istringstream lines(Sample());
  std::string text;
  const std::set<std::string> examples = {"host",     "port",     "socket",
                                          "user",     "password", "ssl_ca",
                                          "ssl_cert", "ssl_key",  "database_name"};
  // Set to something else below its comment, or shown with what is osarchiver's own anyway.
  const std::set<std::string> not_defaults = {"dependents", "overrides", "ssl_verify", "session"};
  int count = 0;
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, commented)) {
      const std::string setting = match[2];
      const std::string key = setting.substr(0, setting.find(':'));
      const bool listed = examples.count(key) > 0 || not_defaults.count(key) > 0;
      if (!listed) {
        line = match[1].str() + setting;
        ++count;
      }
    }
    text += line + "\n";
  }
  EXPECT_GE(count, 30);
  EXPECT_EQ(Load(text).effective_json, Load(Sample()).effective_json);
}

TEST_F(SampleFileTest, NamesEveryKey) {
  const std::string sample = Sample();
  auto json = nlohmann::json::parse(Load(sample).effective_json);
  std::set<std::string> keys = {"defaults", "password", "delete_target"};
  const auto collect = [&](const nlohmann::json& map) {
    for (const auto& item : map.items()) {
      std::string key = item.key();
      if (key.ends_with("_timeout_s") || key == "max_runtime_s" || key == "max_replica_lag_s") {
        key.resize(key.size() - 2);
      }
      if (key != "delete_target_ms") keys.insert(key);
    }
  };
  collect(json);
  collect(json["log"]);
  collect(json["sources"]["nova"]);
  collect(json["sources"]["nova"]["throttle"]);
  collect(json["sources"]["nova"]["overrides"][0]);
  collect(json["destinations"]["files"]);
  collect(json["destinations"]["history"]);
  collect(json["archivers"]["nova"]);
  EXPECT_GE(keys.size(), 60u);
  for (const std::string& key : keys) {
    EXPECT_TRUE(std::regex_search(sample, std::regex("(^|\n|[ #{])" + key + ":"))) << key;
  }
}

}  // namespace
}  // namespace osarchiver
