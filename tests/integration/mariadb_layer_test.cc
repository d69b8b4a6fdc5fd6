// Connections against a real server: how they open, what their sessions are, how statements and
// connections end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "mariadb/connection.h"
#include "mariadb/retry.h"
#include "mariadb/variables.h"
#include "shared_mariadb.h"

namespace osarchiver {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Ne;
using testing::Not;
using testing::Pair;

class ConnectionTest : public MariadbTest {};

template <typename Work>
DatabaseError CatchDatabaseError(Work&& work) {
  try {
    work();
  } catch (const DatabaseError& error) {
    return error;
  }
  ADD_FAILURE() << "no DatabaseError";
  return {0, "", ""};
}

TEST_F(ConnectionTest, TheSessionIsAsPromised) {
  const struct {
    const char *variable, *value;
  } cases[] = {
      {"time_zone", "+00:00"},
      {"character_set_client", "utf8mb4"},
      {"character_set_connection", "utf8mb4"},
      {"tx_isolation", "READ-COMMITTED"},
      {"foreign_key_checks", "1"},
      {"unique_checks", "1"},
      {"autocommit", "1"},
      {"lock_wait_timeout", "10"},
      {"innodb_lock_wait_timeout", "5"},
      {"in_predicate_conversion_threshold", "0"},
      {"old_mode", ""},
      {"sql_safe_updates", "0"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(connection().QueryValue(std::string("SELECT @@SESSION.") + c.variable), c.value)
        << c.variable;
  }
  EXPECT_EQ(connection().QueryValue("SELECT @@character_set_results"), std::nullopt);
  EXPECT_THAT(connection().QueryValue("SELECT @@sql_mode").value_or(""),
              HasSubstr("STRICT_ALL_TABLES"));
  EXPECT_THAT(connection().server_version(), HasSubstr("MariaDB"));
  EXPECT_EQ(connection().endpoint(), server().socket());
  EXPECT_EQ(connection().QueryValue("SELECT CONNECTION_ID()"),
            std::to_string(connection().thread_id()));
}

TEST_F(ConnectionTest, WhateverTheServersDefaultsAre) {
  server().Sql(
      "SET GLOBAL sql_mode='ANSI,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH'; SET GLOBAL "
      "max_join_size=10;"
      "SET GLOBAL completion_type='CHAIN'; SET GLOBAL autocommit=0; SET GLOBAL "
      "foreign_key_checks=0;"
      "SET GLOBAL time_zone='+05:00'; SET GLOBAL sql_select_limit=1; SET GLOBAL "
      "old_mode='UTF8_IS_UTF8MB3,ZERO_DATE_TIME_CAST';"
      "SET GLOBAL character_set_client=latin1; SET GLOBAL lc_messages='de_DE'");
  const auto fresh = Connection::Open(server().Address());
  EXPECT_EQ(fresh->QueryValue("SELECT 'a\\'b'"), "a'b");
  EXPECT_EQ(fresh->QueryValue("SELECT @@foreign_key_checks + @@autocommit"), "2");
  EXPECT_EQ(fresh->Query("SELECT 1 UNION SELECT 2").size(), 2u);
  EXPECT_EQ(fresh->QueryValue("SELECT FROM_UNIXTIME(0)"), "1970-01-01 00:00:00");
  server().Sql(
      "SET GLOBAL sql_mode=DEFAULT; SET GLOBAL max_join_size=DEFAULT; SET GLOBAL "
      "completion_type=DEFAULT;"
      "SET GLOBAL autocommit=1; SET GLOBAL foreign_key_checks=1; SET GLOBAL time_zone='SYSTEM';"
      "SET GLOBAL sql_select_limit=DEFAULT; SET GLOBAL old_mode=DEFAULT; SET GLOBAL "
      "character_set_client=DEFAULT;"
      "SET GLOBAL lc_messages=DEFAULT");
}

TEST_F(ConnectionTest, ConfiguredSessionVariables) {
  ServerAddress address = server().Address();
  address.session = {{"innodb_lock_wait_timeout", "7"},
                     {"optimizer_switch", "mrr=on,mrr_sort_keys=on"}};
  const auto fresh = Connection::Open(address);
  EXPECT_EQ(fresh->QueryValue("SELECT @@innodb_lock_wait_timeout"), "7");
  EXPECT_THAT(fresh->QueryValue("SELECT @@optimizer_switch").value_or(""),
              HasSubstr("mrr_sort_keys=on"));
  for (const char* name : {"sql_mode", "TIME_ZONE", "foreign_key_checks", "x = 1, y"}) {
    address.session = {{name, "1"}};
    EXPECT_THROW(Connection::Open(address), ConfigError) << name;
  }
}

// transaction_isolation is MariaDB's since 11.1.
TEST_F(ConnectionTest, VariablesThatTheServerHas) {
  const auto fresh = Connection::Open(server().Address());
  fresh->Execute("SET SESSION lock_wait_timeout = 77");
  const auto of_session = ReadVariables(*fresh, VariableScope::kSession,
                                        {"lock_wait_timeout", "transaction_isolation", "log_bin"});
  EXPECT_THAT(of_session, ElementsAre(Pair("lock_wait_timeout", "77"), Pair("log_bin", "1")));
  EXPECT_TRUE(IsSwitchedOn(of_session, "log_bin"));
  EXPECT_FALSE(IsSwitchedOn(of_session, "transaction_isolation"));
  const auto global = ReadVariables(*fresh, VariableScope::kGlobal, {"lock_wait_timeout"});
  EXPECT_THAT(global, ElementsAre(Pair("lock_wait_timeout", Ne("77"))));
  EXPECT_THAT(ReadVariables(*fresh, VariableScope::kGlobal, {"transaction_isolation"}), IsEmpty());
  // What the list of names lacks is not a variable that the server lacks.
  EXPECT_THROW((void)ReadVariables(*fresh, VariableScope::kGlobal, {"no_such_variable"}),
               StateError);
}

TEST_F(ConnectionTest, TheServerIsAskedOnceWhichVariablesItHas) {
  const auto first = Connection::Open(server().Address());
  const auto temporary_tables = [&first] {
    return std::stoi(first
                         ->QueryValue("SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS "
                                      "WHERE VARIABLE_NAME = 'CREATED_TMP_TABLES'")
                         .value_or(""));
  };
  // Asking makes some as well.
  int before = temporary_tables();
  const int by_asking = temporary_tables() - before;
  before = temporary_tables();
  Connection::Open(server().Address());
  EXPECT_EQ(temporary_tables() - before, by_asking);
}

TEST_F(ConnectionTest, OverTcpWithAnOptionFile) {
  server().Sql(
      "CREATE OR REPLACE USER arch@'127.0.0.1' IDENTIFIED BY 'p#w\\'x'; GRANT ALL ON *.* TO "
      "arch@'127.0.0.1'");
  const std::string path = server().directory() / "client.cnf";
  std::ofstream(path) << "[client]\nhost=127.0.0.1\nport=" << server().port()
                      << "\nuser=arch\npassword=\"p#w'x\"\n";
  chmod(path.c_str(), 0600);
  ServerAddress address;
  address.option_file = path;
  const auto fresh = Connection::Open(address);
  EXPECT_EQ(fresh->endpoint(), "127.0.0.1:" + std::to_string(server().port()));
  EXPECT_FALSE(fresh->encrypted());
  EXPECT_EQ(fresh->QueryValue("SELECT USER()"), "arch@127.0.0.1");
  // The address reached leads to the same place.
  EXPECT_EQ(Connection::Open(fresh->address())->endpoint(), fresh->endpoint());
  chmod(path.c_str(), 0644);
  EXPECT_THROW(Connection::Open(address), ConfigError);
  address.option_file = path + ".missing";
  EXPECT_THROW(Connection::Open(address), ConfigError);
}

TEST_F(ConnectionTest, AWrongPasswordIsNamedAndNotShown) {
  ServerAddress address = server().TcpAddress();
  address.user = "nobody";
  address.password = "secret-word";
  const DatabaseError error = CatchDatabaseError([&] { Connection::Open(address); });
  EXPECT_EQ(error.code(), 1045u);
  EXPECT_THAT(error.what(), HasSubstr("nobody"));
  EXPECT_THAT(error.what(), HasSubstr("127.0.0.1:"));
  EXPECT_THAT(error.what(), Not(HasSubstr("secret-word")));
  EXPECT_FALSE(error.hint().empty());
  EXPECT_EQ(Classify(error), ErrorClass::kPermanent);
}

TEST_F(ConnectionTest, TheNextHostIsTriedWhenOneIsDown) {
  ServerAddress address = server().TcpAddress();
  address.hosts = {"127.0.0.1:1", "127.0.0.1"};
  const auto fresh = Connection::Open(address);
  EXPECT_EQ(fresh->endpoint(), "127.0.0.1:" + std::to_string(server().port()));
  EXPECT_EQ(fresh->address().hosts, (std::vector<std::string>{"127.0.0.1"}));
  address.hosts = {"127.0.0.1:1", "127.0.0.1:2"};
  const DatabaseError error = CatchDatabaseError([&] { Connection::Open(address); });
  EXPECT_THAT(error.what(), HasSubstr("127.0.0.1:1"));
  EXPECT_THAT(error.what(), HasSubstr("127.0.0.1:2"));
  EXPECT_EQ(Classify(error), ErrorClass::kTransient);
}

TEST_F(ConnectionTest, ARemoteHostWithoutTlsIsRefused) {
  // 0.0.0.0 reaches this machine and is no loopback address.
  ServerAddress address = server().TcpAddress();
  address.hosts = {"0.0.0.0"};
  const DatabaseError error = CatchDatabaseError([&] { Connection::Open(address); });
  EXPECT_EQ(error.code(), 2026u);
  EXPECT_THAT(error.hint(), HasSubstr("ssl_verify"));
  address.tls_verify = false;
  EXPECT_FALSE(Connection::Open(address)->encrypted());
}

TEST_F(ConnectionTest, AReadOnlyNodeIsRefusedWhereWritingIsMeant) {
  server().Sql("SET GLOBAL read_only=1");
  ServerAddress address = server().Address();
  EXPECT_NO_THROW(Connection::Open(address));
  address.must_be_writable = true;
  const DatabaseError error = CatchDatabaseError([&] { Connection::Open(address); });
  server().Sql("SET GLOBAL read_only=0");
  EXPECT_EQ(error.code(), 1290u);
  EXPECT_THAT(error.what(), HasSubstr("read-only"));
  EXPECT_NO_THROW(Connection::Open(address));
}

TEST_F(ConnectionTest, StatementFormatIsLeftOrRefused) {
  server().Sql(
      "SET GLOBAL binlog_format='STATEMENT'; CREATE OR REPLACE USER low@localhost; GRANT ALL ON "
      "test_db.* TO low@localhost");
  EXPECT_EQ(Connection::Open(server().Address())->QueryValue("SELECT @@binlog_format"), "ROW");
  ServerAddress address = server().Address();
  address.user = "low";
  const DatabaseError error = CatchDatabaseError([&] { Connection::Open(address); });
  server().Sql("SET GLOBAL binlog_format='ROW'");
  EXPECT_THAT(error.what(), HasSubstr("binlog_format"));
  EXPECT_THAT(error.hint(), HasSubstr("BINLOG ADMIN"));
}

TEST_F(ConnectionTest, CountsAndWarnings) {
  connection().Execute("CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(3))");
  EXPECT_EQ(connection().Execute("INSERT INTO t VALUES (1,'x'),(2,'y')").affected_rows, 2u);
  EXPECT_EQ(connection().Execute("INSERT IGNORE INTO t VALUES (1,'x')").warnings, 1u);
  const std::vector<std::string> warnings = connection().Warnings();
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0], "1062: Duplicate entry '...' for key 'PRIMARY'");
  const auto streamed = connection().Stream("SELECT a FROM t WHERE b = 0",
                                            [](const Row&) { return RowAction::kContinue; });
  EXPECT_EQ(streamed.rows, 2u);
  EXPECT_EQ(streamed.warnings, 2u);
  EXPECT_EQ(connection().Query("DELETE FROM t RETURNING a").size(), 2u);
  EXPECT_EQ(connection().QueryValue("SELECT NULL"), std::nullopt);
  EXPECT_EQ(connection().QueryValue("SELECT 1 FROM t"), std::nullopt);
}

