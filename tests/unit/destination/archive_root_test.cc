// The marker and the names of last runs: what keeps archives from a directory that is not mounted,
// from somebody else's, and from a journal that is older than they are.
#include "destination/archive_root.h"

#include <fstream>

#include "file_fixture.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

class ArchiveRootTest : public FileDestinationTest {
 protected:
  TestBatch StoreSomething() {
    auto destination = Opened();
    const PassContext pass = BeginPass();
    auto writer = destination->OpenTable(pass, *journal);
    TestBatch batch = StoreVerified(*writer, pass, {{1, "one"}});
    writer->Seal();
    return batch;
  }
};

TEST_F(ArchiveRootTest, FirstRunMakesRootAndMarker) {
  EXPECT_TRUE(Make()->Check(context, nullptr).empty());
  EXPECT_FALSE(fs::exists(Root())) << "a check creates nothing";
  (void)Opened("sql");
  (void)Opened("csv");
  (void)Opened("sql");
  EXPECT_EQ(Files("osarchiver.json"), std::vector<std::string>{"osarchiver.json"});
  EXPECT_EQ(fs::status(Root()).permissions() & fs::perms::others_all, fs::perms::none);
}

TEST_F(ArchiveRootTest, KnownRootWithoutMarkerIsNotMounted) {
  StoreSomething();
  fs::remove_all(Root());
  EXPECT_THROW((void)Opened(), IoError);
  EXPECT_FALSE(fs::exists(Root())) << "nothing is written under the mount point";
  fs::create_directories(Root());
  EXPECT_THROW((void)Opened(), IoError);
}

TEST_F(ArchiveRootTest, RootOfAnotherSiteOrDestinationIsRefused) {
  (void)Opened();
  context.site = "RegionTwo";
  EXPECT_THROW((void)Opened(), ConfigError);
  EXPECT_EQ(Make()->Check(context, nullptr).size(), 1u);
  context.site = "RegionOne";
  FileDestination other(settings, "sql",
                        std::make_shared<ArchiveRoot>(PosixFileSystem(), Root(), "other"));
  EXPECT_THROW(other.Open(context, *journal), ConfigError);
}

TEST_F(ArchiveRootTest, NewJournalBesideOldArchivesIsRefused) {
  StoreSomething();
  OpenJournal("new.db");
  BeginRun("20261124T020000Z-00000002");
  EXPECT_THROW((void)Opened(), ConfigError);
  // And stays refused: a run that failed for it does not make the journal an old one.
  BeginRun("20261125T020000Z-00000003");
  EXPECT_THROW((void)Opened(), ConfigError);
}

TEST_F(ArchiveRootTest, AnotherArchiverWithAJournalOfItsOwnIsWelcome) {
  StoreSomething();
  OpenJournal("new.db");
  context.archiver = "cinder";
  BeginRun("20261124T020000Z-00000002");
  EXPECT_NO_THROW(StoreSomething());
}

TEST_F(ArchiveRootTest, JournalThatLacksTheLastRunIsOlder) {
  journal->CopyTo(directory.path() / "backup.db", "test");
  BeginRun("20261124T020000Z-00000002");
  StoreSomething();
  OpenJournal("backup.db");
  BeginRun("20261125T020000Z-00000003");
  EXPECT_THROW((void)Opened(), IntegrityError);
}

// A journal that was made again from the archives cannot know it.
TEST_F(ArchiveRootTest, RunThatWroteNothingIsNotRecorded) {
  journal->CopyTo(directory.path() / "backup.db", "test");
  BeginRun("20261124T020000Z-00000002");
  (void)Opened();
  OpenJournal("backup.db");
  BeginRun("20261125T020000Z-00000003");
  EXPECT_NO_THROW((void)Opened());
}

TEST_F(ArchiveRootTest, CopiesMadeForAnOlderRunDoNotHideTheNewerOne) {
  StoreSomething();
  journal->CopyTo(directory.path() / "backup.db", "test");
  const PassContext old_pass = BeginPass();
  BeginRun("20261124T020000Z-00000002");
  StoreSomething();
  auto destination = Opened();
  auto writer = destination->OpenTable(old_pass, *journal);
  TestBatch batch;
  batch.number = journal->LastBatchNumber(old_pass.pass);
  batch.rows = Extract(BeginPass(), {{1, "one"}}).rows;
  batch.hashes = RowHashes(batch.rows);
  batch.digest = BatchDigest(batch.hashes);
  Store(*writer, &batch);
  OpenJournal("backup.db");
  BeginRun("20261125T020000Z-00000003");
  EXPECT_THROW((void)Opened(), IntegrityError);
}

