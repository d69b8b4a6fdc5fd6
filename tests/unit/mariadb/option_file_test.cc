#include "mariadb/option_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "util/error.h"

namespace osarchiver {
namespace {

class OptionFileTest : public testing::Test {
 protected:
  OptionFileTest() {
    std::string name = testing::TempDir() + "/osa-options-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~OptionFileTest() override { std::filesystem::remove_all(directory_); }

  std::filesystem::path Write(const std::string& name, const std::string& text,
                              unsigned mode = 0600) {
    const std::filesystem::path path = directory_ / name;
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }

  std::filesystem::path directory_;
};

TEST_F(OptionFileTest, ReadsTheClientGroupsAndTheLastOneWins) {
  const Options options =
      LoadOptionFile(Write("a.cnf",
                           "# comment\n[mysqld]\nport=1\nuser=mysql\n[client]\nhost = db1\n"
                           "password='a#b\\'c'\n[osarchiver]\nuser=archiver\nssl_ca=/x/ca.pem\n"
                           "host=db2   # the second\nskip-ssl-verify-server-cert\nssl\n"));
  EXPECT_EQ(options.at("host"), "db2");
  EXPECT_EQ(options.at("user"), "archiver");
  EXPECT_EQ(options.at("password"), "a#b'c");
  EXPECT_EQ(options.at("ssl-ca"), "/x/ca.pem");
  EXPECT_EQ(options.at("ssl-verify-server-cert"), "0");
  EXPECT_EQ(options.at("ssl"), std::nullopt);
  EXPECT_FALSE(options.contains("port"));
}

TEST_F(OptionFileTest, OthersOptionsAreNoErrorAndOursAre) {
  EXPECT_TRUE(
      LoadOptionFile(Write("a.cnf", "[client]\ndefault-character-set=utf8\nloose-x=1\n")).empty());
  EXPECT_THROW(LoadOptionFile(Write("b.cnf", "[osarchiver]\nhots=db1\n")), ConfigError);
}

TEST_F(OptionFileTest, AMissingFileIsAnError) {
  EXPECT_THROW(LoadOptionFile(directory_ / "none.cnf"), ConfigError);
  EXPECT_THROW(LoadOptionFile(directory_), ConfigError);
}

TEST_F(OptionFileTest, APasswordThatOthersCanReadIsAnError) {
  EXPECT_THROW(LoadOptionFile(Write("a.cnf", "[client]\npassword=x\n", 0640)), ConfigError);
  EXPECT_THROW(LoadOptionFile(Write("b.cnf", "[client]\npassword=x\n", 0604)), ConfigError);
  EXPECT_NO_THROW(LoadOptionFile(Write("c.cnf", "[client]\nhost=x\n", 0644)));
  EXPECT_NO_THROW(LoadOptionFile(Write("d.cnf", "[mysqld]\npassword=x\n", 0644)));
}

TEST_F(OptionFileTest, IncludesAreReadAndChecked) {
  Write("inner.cnf", "[client]\npassword=x\n", 0644);
  EXPECT_THROW(LoadOptionFile(Write("a.cnf", "!include inner.cnf\n")), ConfigError);
  chmod((directory_ / "inner.cnf").c_str(), 0600);
  EXPECT_EQ(LoadOptionFile(directory_ / "a.cnf").at("password"), "x");
  std::filesystem::create_directory(directory_ / "d");
  Write("d/1.cnf", "[client]\nhost=one\n");
  Write("d/2.cnf", "[client]\nhost=two\n");
  Write("d/3.txt", "[client]\nhost=three\n");
  EXPECT_EQ(LoadOptionFile(Write("b.cnf", "!includedir d\n")).at("host"), "two");
  EXPECT_THROW(LoadOptionFile(Write("loop.cnf", "!include loop.cnf\n")), ConfigError);
}

TEST_F(OptionFileTest, LinesThatMeanNothingAreErrors) {
  for (const char* text :
       {"host=x\n", "[client\n", "[client]\npassword='x\n", "[client]\npassword='x'y\n",
        "[client]\npassword=x#y\n", "!mystery x\n"}) {
    EXPECT_THROW(LoadOptionFile(Write("a.cnf", text)), ConfigError) << text;
  }
}

}  // namespace
}  // namespace osarchiver