TEST_F(ConnectionTest, ErrorsNameTheStatementAndNoValues) {
  connection().Execute("CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(3) UNIQUE)");
  connection().Execute("INSERT INTO t VALUES (1,'sec')");
  for (const char* sql :
       {"INSERT INTO t VALUES (2,'sec')", "INSERT INTO t VALUES (3,'secret-word')",
        "INSERT INTO t VALUES ('sec','x')", "SELECT sec 'sec' FROM 'sec'",
        "INSERT INTO t VALUES (4, CAST('sec' AS DATE))"}) {
    const DatabaseError error = CatchDatabaseError([&] { connection().Execute(sql); });
    EXPECT_THAT(error.what(), Not(HasSubstr("'sec"))) << sql;
    EXPECT_THAT(error.what(), HasSubstr(server().socket()));
  }
  const DatabaseError error =
      CatchDatabaseError([&] { connection().Execute("INSERT INTO t VALUES (1,'y')"); });
  EXPECT_THAT(error.what(), HasSubstr("for key 'PRIMARY' (INSERT INTO t VALUES (?))"));
  EXPECT_TRUE(connection().usable());
}

TEST_F(ConnectionTest, StoppingALongResultKillsTheStatement) {
  const std::string sql = "SELECT seq, REPEAT('x', 1000) FROM seq_1_to_100000000";
  const auto kills = [this] {
    return std::stoi(
        connection().Query("SHOW GLOBAL STATUS LIKE 'Com_kill'").at(0).at(1).value_or("0"));
  };
  const auto start = std::chrono::steady_clock::now();
  const int before = kills();
  for (int i = 0; i < 5; ++i) {
    const auto result = connection().Stream(sql, [](const Row& row) {
      return row[0] == "10" ? RowAction::kStop : RowAction::kContinue;
    });
    EXPECT_TRUE(result.stopped);
    EXPECT_EQ(result.rows, 10u);
    EXPECT_EQ(connection().QueryValue("SELECT 41 + 1"), "42");
  }
  EXPECT_EQ(kills(), before + 5);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  EXPECT_TRUE(connection().usable());
}

