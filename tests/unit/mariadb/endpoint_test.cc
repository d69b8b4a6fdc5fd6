#include "mariadb/endpoint.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "util/error.h"

namespace osarchiver {
namespace {

using Tls = Endpoint::Tls;

Endpoint Only(const ServerAddress& address) {
  const ConnectPlan plan = ResolveAddress(address);
  EXPECT_EQ(plan.endpoints.size(), 1u);
  return plan.endpoints.at(0);
}

ServerAddress Host(const std::string& host) {
  ServerAddress address;
  address.hosts = {host};
  return address;
}

TEST(EndpointTest, LocalhostIsTheSocketUnlessAPortSaysOtherwise) {
  EXPECT_FALSE(Only({}).tcp);
  EXPECT_FALSE(Only(Host("localhost")).tcp);
  EXPECT_EQ(Only(Host("localhost:3307")).text, "localhost:3307");
  ServerAddress address = Host("localhost");
  address.port = 3308;
  EXPECT_TRUE(Only(address).tcp);
  address.socket = "/s";
  EXPECT_FALSE(Only(address).tcp);
  EXPECT_EQ(Only(address).text, "/s");
}

TEST(EndpointTest, PortsOfSeveralHosts) {
  ServerAddress address;
  address.hosts = {"db1", "db2:3307", "[::1]:3309", "::1", "10.0.0.1"};
  address.port = 3310;
  const ConnectPlan plan = ResolveAddress(address);
  ASSERT_EQ(plan.endpoints.size(), 5u);
  EXPECT_EQ(plan.endpoints[0].text, "db1:3310");
  EXPECT_EQ(plan.endpoints[1].text, "db2:3307");
  EXPECT_EQ(plan.endpoints[2].text, "[::1]:3309");
  EXPECT_EQ(plan.endpoints[2].host, "::1");
  EXPECT_EQ(plan.endpoints[3].text, "[::1]:3310");
  EXPECT_EQ(plan.endpoints[4].text, "10.0.0.1:3310");
  EXPECT_THROW(ResolveAddress(Host("db1:99999")), ConfigError);
  EXPECT_THROW(ResolveAddress(Host("[::1")), ConfigError);
}

TEST(EndpointTest, TlsIsVerifiedWhenTcpLeavesTheMachine) {
  EXPECT_EQ(Only({}).tls, Tls::kNone);
  EXPECT_EQ(Only(Host("127.0.0.1")).tls, Tls::kNone);
  EXPECT_EQ(Only(Host("::1")).tls, Tls::kNone);
  EXPECT_EQ(Only(Host("db1")).tls, Tls::kVerified);
  EXPECT_EQ(Only(Host("10.0.0.1")).tls, Tls::kVerified);
  ServerAddress address = Host("db1");
  address.tls_verify = false;
  EXPECT_EQ(Only(address).tls, Tls::kIfThere);
  address.tls_ca = "/ca.pem";
  EXPECT_EQ(Only(address).tls, Tls::kRequired);
  address = Host("127.0.0.1");
  address.tls_ca = "/ca.pem";
  EXPECT_EQ(Only(address).tls, Tls::kVerified);
  address.tls_verify = false;
  EXPECT_EQ(Only(address).tls, Tls::kRequired);
}

class EndpointFileTest : public testing::Test {
 protected:
  ServerAddress File(const std::string& text) {
    path_ = testing::TempDir() + "/osa-endpoint-" + std::to_string(getpid()) + ".cnf";
    std::ofstream(path_) << "[client]\n" << text;
    chmod(path_.c_str(), 0600);
    ServerAddress address;
    address.option_file = path_;
    return address;
  }
  ~EndpointFileTest() override { unlink(path_.c_str()); }
  std::string path_;
};

TEST_F(EndpointFileTest, FieldsWinOverTheFile) {
  ServerAddress address =
      File("host=db1\nport=3307\nuser=a\npassword=b\nsocket=/s\nssl-ca=/one.pem\n");
  EXPECT_EQ(Only(address).text, "db1:3307");
  address.hosts = {"db2"};
  address.user = "c";
  address.tls_ca = "/two.pem";
  const ConnectPlan plan = ResolveAddress(address);
  EXPECT_EQ(plan.endpoints[0].text, "db2:3307");
  EXPECT_EQ(plan.user, "c");
  EXPECT_EQ(plan.password, "b");
  EXPECT_EQ(plan.tls_ca, "/two.pem");
  address.hosts.clear();
  address.socket = "/mine";
  EXPECT_EQ(Only(address).text, "/mine");
}

TEST_F(EndpointFileTest, TheFileDecidesAboutTls) {
  EXPECT_EQ(Only(File("host=db1\nssl-verify-server-cert=0\n")).tls, Tls::kIfThere);
  EXPECT_EQ(Only(File("host=db1\nskip-ssl\n")).tls, Tls::kNone);
  EXPECT_EQ(Only(File("host=127.0.0.1\nssl\n")).tls, Tls::kRequired);
  EXPECT_EQ(Only(File("host=127.0.0.1\nssl-verify-server-cert\n")).tls, Tls::kVerified);
  EXPECT_EQ(Only(File("host=localhost\nprotocol=TCP\n")).tcp, true);
  ServerAddress address = File("host=db1\nssl-verify-server-cert=0\n");
  address.tls_verify = true;
  EXPECT_EQ(Only(address).tls, Tls::kVerified);
  EXPECT_THROW(ResolveAddress(File("ssl=perhaps\n")), ConfigError);
}

TEST(IsLoopbackTest, KnowsAddresses) {
  for (const char* host : {"localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(IsLoopback(host)) << host;
  }
  for (const char* host : {"db1", "10.0.0.1", "::2", "localhost.example.org", "128.0.0.1", ""}) {
    EXPECT_FALSE(IsLoopback(host)) << host;
  }
}

}  // namespace
}  // namespace osarchiver
