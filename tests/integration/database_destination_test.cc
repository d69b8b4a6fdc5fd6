// What is particular to archive databases: rows that are there already, servers, and answers that
// are lost. Tables that change: database_schema_test.cc.
#include <thread>

#include "database_destination_fixture.h"
#include "destination/control_table.h"
#include "mariadb/quote.h"
#include "tcp_relay.h"

namespace osarchiver {
namespace {

// --- rows that are there already

TEST_F(DatabaseDestinationTest, SomebodyElsesRowIsAConflictAndNothingIsStored) {
  auto destination = Opened();
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  (void)Sql("INSERT INTO nova_kept.things VALUES (2,'theirs',NULL),(4,'theirs',NULL)");
  TestBatch batch = Extract(pass, {{1, "one"}, {2, "two"}, {3, "three"}, {4, "four"}});
  try {
    Store(*writer, &batch);
    FAIL() << "stored";
  } catch (const BatchConflict& conflict) {
    EXPECT_EQ(conflict.row_indexes(), (std::vector<std::size_t>{1, 3}));
    EXPECT_NE(std::string(conflict.what()).find("2; 4"), std::string::npos) << conflict.what();
    EXPECT_EQ(std::string(conflict.what()).find("2 rows of "), 0U) << conflict.what();
  }
  EXPECT_EQ(Names(), "2=theirs,4=theirs");
  EXPECT_EQ(Sql("SELECT COUNT(*) FROM nova_kept.osarchiver_batches"), "0");

  // Without those rows the batch goes.
  TestBatch rest = Extract(pass, {{1, "one"}, {3, "three"}});
  Store(*writer, &rest);
  EXPECT_EQ(Names(), "1=one,2=theirs,3=three,4=theirs");
  EXPECT_EQ(DigestAt(*destination, rest, pass), rest.digest);
}

TEST_F(DatabaseDestinationTest, KeyThatTheCollationTakesForEqualIsAConflictToo) {
  UseTable("CREATE TABLE things (name varchar(20) COLLATE utf8mb4_general_ci PRIMARY KEY)");
  auto destination = Opened();
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  (void)Sql("INSERT INTO nova_kept.things VALUES ('ABC')");
  RowBatch rows(1);
  for (const char* name : {"abb", "abc", "abd"}) {
    rows.AppendBytes(name);
    rows.EndRow();
  }
  TestBatch batch = ExtractRows(pass, std::move(rows));
  try {
    Store(*writer, &batch);
    FAIL() << "stored";
  } catch (const BatchConflict& conflict) {
    EXPECT_EQ(conflict.row_indexes(), std::vector<std::size_t>{1});
  }
}

TEST_F(DatabaseDestinationTest, SameBytesAreFine) {
  auto destination = Opened();
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  (void)Sql("INSERT INTO nova_kept.things VALUES (2,'two',NULL)");
  TestBatch batch = Extract(pass, {{1, "one"}, {2, "two"}, {3, "three"}});
  Store(*writer, &batch);
  EXPECT_EQ(Names(), "1=one,2=two,3=three");
  EXPECT_EQ(DigestAt(*destination, batch, pass), batch.digest);
}

TEST_F(DatabaseDestinationTest, EarlierVersionGivesWayAndItsBatchStaysWhole) {
  auto destination = Opened();
  const PassContext first_pass = BeginPass();
  auto writer = destination->OpenTable(first_pass, *journal);
  const TestBatch first = StoreVerified(*writer, first_pass, {{1, "one"}, {2, "old"}, {3, "old"}});
  BeginRun(kSecondRun);
  destination = Opened();
  const PassContext second_pass = BeginPass();
  writer = destination->OpenTable(second_pass, *journal);
  // Nothing says that the row was kept: the control table alone proves whose the old version is.
  const TestBatch second = StoreVerified(*writer, second_pass, {{2, "new"}, {4, "four"}});
  EXPECT_EQ(Names(), "1=one,2=new,3=old,4=four");
  const TestBatch third = StoreVerified(*writer, second_pass, {{3, "new"}, {5, "five"}});
  EXPECT_EQ(DigestAt(*destination, first, first_pass), first.digest);
  EXPECT_EQ(DigestAt(*destination, second, second_pass), second.digest);
  EXPECT_EQ(Texts(VerifyOf(*destination, first_pass)), std::vector<std::string>{"ok"});
  EXPECT_EQ(Texts(VerifyOf(*destination, second_pass)), std::vector<std::string>{"ok"});

  BeginRun("20261125T020000Z-00000003");
  const PassContext third_pass = BeginPass();
  writer = destination->OpenTable(third_pass, *journal);
  const TestBatch again = StoreVerified(*writer, third_pass, {{2, "newest"}});
  EXPECT_EQ(Names(), "1=one,2=newest,3=new,4=four,5=five");
  EXPECT_EQ(DigestAt(*destination, first, first_pass), first.digest);
  EXPECT_EQ(DigestAt(*destination, second, second_pass), second.digest);
  EXPECT_EQ(DigestAt(*destination, again, third_pass), again.digest);
}

TEST_F(DatabaseDestinationTest, VersionThatSomebodyEditedIsNoLongerOurs) {
  auto destination = Opened();
  const PassContext first_pass = BeginPass();
  auto writer = destination->OpenTable(first_pass, *journal);
  (void)StoreVerified(*writer, first_pass, {{1, "one"}});
  (void)Sql("UPDATE nova_kept.things SET name = 'edited'");
  BeginRun(kSecondRun);
  const PassContext second_pass = BeginPass();
  writer = destination->OpenTable(second_pass, *journal);
  TestBatch second = Extract(second_pass, {{1, "new"}});
  EXPECT_THROW(Store(*writer, &second), BatchConflict);
  EXPECT_EQ(Names(), "1=edited");
}

TEST_F(DatabaseDestinationTest, AnotherJournalsRowIsAConflictUnlessThisJournalKnowsIt) {
  auto destination = Opened();
  const PassContext first_pass = BeginPass();
  auto writer = destination->OpenTable(first_pass, *journal);
  const TestBatch first = StoreVerified(*writer, first_pass, {{1, "one"}});
  OpenJournal("other.db");
  BeginRun(kSecondRun);
  destination = Opened();
  const PassContext second_pass = BeginPass();
  writer = destination->OpenTable(second_pass, *journal);
  TestBatch second = Extract(second_pass, {{1, "new"}});
  EXPECT_THROW(Store(*writer, &second), BatchConflict);
  second.supersedes = {{KeyBytes(first.rows.row(0), {0}), Hex(first.hashes[0]).substr(0, 16)}};
  writer = destination->OpenTable(second_pass, *journal);
  Store(*writer, &second);
  EXPECT_EQ(Names(), "1=new");
}

TEST_F(DatabaseDestinationTest, BatchStoredLateDoesNotUndoTheNewerVersion) {
  const PassContext first_pass = BeginPass();
  TestBatch first = Extract(first_pass, {{1, "old"}, {2, "two"}});
  BeginRun(kSecondRun);
  auto destination = Opened();
  const PassContext second_pass = BeginPass();
  auto writer = destination->OpenTable(second_pass, *journal);
  const TestBatch second = StoreVerified(*writer, second_pass, {{1, "new"}});
  // The destination was added between the two nights, and gets the first night's batch now.
  writer = destination->OpenTable(first_pass, *journal);
  Store(*writer, &first);
  EXPECT_EQ(Names(), "1=new,2=two");
  EXPECT_EQ(DigestAt(*destination, first, first_pass), first.digest);
  EXPECT_EQ(DigestAt(*destination, second, second_pass), second.digest);
}

TEST_F(DatabaseDestinationTest, EarlierVersionIsProvenUnderItsOwnColumns) {
  UseTable("CREATE TABLE things (id int PRIMARY KEY, name varchar(20))");
  auto destination = Opened();
  const PassContext first_pass = BeginPass();
  auto writer = destination->OpenTable(first_pass, *journal);
  const TestBatch first = StoreVerified(*writer, first_pass, {{1, "one"}, {2, "old"}});
  (void)Sql("ALTER TABLE nova.things ADD COLUMN extra int NULL AFTER id, MODIFY name varchar(90)");
  definition = LoadTable(*source, {"nova", "things"}).value().definition;
  BeginRun(kSecondRun);
  const PassContext second_pass = BeginPass();
  writer = destination->OpenTable(second_pass, *journal);
  RowBatch rows(3);
  rows.AppendBytes("2");
  rows.AppendBytes("7");
  rows.AppendBytes(std::string(60, 'n'));
  rows.EndRow();
  TestBatch second = ExtractRows(second_pass, std::move(rows));
  Store(*writer, &second);
  EXPECT_EQ(DigestAt(*destination, first, first_pass), first.digest);
  EXPECT_EQ(DigestAt(*destination, second, second_pass), second.digest);
}

TEST_F(DatabaseDestinationTest, EnumErrorValuesComeBack) {
  UseTable("CREATE TABLE things (id int PRIMARY KEY, a enum('x','y') NULL, b enum('','z') NULL)");
  auto destination = Opened();
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  RowBatch rows(3);
  const auto add = [&](const char* id, const Value& a, const Value& b) {
    rows.AppendBytes(id);
    rows.Append(a);
    rows.Append(b);
    rows.EndRow();
  };
  const Value error{ValueKind::kEnumError, {}}, null{ValueKind::kNull, {}};
  add("1", {ValueKind::kBytes, "x"}, {ValueKind::kBytes, ""});
  add("2", error, error);
  add("3", null, {ValueKind::kBytes, "z"});
  add("4", error, {ValueKind::kBytes, ""});
  add("5", {ValueKind::kBytes, "y"}, null);
  TestBatch batch = ExtractRows(pass, std::move(rows));
  Store(*writer, &batch);
  EXPECT_EQ(DigestAt(*destination, batch, pass), batch.digest);
  EXPECT_EQ(Sql("SELECT GROUP_CONCAT(a+0 ORDER BY id) FROM nova_kept.things"), "1,0,0,2");
}

TEST_F(DatabaseDestinationTest, ValueThatTheArchiveCannotTakeUnchangedIsAnError) {
  auto destination = Opened();
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  TestBatch batch = Extract(pass, {{1, "one"}, {2, std::string(51, 'x')}});
  EXPECT_THROW(Store(*writer, &batch), Error);
  EXPECT_EQ(Sql("SELECT COUNT(*) FROM nova_kept.things"), "0");
}

TEST_F(DatabaseDestinationTest, RowsGoAsParametersAndOthersAsLiterals) {
  const auto executed = [&] {
    return std::stoi(
        Sql("SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS "
            "WHERE VARIABLE_NAME='COM_STMT_EXECUTE'"));
  };
  const auto store = [&](const std::string& create) {
    UseTable(create);
    BeginRun(kFirstRun + std::to_string(++runs_));
    auto destination = Opened();
    const PassContext pass = BeginPass();
    auto writer = destination->OpenTable(pass, *journal);
    (void)StoreVerified(*writer, pass, {{1, "one"}, {2, std::string(20, 'x')}, {3, "three"}});
    EXPECT_EQ(Names(), "1=one,2=xxxxxxxxxxxxxxxxxxxx,3=three");
    (void)Sql("DROP DATABASE nova_kept");
  };
  const int before = executed();
  store("CREATE TABLE things (id int PRIMARY KEY, name varchar(20))");
  EXPECT_EQ(executed(), before + 1);
  // Not the session's character set.
  store("CREATE TABLE things (id int PRIMARY KEY, name varchar(20) CHARACTER SET latin1)");
  EXPECT_EQ(executed(), before + 1);
  (void)Sql("SET GLOBAL max_prepared_stmt_count=0");
  store("CREATE TABLE things (id int PRIMARY KEY, name varchar(20))");
  (void)Sql("SET GLOBAL max_prepared_stmt_count=16382");
  EXPECT_EQ(executed(), before + 1);
}

TEST_F(DatabaseDestinationTest, RowLargerThanAPacketNamesTheSetting) {
  auto destination = Opened();
  const PassContext pass = BeginPass();
  (void)Sql("SET GLOBAL max_allowed_packet=1048576");
  destination = Opened();
  auto writer = destination->OpenTable(pass, *journal);
  RowBatch rows(3);
  rows.AppendBytes("1");
  rows.AppendNull();
  rows.AppendBytes(std::string(2 << 20, 'x'));
  rows.EndRow();
  TestBatch batch = ExtractRows(pass, std::move(rows));
  try {
    Store(*writer, &batch);
    FAIL() << "stored";
  } catch (const Error& error) {
    EXPECT_NE(error.hint().find("max_allowed_packet"), std::string::npos)
        << error.what() << error.hint();
  }
}

// --- names and servers

TEST_F(DatabaseDestinationTest, OneServerWithoutNamesGetsASuffix) {
  settings.database_suffix.clear();
  EXPECT_EQ(OpenError(), "");
  EXPECT_EQ(Sql("SHOW TABLES FROM nova_archive LIKE 'things'"), "things");
}

TEST_F(DatabaseDestinationTest, SourceTableItselfIsNeverTheArchive) {
  settings.database_suffix.clear();
  settings.database_name = "{database}";
  UseTable("CREATE TABLE things (id int PRIMARY KEY, name varchar(20))");
  EXPECT_NE(OpenError().find("would be the table itself"), std::string::npos);
  EXPECT_EQ(Sql("SHOW TABLES FROM nova LIKE 'osarchiver%'"), "");
}

// `check` says before the night what the run would say in it.
TEST_F(DatabaseDestinationTest, CheckOfATableFindsWhatOpeningWouldRefuse) {
  const auto check = [&] { return Make()->CheckTable(context.site, context.source, definition); };
  EXPECT_TRUE(check().empty()) << "no archive table yet";
  EXPECT_EQ(Sql("SHOW DATABASES LIKE 'nova_kept'"), "");
  UseTable("CREATE TABLE things (id int PRIMARY KEY, name varchar(20))");
  EXPECT_EQ(OpenError(), "");
  (void)Sql("ALTER TABLE nova.things MODIFY name varchar(40)");
  definition = LoadTable(*source, {"nova", "things"}).value().definition;
  EXPECT_TRUE(check().empty());
  settings.schema_changes = SchemaChanges::kStop;
  EXPECT_EQ(check().size(), 1u);
  settings.schema_changes = SchemaChanges::kEvolve;
  (void)Sql("ALTER TABLE nova.things MODIFY name text");
  definition = LoadTable(*source, {"nova", "things"}).value().definition;
  EXPECT_EQ(check().size(), 1u);
  (void)Sql("ALTER TABLE nova_kept.things ENGINE=MyISAM");
  EXPECT_EQ(check().size(), 1u);
  settings.database_suffix.clear();
  settings.database_name = "{database}";
  EXPECT_THROW((void)check(), ConfigError);
}

TEST_F(DatabaseDestinationTest, BatchesAreFoundWithoutTheSourcesServer) {
  settings.database_suffix.clear();
  auto destination = Opened();
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  const TestBatch batch = StoreVerified(*writer, pass, {{1, "one"}});
  DatabaseDestination reader("history", settings);  // as verify and restore have it
  EXPECT_EQ(DigestAt(reader, batch, pass), batch.digest);
  EXPECT_EQ(Texts(VerifyOf(reader, pass)), std::vector<std::string>{"ok"});
}

TEST_F(DatabaseDestinationTest, NotDurableIsRefusedUnlessAccepted) {
  (void)Sql("SET GLOBAL innodb_flush_log_at_trx_commit=2");
  settings.accept_non_durable = false;
  EXPECT_THROW((void)Opened(), ConfigError);
  EXPECT_EQ(Make()->Check(context, nullptr).size(), 1u);
  (void)Sql("SET GLOBAL innodb_flush_log_at_trx_commit=1");
  EXPECT_NO_THROW((void)Opened());
  EXPECT_TRUE(Make()->Check(context, nullptr).empty());
}

TEST_F(DatabaseDestinationTest, MissingPrivilegesAreNamed) {
  (void)Sql(
      "CREATE OR REPLACE USER little IDENTIFIED BY ''; GRANT SELECT ON test.* TO little; "
      "DROP USER IF EXISTS ''@localhost");
  settings.server.user = "little";
  const auto problems = Make()->Check(context, nullptr);
  EXPECT_EQ(problems.size(), 4u);
  (void)Sql("GRANT SELECT ON *.* TO little");
  EXPECT_EQ(Make()->Check(context, nullptr).size(), 4u) << "others' privileges are not its own";
  (void)Sql("GRANT ALL ON `nova\\_kept`.* TO little");
  EXPECT_TRUE(Make()->Check(context, nullptr).empty());
  (void)Sql("REVOKE ALL ON `nova\\_kept`.* FROM little");
  const std::string error = OpenError();
  EXPECT_NE(error.find("GRANT SELECT, INSERT, DELETE, CREATE, ALTER ON `nova_kept`.*"),
            std::string::npos)
      << error;
}

TEST_F(DatabaseDestinationTest, UnreachableServerIsOneProblemOfTheCheck) {
  settings.server.socket = "/nonexistent/socket";
  auto destination = Make();
  EXPECT_EQ(destination->Check(context, nullptr).size(), 1u);
  EXPECT_THROW(destination->Open(context, *journal), DatabaseError);
}

// --- lost connections

TEST_F(DatabaseDestinationTest, LostConnectionsAreTakenUpAgain) {
  auto destination = Opened();
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  const TestBatch first = StoreVerified(*writer, pass, {{1, "one"}});
  EXPECT_EQ(DigestAt(*destination, first, pass), first.digest);
  SharedMariadb().Restart();
  (void)Sql("SET GLOBAL innodb_flush_log_at_trx_commit=1");
  const TestBatch second = StoreVerified(*writer, pass, {{2, "two"}});
  EXPECT_EQ(DigestAt(*destination, first, pass), first.digest);
  SharedMariadb().Kill9();
  SharedMariadb().Start();
  EXPECT_EQ(Texts(VerifyOf(*destination, pass)), std::vector<std::string>{"ok"});
  EXPECT_EQ(SurveyOf(*destination, pass).copies.size(), 2u);
  source = Connection::Open(SharedMariadb().Address());
}

// Whether the request or only its answer was lost, the batch is there once afterwards.
TEST_F(DatabaseDestinationTest, LostRequestsAndAnswersLeaveTheBatchStoredOnce) {
  TcpRelay relay(SharedMariadb().port());
  settings.server.socket.clear();
  settings.server.hosts = {"127.0.0.1"};
  settings.server.port = relay.port();
  int breaks = 0, id = 0;
  for (const char* text : {"START TRANSACTION", "INSERT INTO `nova_kept`.`things`",
                           "INSERT INTO `nova_kept`.`osarchiver_batches`", "COMMIT"}) {
    for (const TcpRelay::Loss loss : {TcpRelay::Loss::kRequest, TcpRelay::Loss::kAnswer}) {
      BeginRun("20261124T020000Z-0000000" + std::to_string(breaks));
      auto destination = Opened();
      const PassContext pass = BeginPass();
      auto writer = destination->OpenTable(pass, *journal);
      relay.BreakAt(text, loss);
      const TestBatch batch = StoreVerified(*writer, pass, {{++id, "row"}, {++id, "row"}});
      EXPECT_EQ(relay.broken(), ++breaks) << text;
      EXPECT_EQ(DigestAt(*destination, batch, pass), batch.digest) << text;
      EXPECT_EQ(Texts(VerifyOf(*destination, pass)), std::vector<std::string>{"ok"}) << text;
      EXPECT_EQ(Sql("SELECT COUNT(*) FROM nova_kept.things"), std::to_string(id)) << text;
      EXPECT_EQ(Sql("SELECT COUNT(*) FROM nova_kept.osarchiver_batches"), std::to_string(breaks));
    }
  }
}

TEST_F(DatabaseDestinationTest, RowLockedForAWhileIsWaitedFor) {
  auto destination = Opened();
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  auto other = Connection::Open(SharedMariadb().Address());
  other->Begin();
  other->Execute("INSERT INTO nova_kept.things VALUES (1,'theirs',NULL)");
  std::thread releaser([&] {
    std::this_thread::sleep_for(std::chrono::seconds(6));
    other->Rollback();
  });
  TestBatch batch = Extract(pass, {{1, "one"}});
  Store(*writer, &batch);  // 1205 after five seconds, and then again
  releaser.join();
  EXPECT_EQ(Names(), "1=one");
}

// --- proof

TEST_F(DatabaseDestinationTest, EntryTakenAwayOrChangedIsFound) {
  auto destination = Opened();
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  for (int i = 1; i <= 3; ++i) (void)StoreVerified(*writer, pass, {{i, "row"}});
  (void)Sql("CREATE TABLE nova_kept.saved AS SELECT * FROM nova_kept.osarchiver_batches");
  (void)Sql("DELETE FROM nova_kept.osarchiver_batches WHERE number=2");
  auto finding = VerifyOf(*destination, pass).at(0);
  EXPECT_EQ(finding.problems.size(), 2u) << Texts({finding})[0];
  EXPECT_NE(finding.result, "ok");
  (void)Sql("REPLACE INTO nova_kept.osarchiver_batches SELECT * FROM nova_kept.saved");
  EXPECT_EQ(Texts(VerifyOf(*destination, pass)), std::vector<std::string>{"ok"});
  for (const std::string change :
       {"archiver='other'", "row_keys=''", "definition='{}'", "digest=REPEAT('0',64)",
        "row_count=2", "stored_at='2000-01-01'", "superseded='x'", "previous=0"}) {
    (void)Sql("UPDATE nova_kept.osarchiver_batches SET " + change + " WHERE number=3");
    finding = VerifyOf(*destination, pass, 0).at(0);
    EXPECT_NE(finding.result, "ok") << change;
    (void)Sql("REPLACE INTO nova_kept.osarchiver_batches SELECT * FROM nova_kept.saved");
  }
}

TEST_F(DatabaseDestinationTest, WhatIsGoneIsNamed) {
  auto destination = Opened();
  const PassContext pass = BeginPass();
  auto writer = destination->OpenTable(pass, *journal);
  const TestBatch batch = StoreVerified(*writer, pass, {{1, "one"}, {2, "two"}});
  (void)Sql("DELETE FROM nova_kept.things WHERE id=2");
  EXPECT_THROW((void)DigestAt(*destination, batch, pass), IntegrityError);
  EXPECT_EQ(VerifyOf(*destination, pass).at(0).result, "corrupt");
  (void)Sql("DROP TABLE nova_kept.things");
  EXPECT_THROW((void)DigestAt(*destination, batch, pass), IntegrityError);
  EXPECT_EQ(VerifyOf(*destination, pass).at(0).result, "corrupt");
  (void)Sql("DROP DATABASE nova_kept");
  EXPECT_THROW((void)DigestAt(*destination, batch, pass), IntegrityError);
  EXPECT_EQ(VerifyOf(*destination, pass).at(0).result, "missing");
}

TEST_F(DatabaseDestinationTest, TwoSitesShareADatabaseAndKeepTheirBatchesApart) {
  auto destination = Opened();
  const PassContext first_pass = BeginPass();
  auto writer = destination->OpenTable(first_pass, *journal);
  const TestBatch first = StoreVerified(*writer, first_pass, {{1, "one"}});
  OpenJournal("other.db");
  context.site = "RegionTwo";
  BeginRun(kSecondRun);
  destination = Opened();
  const PassContext second_pass = BeginPass();
  writer = destination->OpenTable(second_pass, *journal);
  const TestBatch second = StoreVerified(*writer, second_pass, {{2, "two"}});
  TestBatch clash = Extract(second_pass, {{1, "another region's"}});
  EXPECT_THROW(Store(*writer, &clash), BatchConflict);
  EXPECT_EQ(DigestAt(*destination, second, second_pass), second.digest);
  EXPECT_EQ(Names(), "1=one,2=two");
}

}  // namespace
}  // namespace osarchiver