TEST_F(ConnectionTest, StoppingAShortResultReadsItsRest) {
  const auto killed = [this] {
    return connection().Query("SHOW GLOBAL STATUS LIKE 'Com_kill'")[0][1];
  };
  const auto before = killed();
  const auto result = connection().Stream("SELECT 1 UNION SELECT 2 UNION SELECT 3",
                                          [](const Row&) { return RowAction::kStop; });
  EXPECT_EQ(result.rows, 1u);
  EXPECT_EQ(killed(), before);
}

TEST_F(ConnectionTest, AThrowingReaderClosesTheConnection) {
  EXPECT_THROW(connection().Stream("SELECT seq FROM seq_1_to_100000000",
                                   [](const Row&) -> RowAction { throw IoError(28, "disk full"); }),
               IoError);
  EXPECT_FALSE(connection().usable());
  EXPECT_THROW(connection().Execute("DO 0"), DatabaseError);
}

TEST_F(ConnectionTest, AKilledConnectionIsLostAndSaysSo) {
  server().Sql("KILL " + std::to_string(connection().thread_id()));
  const DatabaseError error = CatchDatabaseError([this] { connection().Execute("DO 1"); });
  EXPECT_EQ(Classify(error), ErrorClass::kConnectionLost);
  EXPECT_FALSE(connection().usable());
  EXPECT_NO_THROW(connection().Rollback());
}

