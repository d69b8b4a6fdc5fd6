// The delete and foreign keys: nothing vanishes by CASCADE, nothing is edited by SET NULL, trees go
// whole or not at all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deleter_fixture.h"

namespace osarchiver {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Reference {
  const char* referenced;  // the parent's column
  const char* rule;
};
void PrintTo(const Reference& r, std::ostream* out) { *out << r.referenced << ' ' << r.rule; }

class ChildTest : public DeleterTest, public testing::WithParamInterface<Reference> {
 protected:
  // Five parents, referred to by `id` (primary key), `uuid` (unique) or `tag` (an index only).
  void SetUp() override {
    DeleterTest::SetUp();
    if (IsSkipped()) return;
    Sql("CREATE TABLE p(id INT PRIMARY KEY, uuid INT NOT NULL UNIQUE, tag INT, KEY (tag), KEY "
        "tag_again (tag, id)); INSERT INTO p SELECT seq, 100 + seq, 200 + seq FROM seq_1_to_5;"
        "CREATE TABLE c(id INT PRIMARY KEY, ref INT)");
    address.session = {{"innodb_lock_wait_timeout", "3"}};
  }
  void AddKey() { Sql(AddKeySql()); }
  std::string AddKeySql() const {
    return std::string("ALTER TABLE c ADD CONSTRAINT f FOREIGN KEY (ref) REFERENCES p(") +
           GetParam().referenced + ") ON DELETE " + GetParam().rule + ";";
  }
  // A child of parent 2.
  std::string InsertChild() const {
    return std::string("INSERT INTO c SELECT 1, ") + GetParam().referenced +
           " FROM p WHERE id = 2;";
  }
  std::string Children() {
    return Sql("SELECT COUNT(*) FROM c JOIN p ON ref IN (p.id, uuid, tag)");
  }
};

TEST_P(ChildTest, ARowWithAChildStaysAndSoDoesTheChild) {
  AddKey();
  Sql(InsertChild());
  EXPECT_THAT(Delete(Take("p")).rows.at(0),
              ElementsAre(kDeleted, kBlocked, kDeleted, kDeleted, kDeleted));
  EXPECT_EQ(Children(), "1");
}

TEST_P(ChildTest, AChildThatComesBeforeTheLockBlocks) {
  AddKey();
  At("batch-delete-before", InsertChild());
  EXPECT_THAT(Delete(Take("p")).rows.at(0),
              ElementsAre(kDeleted, kBlocked, kDeleted, kDeleted, kDeleted));
  EXPECT_TRUE(Succeeded("batch-delete-before"));
  EXPECT_EQ(Children(), "1");
}

// PITFALLS 19: whatever the referenced key is, a child that comes after the lock waits and then
// finds no parent, or keeps its parent; it never vanishes.
TEST_P(ChildTest, AChildThatComesAfterTheLockNeverVanishes) {
  AddKey();
  for (const char* step : {"batch-delete-locked", "batch-delete-executed", "batch-commit-before"}) {
    Sql("DELETE FROM c; INSERT IGNORE INTO p SELECT seq, 100 + seq, 200 + seq FROM seq_1_to_5");
    InBackgroundAt(step, InsertChild());
    const DeleteOutcome outcome = Delete(Take("p"));
    if (Succeeded(step)) {
      // INSERT ... SELECT finds no parent any more and inserts nothing, or its row is there.
      const bool blocked = outcome.rows.at(0).at(1) == kBlocked;
      EXPECT_EQ(Sql("SELECT COUNT(*) FROM c WHERE ref IS NOT NULL"), blocked ? "1" : "0") << step;
      EXPECT_EQ(Children(), blocked ? "1" : "0") << step;
    } else {
      EXPECT_EQ(Summary(outcome.rows.at(0)), "deleted 5") << step;
      EXPECT_EQ(Sql("SELECT COUNT(*) FROM c"), "0") << step;
    }
  }
}

TEST_P(ChildTest, AValueInsertedAfterTheLockNeverVanishes) {
  AddKey();
  const std::string ref =
      Sql(std::string("SELECT ") + GetParam().referenced + " FROM p WHERE id = 2");
  InBackgroundAt("batch-delete-locked", "INSERT INTO c VALUES (1, " + ref + ")");
  const DeleteOutcome outcome = Delete(Take("p"));
  if (Succeeded("batch-delete-locked")) {
    EXPECT_EQ(outcome.rows.at(0).at(1), kBlocked);
    EXPECT_EQ(Children(), "1");
  } else {
    EXPECT_EQ(Summary(outcome.rows.at(0)), "deleted 5");
    EXPECT_EQ(Sql("SELECT COUNT(*) FROM c"), "0");
  }
}

// A foreign key that did not exist when the run planned, nor when the transaction began.
TEST_P(ChildTest, AForeignKeyThatComesInTheMiddleIsSeen) {
  for (const char* step : {"batch-delete-before", "batch-delete-locked"}) {
    Sql("DELETE FROM c; INSERT IGNORE INTO p SELECT seq, 100 + seq, 200 + seq FROM seq_1_to_5; "
        "ALTER TABLE c DROP FOREIGN KEY IF EXISTS f");
    Delete(Take("p", "id = 5"));  // the session has looked at the foreign keys once
    At(step, InsertChild() + AddKeySql());
    EXPECT_THAT(Delete(Take("p")).rows.at(0), ElementsAre(kDeleted, kBlocked, kDeleted, kDeleted))
        << step;
    EXPECT_TRUE(Succeeded(step));
    EXPECT_EQ(Children(), "1") << step;
  }
}

INSTANTIATE_TEST_SUITE_P(References, ChildTest,
                         testing::Values(Reference{"id", "RESTRICT"}, Reference{"id", "CASCADE"},
                                         Reference{"id", "SET NULL"}, Reference{"uuid", "RESTRICT"},
                                         Reference{"uuid", "CASCADE"},
                                         Reference{"uuid", "SET NULL"},
                                         Reference{"tag", "RESTRICT"}, Reference{"tag", "CASCADE"},
                                         Reference{"tag", "SET NULL"}));

class ForeignKeyTest : public DeleterTest {};

TEST_F(ForeignKeyTest, CompositeReferencesAndOtherDatabasesAreSeen) {
  Sql("CREATE TABLE p(id INT PRIMARY KEY, a VARCHAR(5), b INT, UNIQUE (a, b)); INSERT INTO p "
      "VALUES "
      "(1, 'x', 1), (2, 'x', 2), (3, NULL, 3), (4, 'y', 1);"
      "CREATE OR REPLACE DATABASE `other-db`; CREATE TABLE `other-db`.`c-1`(id INT PRIMARY KEY, a "
      "VARCHAR(5), b INT, FOREIGN KEY (a, b) REFERENCES test_db.p(a, b) ON DELETE CASCADE);"
      "INSERT INTO `other-db`.`c-1` VALUES (1, 'x', 2), (2, NULL, 3)");
  EXPECT_THAT(Delete(Take("p")).rows.at(0), ElementsAre(kDeleted, kBlocked, kDeleted, kDeleted));
  EXPECT_EQ(Sql("SELECT COUNT(*) FROM `other-db`.`c-1`"), "2");
  Sql("DROP DATABASE `other-db`");
}

TEST_F(ForeignKeyTest, AKeyWithOddNamesIsSeen) {
  Sql("CREATE OR REPLACE DATABASE `odd é-db`; USE `odd é-db`; CREATE TABLE `p@x.y`(id INT PRIMARY "
      "KEY); INSERT INTO `p@x.y` VALUES (1)");
  // Take() knows test_db only: the odd table is the child, and a parent of the same name is ours.
  Sql("CREATE TABLE `p@x.y é`(id INT PRIMARY KEY); INSERT INTO `p@x.y é` VALUES (1), (2);"
      "CREATE TABLE `odd é-db`.`c/1`(id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES "
      "test_db.`p@x.y é`(id) ON DELETE CASCADE); INSERT INTO `odd é-db`.`c/1` VALUES (2)");
  EXPECT_THAT(Delete(Take("p@x.y é")).rows.at(0), ElementsAre(kDeleted, kBlocked));
  Sql("DROP DATABASE `odd é-db`");
}

// InnoDB itself refuses to delete a row that refers to itself by RESTRICT.
TEST_F(ForeignKeyTest, ARowThatRefersToItselfIsNotItsOwnChild) {
  const struct {
    const char *rule, *outcome;
  } cases[] = {{"RESTRICT", "blocked 2"}, {"CASCADE", "deleted 2"}, {"SET NULL", "deleted 2"}};
  for (const auto& c : cases) {
    Sql(std::string("CREATE OR REPLACE TABLE s(id INT PRIMARY KEY, up INT, FOREIGN KEY (up) "
                    "REFERENCES s(id) ON DELETE ") +
        c.rule + "); INSERT INTO s VALUES (1, 1), (2, 2)");
    EXPECT_EQ(Summary(Delete(Take("s")).rows.at(0)), c.outcome) << c.rule;
  }
}

// Same name, same rule, other columns: looked for by the old ones, no child would be found.
TEST_F(ForeignKeyTest, AForeignKeyThatRefersToAnotherColumnMeanwhileIsSeen) {
  Sql("CREATE TABLE p(id INT PRIMARY KEY, u INT NOT NULL UNIQUE); INSERT INTO p VALUES (1, 11), "
      "(2, "
      "12), (3, 13); CREATE TABLE c(id INT PRIMARY KEY, ref INT, CONSTRAINT f FOREIGN KEY (ref) "
      "REFERENCES p(id) ON DELETE CASCADE)");
  EXPECT_EQ(Summary(Delete(Take("p", "id = 3")).rows.at(0)), "deleted 1");
  At("batch-delete-before",
     "ALTER TABLE c DROP FOREIGN KEY f; INSERT INTO c VALUES (1, 12); ALTER TABLE c ADD CONSTRAINT "
     "f FOREIGN KEY (ref) REFERENCES p(u) ON DELETE CASCADE");
  EXPECT_THAT(Delete(Take("p")).rows.at(0), ElementsAre(kDeleted, kBlocked));
  EXPECT_TRUE(Succeeded("batch-delete-before"));
  EXPECT_EQ(Sql("SELECT COUNT(*) FROM c"), "1");
}

TEST_F(ForeignKeyTest, AForeignKeyThatGoesInTheMiddleIsForgotten) {
  for (const char* rule : {"RESTRICT", "CASCADE"}) {
    Sql(std::string("CREATE OR REPLACE TABLE p(id INT PRIMARY KEY); INSERT INTO p VALUES (1), (2); "
                    "CREATE TABLE c(id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES p(id) ON "
                    "DELETE ") +
        rule + ")");
    EXPECT_EQ(Summary(Delete(Take("p", "id = 1")).rows.at(0)), "deleted 1") << rule;
    Sql("DROP TABLE c");
    EXPECT_EQ(Summary(Delete(Take("p")).rows.at(0)), "deleted 1") << rule;
  }
}

class ChainTest : public DeleterTest, public testing::WithParamInterface<const char*> {
 protected:
  // Each of 300 rows refers to the one before it; the last is the leaf.
  void SetUp() override {
    DeleterTest::SetUp();
    if (IsSkipped()) return;
    Sql(std::string("CREATE TABLE s(id INT PRIMARY KEY, up INT, a INT, FOREIGN KEY (up) REFERENCES "
                    "s(id) ON DELETE ") +
        GetParam() +
        "); SET foreign_key_checks = 0; INSERT INTO s SELECT seq, NULLIF(seq - 1, 0), 0 FROM "
        "seq_1_to_300");
  }
  DeletableRows TakeChain() { return Take("s", "1", "300 - id"); }
};

// PITFALLS 20.
TEST_P(ChainTest, GoesLeafFirst) {
  const DeleteOptions options = TransactionsOf(70);
  const DeleteOutcome outcome = Delete(TakeChain(), options);
  EXPECT_EQ(Summary(outcome.rows.at(0)), "deleted 300");
  EXPECT_EQ(outcome.transactions, 5u);
}

TEST_P(ChainTest, StaysAboveARowThatChanged) {
  DeletableRows rows = TakeChain();
  Sql("UPDATE s SET a = 1 WHERE id = 200; DELETE FROM s WHERE id = 300");
  const DeleteOutcome outcome = Delete(std::move(rows));
  EXPECT_EQ(Summary(outcome.rows.at(0)), "deleted 99, absent 1, changed 1, blocked 199");
  EXPECT_EQ(Sql("SELECT COUNT(*), COUNT(up), MAX(id) FROM s"), "200\t199\t200");
}

TEST_P(ChainTest, StaysAboveANewChild) {
  At("batch-delete-before", "INSERT INTO s VALUES (1000, 150, 0)");
  const DeleteOutcome outcome = Delete(TakeChain());
  EXPECT_EQ(Summary(outcome.rows.at(0)), "deleted 150, blocked 150");
  EXPECT_EQ(Sql("SELECT COUNT(*), COUNT(up) FROM s"), "151\t150");
}

INSTANTIATE_TEST_SUITE_P(Rules, ChainTest, testing::Values("RESTRICT", "CASCADE", "SET NULL"));

class TreeTest : public DeleterTest, public testing::WithParamInterface<const char*> {
 protected:
  // Parent n has n - 1 children, the first of which has a grandchild.
  void SetUp() override {
    DeleterTest::SetUp();
    if (IsSkipped()) return;
    const std::string rule = GetParam();
    Sql("CREATE TABLE p(id INT PRIMARY KEY, uuid VARCHAR(10) NOT NULL UNIQUE, a INT DEFAULT 0) "
        "CHARSET utf8mb3; CREATE TABLE c(id INT PRIMARY KEY, p_uuid VARCHAR(10), a INT DEFAULT 0, "
        "FOREIGN KEY (p_uuid) REFERENCES p(uuid) ON DELETE " +
        rule +
        ") CHARSET utf8mb3; CREATE TABLE g(id INT PRIMARY KEY, c_id INT, FOREIGN KEY (c_id) "
        "REFERENCES c(id) ON DELETE " +
        rule +
        "); INSERT INTO p SELECT seq, CONCAT('U', seq), 0 FROM seq_1_to_4;"
        "INSERT INTO c SELECT p.id * 10 + s.seq, LOWER(p.uuid), 0 FROM p JOIN seq_1_to_4 s ON "
        "s.seq "
        "< p.id; INSERT INTO g SELECT id * 10, id FROM c WHERE id % 10 = 1");
  }
  std::vector<DeletableRows> TakeAll() {
    std::vector<DeletableRows> parts;
    for (const char* table : {"g", "c", "p"}) parts.push_back(Take(table));
    return parts;
  }
  std::string Counts() {
    return Sql(
        "SELECT (SELECT COUNT(*) FROM g), (SELECT COUNT(c_id) FROM g), (SELECT COUNT(*) "
        "FROM c), (SELECT COUNT(p_uuid) FROM c), (SELECT COUNT(*) FROM p)");
  }
};

TEST_P(TreeTest, GoesWhole) {
  const DeleteOutcome outcome = Delete(TakeAll());
  EXPECT_EQ(outcome.transactions, 1u);
  for (const auto& rows : outcome.rows) EXPECT_EQ(Summary(rows).substr(0, 8), "deleted ");
  EXPECT_EQ(Counts(), "0\t0\t0\t0\t0");
}

TEST_P(TreeTest, IsNeverSplit) {
  const DeleteOptions options = TransactionsOf(1);
  EXPECT_EQ(Delete(TakeAll(), options).transactions, 4u);
  EXPECT_EQ(Counts(), "0\t0\t0\t0\t0");
}

TEST_P(TreeTest, StaysWholeWhenADependentChanged) {
  std::vector<DeletableRows> parts = TakeAll();
  Sql("UPDATE c SET a = 1 WHERE id = 32; DELETE FROM g WHERE id = 310");
  const DeleteOutcome outcome = Delete(std::move(parts));
  EXPECT_THAT(outcome.rows.at(0), ElementsAre(kDeleted, kAbsent, kDeleted));
  EXPECT_THAT(outcome.rows.at(1),
              ElementsAre(kDeleted, kBlocked, kChanged, kDeleted, kDeleted, kDeleted));
  EXPECT_THAT(outcome.rows.at(2), ElementsAre(kDeleted, kDeleted, kBlocked, kDeleted));
  EXPECT_EQ(Counts(), "0\t0\t2\t2\t1");
}

TEST_P(TreeTest, StaysWholeWhenTheParentChanged) {
  At("batch-delete-before", "UPDATE p SET a = 1 WHERE id = 3");
  const DeleteOutcome outcome = Delete(TakeAll());
  EXPECT_THAT(outcome.rows.at(0), ElementsAre(kDeleted, kBlocked, kDeleted));
  EXPECT_THAT(outcome.rows.at(1),
              ElementsAre(kDeleted, kBlocked, kBlocked, kDeleted, kDeleted, kDeleted));
  EXPECT_THAT(outcome.rows.at(2), ElementsAre(kDeleted, kDeleted, kChanged, kDeleted));
  EXPECT_EQ(Counts(), "1\t1\t2\t2\t1");
}

TEST_P(TreeTest, StaysWholeWhenAChildCameMeanwhile) {
  At("batch-delete-before", "INSERT INTO g VALUES (1, 32)");
  const DeleteOutcome outcome = Delete(TakeAll());
  EXPECT_THAT(outcome.rows.at(2), ElementsAre(kDeleted, kDeleted, kBlocked, kDeleted));
  EXPECT_EQ(Counts(), "2\t2\t2\t2\t1");
}

INSTANTIATE_TEST_SUITE_P(Rules, TreeTest, testing::Values("RESTRICT", "CASCADE", "SET NULL"));

// Children in a database on which the account has no privilege.
class HiddenChildTest : public DeleterTest {
 protected:
  void SetUp() override {
    DeleterTest::SetUp();
    if (IsSkipped()) return;
    Sql("CREATE TABLE p(id INT PRIMARY KEY); INSERT INTO p SELECT seq FROM seq_1_to_40;"
        "CREATE OR REPLACE DATABASE hidden; CREATE OR REPLACE USER low@localhost; GRANT ALL ON "
        "test_db.* TO low@localhost");
    address.user = "low";
  }
  void TearDown() override {
    if (!IsSkipped()) Sql("DROP DATABASE IF EXISTS hidden; DROP USER IF EXISTS low@localhost");
    DeleterTest::TearDown();
  }
  void AddChildren(const std::string& rule) {
    Sql("CREATE TABLE hidden.c(id INT PRIMARY KEY, ref INT, FOREIGN KEY (ref) REFERENCES "
        "test_db.p(id) ON DELETE " +
        rule + "); INSERT INTO hidden.c VALUES (1, 7), (2, 30)");
  }
};

TEST_F(HiddenChildTest, RowsWithRestrictingChildrenAreIsolated) {
  AddChildren("RESTRICT");
  for (const char* grant : {"", "GRANT PROCESS ON *.* TO low@localhost"}) {
    Sql(std::string("INSERT IGNORE INTO p SELECT seq FROM seq_1_to_40;") + grant);
    const DeleteOutcome outcome = Delete(Take("p"));
    EXPECT_EQ(Summary(outcome.rows.at(0)), "deleted 38, blocked 2") << grant;
    EXPECT_EQ(outcome.rows.at(0).at(6), kBlocked);
    EXPECT_EQ(outcome.rows.at(0).at(29), kBlocked);
  }
}

TEST_F(HiddenChildTest, HiddenCascadesAreFelt) {
  for (const char* rule : {"CASCADE", "SET NULL"}) {
    Sql("DROP TABLE IF EXISTS hidden.c");
    AddChildren(rule);
    EXPECT_THAT(DeleteError(Take("p")), HasSubstr("cannot see")) << rule;
    EXPECT_EQ(Sql("SELECT COUNT(ref), COUNT(*) FROM hidden.c"), "2\t2") << rule;
    EXPECT_EQ(Sql("SELECT COUNT(*) FROM p"), "40") << rule;
  }
}

TEST_F(HiddenChildTest, AHiddenCascadeThatComesInTheMiddleIsFelt) {
  At("batch-delete-locked",
     "CREATE TABLE hidden.c(id INT PRIMARY KEY, ref INT); INSERT INTO hidden.c VALUES (1, 7);"
     "ALTER TABLE hidden.c ADD FOREIGN KEY (ref) REFERENCES test_db.p(id) ON DELETE CASCADE");
  EXPECT_THAT(DeleteError(Take("p")), HasSubstr("cannot see"));
  EXPECT_TRUE(Succeeded("batch-delete-locked"));
  EXPECT_EQ(Sql("SELECT COUNT(*) FROM hidden.c"), "1");
}

TEST_F(HiddenChildTest, ACascadeThatIsSeenAndMayNotBeReadIsAnError) {
  AddChildren("CASCADE");
  Sql("GRANT PROCESS ON *.* TO low@localhost");
  EXPECT_THAT(DeleteError(Take("p")), HasSubstr("`hidden`.`c`"));
  EXPECT_EQ(Sql("SELECT COUNT(*) FROM hidden.c"), "2");
}

// Without PROCESS the foreign keys of visible tables are seen all the same.
TEST_F(HiddenChildTest, VisibleCascadesBlockWithoutPrivilegesOnTheServer) {
  // Not the other way round: an ALTER TABLE waits for rows that are locked for the key known
  // before.
  for (const char* step : {"batch-delete-locked", "batch-delete-before", ""}) {
    Sql("DROP TABLE IF EXISTS c; INSERT IGNORE INTO p SELECT seq FROM seq_1_to_40");
    const std::string child =
        "CREATE TABLE c(id INT PRIMARY KEY, ref INT); INSERT INTO c VALUES (1, 7); ALTER TABLE c "
        "ADD FOREIGN KEY (ref) REFERENCES test_db.p(id) ON DELETE CASCADE";
    if (*step == '\0') {
      Sql(child);
    } else {
      At(step, child);
    }
    EXPECT_EQ(Summary(Delete(Take("p")).rows.at(0)), "deleted 39, blocked 1") << step;
    EXPECT_EQ(Sql("SELECT COUNT(*) FROM c"), "1") << step;
  }
}

}  // namespace
}  // namespace osarchiver
