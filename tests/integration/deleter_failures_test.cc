// The delete when the server or the network lets it down: tried again, and what is said is true of
// the database.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "deleter_fixture.h"
#include "tcp_relay.h"

namespace osarchiver {
namespace {

using testing::HasSubstr;

constexpr const char* kTwoHundredRows =
    "CREATE TABLE t(id INT PRIMARY KEY, a VARCHAR(50)); INSERT INTO t SELECT seq, CONCAT('row ', "
    "seq) FROM seq_1_to_200;";

// As the client sends it; the text alone is part of READ COMMITTED.
constexpr const char* kCommit =
    "\x03"
    "COMMIT";

// Kills the deleter's connection: the one that holds the open transaction.
constexpr const char* kKillDeleter =
    "SET @id = (SELECT trx_mysql_thread_id FROM information_schema.INNODB_TRX WHERE "
    "trx_rows_modified > 0 LIMIT 1); EXECUTE IMMEDIATE CONCAT('KILL CONNECTION ', @id)";

class DeleteFailureTest : public DeleterTest {};

TEST_F(DeleteFailureTest, ALockedRowIsWaitedForWithSmallerTransactions) {
  Sql(kTwoHundredRows);
  address.session = {{"innodb_lock_wait_timeout", "1"}};
  InBackgroundAt("batch-delete-before",
                 "BEGIN; SELECT * FROM t WHERE id = 150 FOR UPDATE; SELECT SLEEP(2.5); COMMIT");
  const DeleteOutcome outcome = Delete(Take("t"));
  EXPECT_EQ(Summary(outcome.rows.at(0)), "deleted 200");
  EXPECT_GE(outcome.retries, 1u);
  EXPECT_GT(outcome.transactions, 1u);
}

TEST_F(DeleteFailureTest, ADeadlockIsTriedAgain) {
  Sql("CREATE TABLE p(id INT PRIMARY KEY, a INT); INSERT INTO p VALUES (1, 0);"
      "CREATE TABLE c(id INT PRIMARY KEY, p_id INT, FOREIGN KEY (p_id) REFERENCES p(id)); INSERT "
      "INTO c VALUES (1, 1);"
      "CREATE TABLE heavy(id INT PRIMARY KEY)");
  std::vector<DeletableRows> parts;
  parts.push_back(Take("c"));
  parts.push_back(Take("p"));
  // Locks the parent, and waits for the child that the delete has locked when the delete waits for
  // the parent. Many inserts make the other session the one that InnoDB spares.
  InBackgroundAt(
      "batch-delete-locked",
      "BEGIN; INSERT INTO heavy SELECT seq FROM seq_1_to_5000; SELECT * FROM p WHERE id = "
      "1 FOR UPDATE; SELECT SLEEP(0.6); SELECT * FROM c WHERE id = 1 FOR UPDATE; "
      "COMMIT");
  const DeleteOutcome outcome = Delete(std::move(parts));
  EXPECT_TRUE(Succeeded("batch-delete-locked"));
  EXPECT_EQ(Summary(outcome.rows.at(0)) + ", " + Summary(outcome.rows.at(1)),
            "deleted 1, deleted 1");
  EXPECT_EQ(outcome.retries, 1u);
}

class KillTest : public DeleterTest, public testing::WithParamInterface<const char*> {};

TEST_P(KillTest, AKilledConnectionIsReplaced) {
  Sql(kTwoHundredRows);
  At(GetParam(), kKillDeleter);
  const DeleteOutcome outcome = Delete(Take("t"));
  ASSERT_TRUE(Succeeded(GetParam()));
  EXPECT_EQ(Summary(outcome.rows.at(0)), "deleted 200");
  EXPECT_EQ(outcome.retries, 1u);
  EXPECT_EQ(Sql("SELECT COUNT(*) FROM t"), "0");
}

INSTANTIATE_TEST_SUITE_P(Steps, KillTest,
                         testing::Values("batch-delete-executed", "batch-delete-compared",
                                         "batch-commit-before"));

TEST_F(DeleteFailureTest, ARestartedServerIsWaitedFor) {
  Sql(kTwoHundredRows);
  DeletableRows rows = Take("t");
  const DeleteOptions options = TransactionsOf(50);
  At("batch-commit-after", "SHUTDOWN");
  auto outcome = std::async(std::launch::async, [&] { return Delete(std::move(rows), options); });
  while (server().Running()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  server().Start();
  const DeleteOutcome answer = outcome.get();
  EXPECT_EQ(Summary(answer.rows.at(0)), "deleted 200");
  EXPECT_EQ(answer.transactions, 4u);
  EXPECT_GE(answer.retries, 1u);
}

class LossTest : public DeleterTest {
 protected:
  void SetUp() override {
    DeleterTest::SetUp();
    if (IsSkipped()) return;
    Sql(kTwoHundredRows);
    relay = std::make_unique<TcpRelay>(server().port());
    address = server().TcpAddress();
    address.port = relay->port();
  }
  void TearDown() override {
    DeleterTest::TearDown();
    relay.reset();
  }
  std::unique_ptr<TcpRelay> relay;
};

TEST_F(LossTest, RowsOfACommitWithoutAnswerAreDeleted) {
  DeletableRows rows = Take("t");
  // Gone before, by somebody else: absent, whatever becomes of the COMMIT.
  Sql("DELETE FROM t WHERE id IN (3, 4)");
  relay->BreakAt(kCommit, TcpRelay::Loss::kAnswer);
  const DeleteOutcome outcome = Delete(std::move(rows));
  EXPECT_EQ(relay->broken(), 1);
  EXPECT_EQ(Summary(outcome.rows.at(0)), "deleted 198, absent 2");
  EXPECT_EQ(outcome.retries, 1u);
  EXPECT_EQ(Sql("SELECT COUNT(*) FROM t"), "0");
}

TEST_F(LossTest, ARowThatCameBackAfterALostAnswerIsCompared) {
  DeletableRows rows = Take("t");
  relay->BreakAt(kCommit, TcpRelay::Loss::kAnswer);
  InBackgroundAt("batch-commit-before",
                 "INSERT INTO t VALUES (1, 'new'), (2, 'row 2')");  // waits for the COMMIT
  const DeleteOutcome outcome = Delete(std::move(rows));
  ASSERT_TRUE(Succeeded("batch-commit-before"));
  EXPECT_EQ(Summary(outcome.rows.at(0)), "deleted 199, changed 1");
  EXPECT_EQ(Sql("SELECT id, a FROM t"), "1\tnew");
}

TEST_F(LossTest, ACommitThatNeverArrivedIsRepeated) {
  relay->BreakAt(kCommit, TcpRelay::Loss::kRequest);
  EXPECT_EQ(Summary(Delete(Take("t")).rows.at(0)), "deleted 200");
  EXPECT_EQ(Sql("SELECT COUNT(*) FROM t"), "0");
}

TEST_F(LossTest, AnyStatementMayBeLost) {
  for (const char* text : {"START TRANSACTION", "SELECT 1", "SHOW CREATE", "DELETE FROM"}) {
    for (const auto loss : {TcpRelay::Loss::kRequest, TcpRelay::Loss::kAnswer}) {
      Sql(std::string("DROP TABLE t;") + kTwoHundredRows);
      relay->BreakAt(std::string("\x03") + text, loss);
      const DeleteOutcome outcome = Delete(Take("t"));
      EXPECT_EQ(Summary(outcome.rows.at(0)), "deleted 200") << text;
      EXPECT_EQ(outcome.retries, 1u) << text;
    }
  }
}

TEST_F(DeleteFailureTest, AServerThatStaysAwayIsAnErrorInTheEnd) {
  Sql(kTwoHundredRows);
  DeletableRows rows = Take("t");
  address.hosts = {"127.0.0.1"};
  address.socket.clear();
  address.port = 1;
  // A refused account is permanent: no need to try twelve times.
  address = server().Address();
  address.user = "nobody_of_that_name";
  EXPECT_THAT(DeleteError(std::move(rows)), HasSubstr("nobody_of_that_name"));
}

}  // namespace
}  // namespace osarchiver
