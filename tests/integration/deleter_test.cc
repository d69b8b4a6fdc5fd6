// The delete against a real server: what was archived goes, and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deleter_fixture.h"

namespace osarchiver {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// 100 rows, of which the first 50 are to go.
constexpr const char* kRows =
    "CREATE TABLE t(id INT PRIMARY KEY AUTO_INCREMENT, deleted_at DATETIME, a VARCHAR(50));"
    "INSERT INTO t SELECT seq, IF(seq <= 50, '2020-01-01', NULL), CONCAT('row ', seq) FROM "
    "seq_1_to_100;";

class DeleteComparedTest : public DeleterTest {};

TEST_F(DeleteComparedTest, RowsAsArchivedGoAndOthersStay) {
  Sql(kRows);
  const DeleteOutcome outcome = Delete(Take("t", "deleted_at IS NOT NULL"));
  EXPECT_EQ(Summary(outcome.rows.at(0)), "deleted 50");
  EXPECT_EQ(outcome.transactions, 1u);
  EXPECT_EQ(outcome.retries, 0u);
  EXPECT_EQ(Sql("SELECT COUNT(*), MIN(id) FROM t"), "50\t51");
}

TEST_F(DeleteComparedTest, NothingToDeleteIsNoTransaction) {
  Sql(kRows);
  EXPECT_EQ(Delete(Take("t", "0")).transactions, 0u);
  EXPECT_TRUE(Delete(std::vector<DeletableRows>()).rows.empty());
}

class DeleteRaceTest : public DeleterTest, public testing::WithParamInterface<const char*> {};

// Between reading and deleting: one row changes, one is un-deleted, one is removed, one becomes
// eligible between the keys, one changes to the same text in other letters.
TEST_P(DeleteRaceTest, RowsThatAreNotAsArchivedStay) {
  Sql(kRows);
  Sql("DELETE FROM t WHERE id = 7");
  At(GetParam(),
     "UPDATE t SET a = 'changed' WHERE id = 3; UPDATE t SET deleted_at = NULL WHERE id = 4;"
     "DELETE FROM t WHERE id = 5; INSERT INTO t VALUES (7, '2020-01-01', 'new');"
     "UPDATE t SET a = 'ROW 8' WHERE id = 8;");
  const DeleteOutcome outcome = Delete(Take("t", "deleted_at IS NOT NULL"));
  ASSERT_TRUE(Succeeded(GetParam()));
  const std::vector<RowOutcome>& rows = outcome.rows.at(0);
  EXPECT_EQ(Summary(rows), "deleted 45, absent 1, changed 3");
  EXPECT_EQ(rows[2], kChanged);
  EXPECT_EQ(rows[3], kChanged);
  EXPECT_EQ(rows[4], kAbsent);
  EXPECT_EQ(rows[6], kChanged);  // id 8: id 7 was not read
  EXPECT_EQ(Sql("SELECT GROUP_CONCAT(id, ' ', a ORDER BY id) FROM t WHERE id <= 50"),
            "3 changed,4 row 4,7 new,8 ROW 8");
}

INSTANTIATE_TEST_SUITE_P(Steps, DeleteRaceTest,
                         testing::Values("batch-delete-before", "batch-delete-locked"));

TEST_F(DeleteComparedTest, RowsThatAnEarlierTryMayHaveDeletedCountAsTold) {
  Sql(kRows);
  DeletableRows rows = Take("t", "deleted_at IS NOT NULL");
  Sql("DELETE FROM t WHERE id <= 10");
  DeleteOptions options;
  options.absent = kDeleted;
  EXPECT_EQ(Summary(Delete(std::move(rows), options).rows.at(0)), "deleted 50");
}

TEST_F(DeleteComparedTest, AnErrorInTheMiddleDeletesNothing) {
  Sql(kRows);
  for (const char* step : {"batch-delete-before", "batch-delete-locked", "batch-delete-executed",
                           "batch-delete-compared", "batch-commit-before"}) {
    FailAt(step);
    EXPECT_THAT(DeleteError(Take("t", "deleted_at IS NOT NULL")), HasSubstr("failpoint")) << step;
    EXPECT_EQ(Sql("SELECT COUNT(*) FROM t"), "100") << step;
  }
  EXPECT_EQ(Summary(Delete(Take("t", "deleted_at IS NOT NULL")).rows.at(0)), "deleted 50");
}

TEST_F(DeleteComparedTest, LargeBatchesGoInSeveralTransactions) {
  Sql(kRows);
  const DeleteOptions options = TransactionsOf(7);
  const DeleteOutcome outcome = Delete(Take("t", "deleted_at IS NOT NULL"), options);
  EXPECT_EQ(Summary(outcome.rows.at(0)), "deleted 50");
  EXPECT_EQ(outcome.transactions, 8u);
}

class DefinitionChangeTest : public DeleterTest {};

TEST_F(DefinitionChangeTest, ATableThatChangedItsShapeIsNotTouched) {
  const struct {
    const char *alter, *message;
  } cases[] = {
      {"ALTER TABLE t ADD COLUMN b INT", "column `b` (int(11) NULL) was added"},
      {"ALTER TABLE t ADD COLUMN b INT NOT NULL DEFAULT 7 INVISIBLE", "column `b`"},
      {"ALTER TABLE t ADD COLUMN b INT AFTER id", "column `b`"},
      {"ALTER TABLE t DROP COLUMN a", "column `a` is gone"},
      {"ALTER TABLE t MODIFY a VARCHAR(60)", "column `a` was varchar(50)"},
      {"ALTER TABLE t MODIFY a VARCHAR(50) CHARACTER SET latin2", "in latin2"},
      {"ALTER TABLE t MODIFY a VARCHAR(50) AFTER id", "has another place"},
      {"ALTER TABLE t ADD COLUMN g INT AS (id + 1)", "generated column"},
      {"ALTER TABLE t MODIFY id INT, DROP PRIMARY KEY, ADD PRIMARY KEY (id, deleted_at)", "column"},
  };
  for (const auto& c : cases) {
    Sql(std::string("DROP TABLE IF EXISTS t;") + kRows + "DELETE FROM t WHERE id > 50;");
    At("batch-delete-before", c.alter);
    EXPECT_THAT(DeleteError(Take("t")), HasSubstr(c.message)) << c.alter;
    EXPECT_TRUE(Succeeded("batch-delete-before")) << c.alter;
    EXPECT_EQ(Sql("SELECT COUNT(*) FROM t"), "50") << c.alter;
  }
}

TEST_F(DefinitionChangeTest, WhatDoesNotTouchRowsDoesNotMatter) {
  for (const char* alter :
       {"ALTER TABLE t ADD INDEX (a)", "INSERT INTO t (a) VALUES ('next')",
        "ALTER TABLE t COMMENT 'x'", "ALTER TABLE t ALTER COLUMN a SET DEFAULT 'x'"}) {
    Sql(std::string("DROP TABLE IF EXISTS t;") + kRows);
    At("batch-delete-before", alter);
    EXPECT_EQ(Summary(Delete(Take("t", "id <= 50")).rows.at(0)), "deleted 50") << alter;
  }
}

// The metadata lock is held from the check to COMMIT.
TEST_F(DefinitionChangeTest, AnAlterBetweenCheckAndDeleteHasToWait) {
  Sql(kRows);
  At("batch-delete-locked", "SET lock_wait_timeout = 1; ALTER TABLE t ADD COLUMN b INT");
  EXPECT_EQ(Summary(Delete(Take("t", "id <= 50")).rows.at(0)), "deleted 50");
  EXPECT_FALSE(Succeeded("batch-delete-locked"));
  EXPECT_EQ(Sql("SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'test_db'"),
            "3");
}

TEST_F(DefinitionChangeTest, ATableThatIsGoneIsAnError) {
  Sql(kRows);
  At("batch-delete-before", "DROP TABLE t");
  EXPECT_THAT(DeleteError(Take("t")), HasSubstr("test_db.t"));
}

class KeyTest : public DeleterTest {};

TEST_F(KeyTest, DigitLikeTextIsNoNumber) {
  Sql("CREATE TABLE t(k VARCHAR(20) PRIMARY KEY, d INT);"
      "INSERT INTO t VALUES ('7', 1), ('07', 0), ('7.0', 0), (' 7', 0), ('7x', 0), ('0x37', 0)");
  EXPECT_EQ(Summary(Delete(Take("t", "d = 1")).rows.at(0)), "deleted 1");
  EXPECT_EQ(Sql("SELECT COUNT(*), SUM(d) FROM t"), "5\t0");
}

TEST_F(KeyTest, EveryColumnOfACompositeKeyCounts) {
  Sql("CREATE TABLE t(a INT, b VARCHAR(10), c DATE, d INT, PRIMARY KEY (a, b, c));"
      "INSERT INTO t SELECT a.seq, CONCAT('k', b.seq), '2020-01-01', (a.seq + b.seq) % 2 FROM "
      "seq_1_to_20 a, seq_1_to_20 b");
  EXPECT_EQ(Summary(Delete(Take("t", "d = 1")).rows.at(0)), "deleted 200");
  EXPECT_EQ(Sql("SELECT COUNT(*), SUM(d) FROM t"), "200\t0");
}

TEST_F(KeyTest, AKeyThatBecameOtherLettersIsAChangedRow) {
  Sql("CREATE TABLE t(k VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY, d INT) CHARSET utf8mb4;"
      "INSERT INTO t VALUES ('abc', 1), ('def', 1), ('ghi', 0)");
  At("batch-delete-before", "UPDATE t SET k = 'ABC' WHERE k = 'abc'");
  EXPECT_THAT(Delete(Take("t", "d = 1")).rows.at(0), ElementsAre(kChanged, kDeleted));
  EXPECT_EQ(Sql("SELECT GROUP_CONCAT(k) FROM t"), "ABC,ghi");
}

TEST_F(KeyTest, EveryTypeOfKeyFindsItsRowsAndNoOther) {
  const struct {
    const char *type, *go, *stay;  // lists of values
  } cases[] = {
      {"BIGINT UNSIGNED", "(18446744073709551615),(0)", "(9223372036854775807),(1)"},
      {"BIGINT", "(-9223372036854775808),(-1)", "(9223372036854775807),(0)"},
      {"INT(5) ZEROFILL", "(7)", "(70)"},
      {"DECIMAL(30,10)", "('12345678901234567890.0000000001')",
       "('12345678901234567890.0000000002')"},
      {"DOUBLE", "(0.1),(1e300),(-0.1)", "(0.10000000000000002),(0)"},
      {"FLOAT", "(0.1),(16777216)", "(0.2),(16777218)"},
      {"DATETIME(6)", "('2020-01-01 00:00:00.000001')", "('2020-01-01 00:00:00.000002')"},
      {"TIMESTAMP(3)", "('2020-01-01 00:00:00.001')", "('2020-01-01 00:00:00.002')"},
      {"DATE", "('2020-01-01')", "('2020-01-02')"},
      {"TIME(2)", "('-838:59:59.00'),('100:00:00.01')", "('100:00:00.02')"},
      {"YEAR", "(2020)", "(2021)"},
      {"BIT(12)", "(b'101'),(b'111111111111')", "(b'100')"},
      {"BINARY(4)", "(x'00'),(x'27225C00'),(x'FF')", "(x'27225C01'),('1')"},
      {"VARBINARY(10)", "(x''),(x'00'),(x'0000')", "(x'000000')"},
      {"ENUM('a','b','1','2')", "('a'),('2')", "('b'),('1')"},
      {"SET('a','b','1')", "('a,b'),(''),('1')", "('a'),('b'),('a,b,1')"},
      {"CHAR(10) CHARACTER SET latin1", "(x'E9'),('a')", "(x'F6'),('b')"},
      {"CHAR(10) CHARACTER SET utf16", "(_utf16 x'00E9'),('a')", "(_utf16 x'00FC'),('b')"},
      {"VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "('a'),('it''s'),('\\\\'),('😀')",
       "('A'),('its'),('/'),('😁')"},
      {"VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", "('É'),('b')",
       "('f'),('g')"},
      {"UUID", "('123e4567-e89b-12d3-a456-426614174000')",
       "('123e4567-e89b-12d3-a456-426614174001')"},
      {"INET6", "('::1')", "('::2')"},
      {"INET4", "('10.0.0.1')", "('10.0.0.10')"},
  };
  for (const auto& c : cases) {
    Sql(std::string("DROP TABLE IF EXISTS t; SET NAMES utf8mb4, time_zone = '+00:00'; CREATE TABLE "
                    "t(k ") +
        c.type + " PRIMARY KEY, d INT DEFAULT 0); INSERT INTO t (k) VALUES " + c.go +
        "; UPDATE t SET d = 1; INSERT INTO t (k) VALUES " + c.stay);
    const std::string before = Sql("SELECT COUNT(*) FROM t WHERE d = 1");
    EXPECT_EQ(Summary(Delete(Take("t", "d = 1")).rows.at(0)), "deleted " + before) << c.type;
    EXPECT_EQ(Sql("SELECT COUNT(*) FROM t WHERE d = 1"), "0") << c.type;
    EXPECT_NE(Sql("SELECT COUNT(*) FROM t"), "0") << c.type;
  }
}

TEST_F(KeyTest, OddEnumKeysAreToldApart) {
  // The error value with index 0, a member '' and members that look like the indexes of others.
  Sql("SET sql_mode = ''; CREATE TABLE t(k ENUM('1','','0') PRIMARY KEY, d INT);"
      "INSERT INTO t VALUES ('bad', 1), (1, 0), (2, 0), (3, 1)");
  EXPECT_EQ(Summary(Delete(Take("t", "d = 1")).rows.at(0)), "deleted 2");
  EXPECT_EQ(Sql("SELECT GROUP_CONCAT(k + 0 ORDER BY k + 0) FROM t"), "1,2");
}

TEST_F(KeyTest, OddNamesAreNames) {
  Sql("CREATE TABLE `a``b.c-d é`(`select` INT PRIMARY KEY, `x``y` INT); INSERT INTO `a``b.c-d é` "
      "VALUES (1, 1), (2, 2)");
  EXPECT_EQ(Summary(Delete(Take("a`b.c-d é")).rows.at(0)), "deleted 2");
}

// A scan would wait for the lock of the live row.
TEST_F(KeyTest, LiveRowsThatAreLockedAreNotInTheWay) {
  Sql(kRows);
  address.session = {{"innodb_lock_wait_timeout", "1"}};
  InBackgroundAt("batch-delete-before",
                 "BEGIN; SELECT * FROM t WHERE id > 95 FOR UPDATE; SELECT SLEEP(2); COMMIT");
  const DeleteOutcome outcome = Delete(Take("t", "id <= 95"));
  EXPECT_EQ(Summary(outcome.rows.at(0)), "deleted 95");
  EXPECT_EQ(outcome.retries, 0u);
  EXPECT_TRUE(Succeeded("batch-delete-before"));
}

// A run of integers is walked, not looked up key by key: it must be the same keys.
TEST_F(KeyTest, RunsOfIntegersAreTheSameKeys) {
  for (const char* type : {"INT", "BIGINT UNSIGNED", "INT(8) ZEROFILL", "SMALLINT"}) {
    Sql(std::string("CREATE OR REPLACE TABLE t(id ") + type +
        " PRIMARY KEY, d INT); INSERT INTO t SELECT seq, seq % 400 > 0 FROM seq_1_to_3000;"
        "DELETE FROM t WHERE id IN (77, 500, 1999)");
    // Keys in the middle and at the end of a run: gone, changed, and new ones that were not read.
    At("batch-delete-before",
       "DELETE FROM t WHERE id IN (10, 399); UPDATE t SET d = 2 WHERE id IN (11, 799); INSERT INTO "
       "t "
       "VALUES (77, 1), (500, 1), (1999, 1)");
    const DeleteOutcome outcome = Delete(Take("t", "d = 1"));
    EXPECT_EQ(Summary(outcome.rows.at(0)), "deleted 2986, absent 2, changed 2") << type;
    EXPECT_EQ(Sql("SELECT GROUP_CONCAT(id + 0 ORDER BY id) FROM t"),
              "11,77,400,500,799,800,1200,1600,1999,2000,2400,2800")
        << type;
  }
}

TEST_F(KeyTest, NeighboursOfRunsThatAreLockedAreNotInTheWay) {
  Sql("CREATE TABLE t(id INT PRIMARY KEY, d INT); INSERT INTO t SELECT seq, seq % 300 > 0 FROM "
      "seq_1_to_900");
  address.session = {{"innodb_lock_wait_timeout", "1"}};
  const std::string lock =
      "BEGIN; SELECT * FROM t WHERE id IN (300, 600) FOR UPDATE; SELECT SLEEP(3); COMMIT";
  InBackgroundAt("batch-delete-before", lock);
  DeleteOutcome outcome = Delete(Take("t", "d = 1 AND id < 300"));
  EXPECT_EQ(Summary(outcome.rows.at(0)), "deleted 299");
  EXPECT_EQ(outcome.retries, 0u);
  EXPECT_TRUE(Succeeded("batch-delete-before"));
  // The last row of the run is gone: what stands behind it is waited for, once.
  InBackgroundAt("batch-delete-before", "DELETE FROM t WHERE id = 599; " + lock);
  outcome = Delete(Take("t", "d = 1 AND id BETWEEN 301 AND 599"));
  EXPECT_EQ(Summary(outcome.rows.at(0)), "deleted 298, absent 1");
  EXPECT_LE(outcome.retries, 1u);
}

TEST_F(KeyTest, StatementsKeepBelowThePacketLimit) {
  Sql("CREATE TABLE t(k VARCHAR(200) PRIMARY KEY); INSERT INTO t SELECT CONCAT(REPEAT('k', 150), "
      "seq) FROM seq_1_to_500; SET GLOBAL max_allowed_packet = 4096");
  const DeleteOutcome outcome = Delete(Take("t"));
  Sql("SET GLOBAL max_allowed_packet = 16777216");
  EXPECT_EQ(Summary(outcome.rows.at(0)), "deleted 500");
  EXPECT_EQ(outcome.retries, 0u);
}

}  // namespace
}  // namespace osarchiver
