// TLS against a server with a certificate of its own authority: what is accepted, and that plain
// text is not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "mariadb/connection.h"
#include "private_mariadb.h"

namespace osarchiver {
namespace {

// The name that the certificate holds beside localhost; it reaches this machine and is
// no loopback address, so that the rules for remote servers hold.
constexpr char kRemote[] = "0.0.0.0";

class TlsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!PrivateMariadb::Available()) return;
    PrivateMariadb::Options options;
    options.tcp = true;
    options.start = false;
    server_ = new PrivateMariadb(options);
    const std::string dir = server_->directory();
    const std::string script =
        "set -e; cd " + dir +
        "; for n in ca other; do openssl req -x509 -newkey ec -pkeyopt "
        "ec_paramgen_curve:prime256v1 -nodes -days 2 -subj \"/CN=$n\""
        " -addext basicConstraints=critical,CA:TRUE -keyout $n.key -out $n.pem; done;"
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server "
        "-keyout server.key -out server.csr;"
        "printf 'subjectAltName=DNS:localhost" +
        (",IP:" + std::string(kRemote)) +
        "' > ext; openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days "
        "2 -extfile ext -out server.pem";
    ASSERT_EQ(std::system(("(" + script + ") > " + dir + "/openssl.log 2>&1").c_str()), 0);
    server_->Restart({"--ssl-ca=" + dir + "/ca.pem", "--ssl-cert=" + dir + "/server.pem",
                      "--ssl-key=" + dir + "/server.key"});
    server_->Sql(
        "CREATE USER t@'%' IDENTIFIED BY 'pw' REQUIRE SSL; CREATE USER plain@'%' IDENTIFIED BY "
        "'pw';"
        "CREATE USER t@localhost IDENTIFIED BY 'pw' REQUIRE SSL");
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  void SetUp() override {
    if (server_ == nullptr) GTEST_SKIP() << "mariadbd is not installed";
  }

  ServerAddress Address(const std::string& host, const std::string& ca) {
    ServerAddress address = server_->TcpAddress();
    address.hosts = {host};
    address.user = "t";
    address.password = "pw";
    if (!ca.empty()) address.tls_ca = server_->directory() / ca;
    return address;
  }
  unsigned CodeOf(const ServerAddress& address) {
    try {
      Connection::Open(address);
    } catch (const DatabaseError& error) {
      return error.code();
    }
    return 0;
  }

  static PrivateMariadb* server_;
};
PrivateMariadb* TlsTest::server_ = nullptr;

TEST_F(TlsTest, TheRightAuthorityAndNameAreAccepted) {
  EXPECT_TRUE(Connection::Open(Address("localhost", "ca.pem"))->encrypted());
  EXPECT_TRUE(Connection::Open(Address(kRemote, "ca.pem"))->encrypted());
}

TEST_F(TlsTest, AnotherAuthorityOrNoneIsRefused) {
  EXPECT_EQ(CodeOf(Address(kRemote, "other.pem")), 2026u);
  EXPECT_EQ(CodeOf(Address(kRemote, "missing.pem")), 2026u);
  EXPECT_EQ(CodeOf(Address(kRemote, "")), 2026u);
}

TEST_F(TlsTest, VerificationIsGivenUpOnlyOnRequest) {
  ServerAddress address = Address(kRemote, "");
  address.tls_verify = false;
  EXPECT_TRUE(Connection::Open(address)->encrypted());
}

TEST_F(TlsTest, AnotherNameIsRefused) { EXPECT_EQ(CodeOf(Address("127.0.0.1", "ca.pem")), 2026u); }

TEST_F(TlsTest, TheSocketNeedsNoneAndCanHaveIt) {
  ServerAddress address = server_->Address();
  EXPECT_FALSE(Connection::Open(address)->encrypted());
  address.user = "t";
  address.password = "pw";
  EXPECT_EQ(CodeOf(address), 1045u);
  address.tls_ca = server_->directory() / "ca.pem";
  EXPECT_TRUE(Connection::Open(address)->encrypted());
}

TEST_F(TlsTest, AnOptionFileSaysTheSame) {
  const std::string path = server_->directory() / "client.cnf";
  std::ofstream(path) << "[client]\nhost=" << kRemote << "\nport=" << server_->port()
                      << "\nuser=plain\npassword=pw\nssl-ca="
                      << (server_->directory() / "ca.pem").string() << "\n";
  std::filesystem::permissions(
      path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  ServerAddress address;
  address.option_file = path;
  EXPECT_TRUE(Connection::Open(address)->encrypted());
  address.tls_ca = server_->directory() / "other.pem";
  EXPECT_EQ(CodeOf(address), 2026u);
}

}  // namespace
}  // namespace osarchiver