TEST_F(ConnectionTest, AServerThatDiesInMidResultIsLost) {
  const DatabaseError error = CatchDatabaseError([this] {
    connection().Stream("SELECT REPEAT('x', 100000) FROM seq_1_to_100000000", [this](const Row&) {
      server().Kill9();
      return RowAction::kContinue;
    });
  });
  EXPECT_EQ(Classify(error), ErrorClass::kConnectionLost);
  EXPECT_FALSE(connection().usable());
  EXPECT_THROW(Connection::Open(server().Address()), DatabaseError);
  server().Start();
  EXPECT_NO_THROW(Connection::Open(server().Address()));
}

TEST_F(ConnectionTest, AHangingServerEndsAtTheReadTimeout) {
  ServerAddress address = server().Address();
  address.read_timeout_s = 1;
  const auto fresh = Connection::Open(address);
  const DatabaseError error = CatchDatabaseError([&] { fresh->Execute("DO SLEEP(10)"); });
  EXPECT_EQ(Classify(error), ErrorClass::kConnectionLost);
  EXPECT_FALSE(fresh->usable());
}

TEST_F(ConnectionTest, RollbackUndoesAndCommitKeeps) {
  connection().Execute("CREATE TABLE t (a INT PRIMARY KEY) ENGINE=InnoDB");
  connection().Begin();
  connection().Execute("INSERT INTO t VALUES (1)");
  connection().Rollback();
  connection().Begin();
  connection().Execute("INSERT INTO t VALUES (2)");
  connection().Commit();
  connection().Rollback();
  EXPECT_EQ(connection().QueryValue("SELECT GROUP_CONCAT(a) FROM t"), "2");
}

}  // namespace
}  // namespace osarchiver
