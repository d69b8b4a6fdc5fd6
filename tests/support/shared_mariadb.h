// One private server for a whole C++ test program, and a fixture with a connection and an empty
// database of its own.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "mariadb/connection.h"
#include "private_mariadb.h"

namespace osarchiver {

// Started at the first call, over a socket and TCP; ends with the program.
inline PrivateMariadb& SharedMariadb() {
  static PrivateMariadb server([] {
    PrivateMariadb::Options options;
    options.tcp = true;
    options.binlog = true;
    return options;
  }());
  return server;
}

class MariadbTest : public testing::Test {
 protected:
  void SetUp() override {
    // Without a server, these tests are skipped for all to see; where it must be there, that is a
    // failure.
    if (!PrivateMariadb::Available()) {
      if (std::getenv("CI") != nullptr) FAIL() << "mariadbd is not installed";
      GTEST_SKIP() << "mariadbd is not installed";
    }
    SharedMariadb().Start();
    SharedMariadb().Sql("DROP DATABASE IF EXISTS test_db; CREATE DATABASE test_db");
    connection_ = Connection::Open(SharedMariadb().Address());
    connection_->Execute("USE test_db");
  }

  PrivateMariadb& server() { return SharedMariadb(); }
  Connection& connection() { return *connection_; }

 private:
  std::unique_ptr<Connection> connection_;
};

}  // namespace osarchiver
