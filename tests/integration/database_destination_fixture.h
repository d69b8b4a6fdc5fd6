// What the tests of archive databases share: a server that is source and archive, and tables that
// the server makes.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "../unit/destination/destination_fixture.h"
#include "destination/database_destination.h"
#include "mariadb/catalogue.h"
#include "shared_mariadb.h"

namespace osarchiver {

inline constexpr const char* kFirstRun = "20261123T020000Z-00000001";
inline constexpr const char* kSecondRun = "20261124T020000Z-00000002";

class DatabaseDestinationTest : public DestinationTest {
 protected:
  void SetUp() override {
    if (!PrivateMariadb::Available()) {
      if (std::getenv("CI") != nullptr) FAIL() << "mariadbd is not installed";
      GTEST_SKIP() << "mariadbd is not installed";
    }
    DestinationTest::SetUp();
    SharedMariadb().Start();
    (void)Sql(
        "DROP DATABASE IF EXISTS nova; DROP DATABASE IF EXISTS nova_kept; "
        "DROP DATABASE IF EXISTS nova_archive; SET GLOBAL max_allowed_packet=16777216");
    settings.server.socket = SharedMariadb().socket();
    settings.server.user = "root";
    settings.database_suffix = "_kept";
    settings.accept_non_durable = true;
    source = Connection::Open(SharedMariadb().Address());
    BeginRun(kFirstRun);
  }

  std::string Sql(const std::string& statements) { return SharedMariadb().Sql(statements); }
  std::unique_ptr<DatabaseDestination> Make() {
    auto made = std::make_unique<DatabaseDestination>("history", settings);
    made->UseSource(context.source, *source);
    return made;
  }
  std::unique_ptr<DatabaseDestination> Opened() {
    auto made = Make();
    made->Open(context, *journal);
    return made;
  }
  // The definition of a table that the server makes of `create`.
  void UseTable(const std::string& create) {
    (void)Sql("CREATE DATABASE IF NOT EXISTS nova; USE nova; DROP TABLE IF EXISTS things; " +
              create);
    definition = LoadTable(*source, {"nova", "things"}).value().definition;
  }
  std::string Names() {
    return Sql("SELECT GROUP_CONCAT(id, '=', name ORDER BY id) FROM nova_kept.things");
  }
  // The message of the Error that opening a writer throws; "" when it throws none.
  std::string OpenError() {
    try {
      (void)Opened()->OpenTable(BeginPass(), *journal);
    } catch (const Error& error) {
      return std::string(error.what()) + " HINT: " + error.hint();
    }
    return {};
  }

  MariadbDestinationSettings settings;
  std::unique_ptr<Connection> source;
  int runs_ = 0;
};

}  // namespace osarchiver
