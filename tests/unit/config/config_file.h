// A directory with one configuration file in it, for tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "config/load.h"
#include "util/error.h"

namespace osarchiver {

class ConfigFileTest : public testing::Test {
 protected:
  ConfigFileTest() {
    std::string name = testing::TempDir() + "/osa-config-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~ConfigFileTest() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& text, unsigned mode = 0600) {
    const std::filesystem::path path = directory_ / name;
    std::ofstream(path, std::ios::binary) << text;
    chmod(path.c_str(), mode);
    return path.string();
  }

  Settings Load(const std::string& text, unsigned mode = 0600) {
    return LoadSettings(Write("c.yaml", text, mode));
  }

  // The message without the path in front of each line: "3:5: what is wrong\n..."; "" when the file
  // is all right.
  std::string ProblemsOf(const std::string& text, unsigned mode = 0600) {
    try {
      (void)Load(text, mode);
      return "";
    } catch (const ConfigError& error) {
      std::string message = error.what();
      const std::string file = (directory_ / "c.yaml").string() + ":";
      for (std::size_t at; (at = message.find(file)) != std::string::npos;) {
        message.erase(at, file.size());
      }
      return message;
    }
  }

  std::filesystem::path directory_;
};

// A whole configuration around the settings of its source, which stand in the lines from 4 on, each
// indented by 4.
inline std::string WithSource(const std::string& settings) {
  return "state: /s.db\nsources:\n  nova:\n" + settings +
         "\ndestinations:\n  files: {backend: file, directory: /archives}\n"
         "archivers:\n  nova: {sources: [nova], destinations: [files]}\n";
}

// The same around the settings of a destination `d`, from line 5 on.
inline std::string WithDestination(const std::string& settings) {
  return "state: /s.db\nsources:\n  nova: {databases: nova}\ndestinations:\n  d:\n" + settings +
         "\narchivers:\n  nova: {sources: [nova], destinations: [d]}\n";
}

}  // namespace osarchiver
