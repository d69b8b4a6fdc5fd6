#include "tests/unit/state/journal_fixture.h"

namespace osarchiver {
namespace {

class SqliteDatabaseTest : public JournalTest {
 protected:
  void SetUp() override {
    Open();
    journal_.reset();
    db_ = std::make_unique<Database>(path(), Database::Access::kReadWrite);
    db_->RunScript("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1)");
  }
  void Write(Transaction::Kind kind, const std::string& sql) {
    Transaction transaction(*db_, kind);
    db_->Run(sql);
    transaction.Commit();
  }
  std::unique_ptr<Database> db_;
};

// Whoever waits for a batch to be durable goes by these two numbers.
TEST_F(SqliteDatabaseTest, OneSyncedCommitMakesTheOnesBeforeItDurable) {
  Write(Transaction::Kind::kWriteWithNext, "UPDATE t SET a = 2");
  Write(Transaction::Kind::kWriteWithNext, "UPDATE t SET a = 3");
  EXPECT_EQ(db_->commits(), 2u);
  EXPECT_EQ(db_->durable_commits(), 0u);
  Write(Transaction::Kind::kWrite, "UPDATE t SET a = 4");
  EXPECT_EQ(db_->durable_commits(), 3u);
}

// SQLite writes and syncs nothing then, not even what is in the log.
TEST_F(SqliteDatabaseTest, ACommitThatChangesNoByteMakesNothingDurable) {
  Write(Transaction::Kind::kWriteWithNext, "UPDATE t SET a = 2");
  for (const char* sql : {"UPDATE t SET a = 2", "UPDATE t SET a = 5 WHERE a = 7"}) {
    Write(Transaction::Kind::kWrite, sql);
    EXPECT_EQ(db_->durable_commits(), 0u) << sql;
  }
}

}  // namespace
}  // namespace osarchiver