TEST_F(ArchiveRootTest, NightWithoutRowsLeavesTheJournalsCopyToo) {
  auto destination = Opened();
  destination->FinishRun(context, *journal);
  destination->FinishRun(context, *journal);
  EXPECT_TRUE(fs::exists(Root() / ".osarchiver" / (journal->id() + ".db")));
  EXPECT_TRUE(Files(".sha256").empty());
}

TEST_F(ArchiveRootTest, DamagedMarkerIsDamage) {
  (void)Opened();
  for (const char* text : {"", "{", "[]", "{\"format\":1}", "{\"format\":\"1\"}"}) {
    fs::remove(Root() / "osarchiver.json");
    std::ofstream(Root() / "osarchiver.json") << text;
    EXPECT_THROW((void)Opened(), IntegrityError) << text;
  }
  fs::remove(Root() / "osarchiver.json");
  std::ofstream(Root() / "osarchiver.json") << R"({"format":2,"destination":"files","site":"x"})";
  EXPECT_THROW((void)Opened(), ConfigError) << "a newer version";
}

TEST_F(ArchiveRootTest, TooLittleRoomIsSaid) {
  settings.min_free_bytes = UINT64_MAX;
  EXPECT_TRUE(Make()->LacksRoom());
  EXPECT_EQ(Make()->Check(context, nullptr).size(), 1u);
}

TEST_F(ArchiveRootTest, FinishedRunLeavesListsThatSha256sumAcceptsAndTheJournal) {
  settings.layout = "{archiver}/{source}";
  auto sql = Opened("sql"), csv = Opened("csv");
  for (const std::string source : {"main", "cell"}) {
    context.source = source;
    const PassContext pass = BeginPass();
    auto sql_writer = sql->OpenTable(pass, *journal), csv_writer = csv->OpenTable(pass, *journal);
    TestBatch batch = Extract(pass, {{1, "one"}});
    Store(*sql_writer, &batch);
    Store(*csv_writer, &batch);
    Archive(batch);
    Verify(batch);
    sql_writer->Seal();
    csv_writer->Seal();
  }
  sql->FinishRun(context, *journal);
  csv->FinishRun(context, *journal);
  EXPECT_EQ(Files(".sha256"),
            (std::vector<std::string>{std::string("nova/cell/") + kRun + ".sha256",
                                      std::string("nova/main/") + kRun + ".sha256"}));
  for (const std::string source : {"main", "cell"}) {
    const std::string command =
        "cd '" + (Root() / "nova" / source).string() +
        "' && sha256sum -c --strict --quiet *.sha256 && test $(cat *.sha256 | wc -l) = 2";
    EXPECT_EQ(std::system(command.c_str()), 0);
  }
  const auto copy =
      Journal::Open(Root() / ".osarchiver" / (journal->id() + ".db"), OpenMode::kRead);
  EXPECT_EQ(copy->id(), journal->id());
  EXPECT_TRUE(copy->HasRunNamed(kRun));
}

TEST_F(ArchiveRootTest, ListsOfASettledRunAreProvenAndWrittenAgain) {
  const TestBatch batch = StoreSomething();
  const auto destination = Make();
  const auto wrong = [&] {
    std::vector<std::string> results;
    for (const VerifyFinding& finding : destination->VerifyRun(*journal->FindRun(kRun), *journal)) {
      EXPECT_EQ(finding.problems.size(), 1u);
      journal->RecordVerification({"files", finding.path, finding.result, "", "", 0, 0});
      results.push_back(finding.result);
    }
    return results;
  };
  EXPECT_TRUE(wrong().empty()) << "it is due when the run ends";
  journal->MarkKept(batch.id, {});
  journal->FinishRun(run, RunState::kCompleted, 0, "");
  journal->MarkRunSettled(run);
  EXPECT_EQ(wrong(), std::vector<std::string>{"missing"});
  Make()->FinishRun(context, *journal);
  EXPECT_TRUE(wrong().empty());
  EXPECT_TRUE(journal->DoubtfulPaths("files").empty()) << "the finding is taken back";
  const std::vector<std::string> lists = Files(".sha256");
  ASSERT_EQ(lists.size(), 1u);
  fs::permissions(Root() / lists[0], fs::perms::owner_all);
  std::ofstream(Root() / lists[0], std::ios::app) << "\n";
  EXPECT_EQ(wrong(), std::vector<std::string>{"corrupt"});
  Make()->FinishRun(context, *journal);
  EXPECT_TRUE(wrong().empty());
}

}  // namespace
}  // namespace osarchiver
