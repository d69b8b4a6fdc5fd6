#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "state/schema.h"
#include "tests/unit/state/journal_fixture.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

class JournalOpenTest : public JournalTest {
 protected:
  template <typename ErrorType>
  std::string OpenError(OpenMode mode = OpenMode::kWrite) {
    try {
      (void)Journal::Open(path(), mode);
    } catch (const ErrorType& error) {
      hint_ = error.hint();
      return error.what();
    }
    return "opened";
  }
  void WriteFile(const std::string& bytes) { std::ofstream(path(), std::ios::binary) << bytes; }
  std::string ReadFile() const {
    std::ifstream in(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static mode_t CurrentUmask() {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    return mask;
  }
  std::string hint_;
};

TEST_F(JournalOpenTest, ANewJournalIsEmptyAndPrivate) {
  Journal& journal = Open();
  EXPECT_TRUE(journal.empty());
  EXPECT_EQ(journal.id().size(), 32u);
  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0640u & ~CurrentUmask());
  EXPECT_THAT(journal.Check(), IsEmpty());
}

TEST_F(JournalOpenTest, NothingIsLeftBesideANewJournal) {
  Open();
  journal_.reset();
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory_))
    names.push_back(entry.path().filename());
  EXPECT_THAT(names, testing::ElementsAre("state.db"));
}

TEST_F(JournalOpenTest, MissingDirectoriesAreMade) {
  const fs::path deep = directory_ / "a" / "b" / "state.db";
  (void)Journal::Open(deep, OpenMode::kWrite);
  struct stat status {};
  ASSERT_EQ(::stat((directory_ / "a" / "b").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0027u, 0u);
}

TEST_F(JournalOpenTest, TheIdentityStaysAndDiffersBetweenJournals) {
  const std::string id = Open().id();
  EXPECT_EQ(Open().id(), id);
  EXPECT_NE(Journal::Open(directory_ / "other.db", OpenMode::kWrite)->id(), id);
}

TEST_F(JournalOpenTest, WritesAreSyncedAndConstraintsAreOn) {
  Open();
  EXPECT_EQ(SqlInt("PRAGMA application_id"), kJournalApplicationId);
  EXPECT_EQ(SqlInt("PRAGMA user_version"), static_cast<std::int64_t>(Migrations().size()));
  EXPECT_EQ(
      SqlInt("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE '%STRICT%'"),
      0);
  Database db(path(), Database::Access::kReadWrite);
  Statement mode = db.Query("PRAGMA journal_mode");
  ASSERT_TRUE(mode.Step());
  EXPECT_EQ(mode.Text(0), "wal");
}

TEST_F(JournalOpenTest, AReaderNeedsAJournal) {
  EXPECT_THAT(OpenError<StateError>(OpenMode::kRead), HasSubstr("no journal"));
  EXPECT_FALSE(fs::exists(path()));
}

TEST_F(JournalOpenTest, AnEmptyFileIsDamage) {
  WriteFile("");
  for (OpenMode mode : {OpenMode::kRead, OpenMode::kWrite}) {
    EXPECT_THAT(OpenError<IntegrityError>(mode), HasSubstr("empty file"));
    EXPECT_THAT(hint_, HasSubstr("rebuild-journal"));
  }
}

TEST_F(JournalOpenTest, WhatIsNoDatabaseIsRefusedAndLeftAlone) {
  for (const std::string& content :
       {std::string("x"), std::string("not a journal\n"), std::string(10000, 'x')}) {
    WriteFile(content);
    for (OpenMode mode : {OpenMode::kRead, OpenMode::kWrite}) {
      EXPECT_THAT(OpenError<IntegrityError>(mode), HasSubstr("no journal"));
      EXPECT_THAT(hint_, HasSubstr("rebuild-journal"));
    }
    EXPECT_EQ(ReadFile(), content);
  }
}

TEST_F(JournalOpenTest, AnotherProgramsDatabaseIsRefusedAndLeftAlone) {
  WriteFile("");
  Sql("CREATE TABLE theirs (a)");
  const std::string before = ReadFile();
  for (OpenMode mode : {OpenMode::kRead, OpenMode::kWrite}) {
    EXPECT_THAT(OpenError<IntegrityError>(mode), HasSubstr("no journal of osarchiver"));
  }
  EXPECT_EQ(ReadFile(), before);
}

TEST_F(JournalOpenTest, ANewerJournalIsRefused) {
  Open();
  journal_.reset();
  Sql("PRAGMA user_version = 9999");
  for (OpenMode mode : {OpenMode::kRead, OpenMode::kWrite}) {
    EXPECT_THAT(OpenError<IntegrityError>(mode), HasSubstr("from a newer osarchiver"));
    EXPECT_THAT(hint_, HasSubstr("newer osarchiver"));
  }
}

TEST_F(JournalOpenTest, AnOlderJournalIsReadOnlyAfterARunBroughtItUpToDate) {
  Open();
  journal_.reset();
  Sql("PRAGMA user_version = 0");
  EXPECT_THAT(OpenError<StateError>(OpenMode::kRead), HasSubstr("version 0"));
}

TEST_F(JournalOpenTest, AJournalOfTheFirstVersionIsCarriedOn) {
  const PassId pass = BeginPass(BeginRun());
  const BatchId batch = AddVerified(pass, Journal::Next::kKeep);
  journal().MarkKept(batch, Rows(batch, 1, 10));
  journal_.reset();
  Sql("DROP TRIGGER runs_settle_releases; DROP TABLE releases; DROP TABLE syncs; "
      "DROP INDEX verifications_doubtful; "
      "ALTER TABLE tables DROP COLUMN kept_mark; ALTER TABLE tables DROP COLUMN held_mark; "
      "PRAGMA user_version = 1");
  EXPECT_EQ(Open().CountKept("nova", {"nova", "nova", "instances"}), 10u);
  const PassId tonight = BeginPass(BeginRun());
  const ReleaseId release = journal().BeginReleases({{tonight, batch, 0, {1}}}).at(0);
  journal().AddReleased(release, {1, 0, 0, 0}, {1});
  EXPECT_THAT(journal().Check(), IsEmpty());
}

// Kept rows are hashes, and any other hash looks as good: the row would be archived again.
TEST_F(JournalOpenTest, AnyBitOfAKeptRowOrAHoldThatFlipsIsFound) {
  const PassId pass = BeginPass(BeginRun());
  const BatchId batch = AddVerified(pass, Journal::Next::kKeep);
  const std::vector<KeptRow> rows = Rows(batch, 1, 10);
  journal().MarkKept(batch, rows);
  journal().AddHolds("nova", {"nova", "nova", "instances"}, {4, 5}, "asked for");
  journal().RemoveKept("nova", {"nova", "nova", "instances"}, {rows[2].key_hash});
  journal().AddKept("nova", {"nova", "nova", "instances"},
                    {{rows[3].key_hash, 0x123456789abcdef, batch}});
  EXPECT_THAT(journal().Check(), IsEmpty());
  const struct {
    const char* change;
    std::int64_t value;
  } cases[] = {{"UPDATE kept SET row_hash = {1} WHERE row_hash = {0}", 0x123456789abcdef},
               {"UPDATE kept SET key_hash = {1} WHERE key_hash = {0}", rows[0].key_hash},
               {"UPDATE holds SET key_hash = {1} WHERE key_hash = {0}", 4}};
  journal_.reset();
  for (const auto& [change, value] : cases) {
    for (int bit = 0; bit < 64; ++bit) {
      const auto flipped =
          static_cast<std::int64_t>(static_cast<std::uint64_t>(value) ^ (std::uint64_t{1} << bit));
      if (Refusal(fmt::format(fmt::runtime(change), value, flipped)) != "") continue;
      EXPECT_THAT(OpenError<IntegrityError>(), HasSubstr("nova.instances"))
          << change << ", bit " << bit;
      Sql(fmt::format(fmt::runtime(change), flipped, value));
    }
  }
  EXPECT_THAT(Open().Check(), IsEmpty());
}

TEST_F(JournalOpenTest, EveryTruncationIsFound) {
  const RunId run = BeginRun();
  const PassId pass = BeginPass(run);
  for (int i = 0; i < 50; ++i) AddBatch(pass);
  journal_.reset();
  const std::string whole = ReadFile();
  ASSERT_GT(whole.size(), 8u * 4096);
  for (std::size_t size = 1; size < whole.size(); size += 2048) {
    WriteFile(whole.substr(0, size));
    EXPECT_THAT(OpenError<IntegrityError>(), HasSubstr("journal"))
        << size << " of " << whole.size();
    EXPECT_THAT(hint_, HasSubstr("rebuild-journal"));
  }
}

TEST_F(JournalOpenTest, ADamagedPageIsFoundBeforeAnythingIsWritten) {
  const RunId run = BeginRun();
  const PassId pass = BeginPass(run);
  for (int i = 0; i < 50; ++i) AddBatch(pass);
  journal_.reset();
  const std::string whole = ReadFile();
  int found = 0;
  for (std::size_t page = 0; page < whole.size() / 4096; ++page) {
    std::string damaged = whole;
    std::fill_n(damaged.begin() + static_cast<std::ptrdiff_t>(page * 4096), 4096, '\x55');
    WriteFile(damaged);
    if (OpenError<IntegrityError>() != "opened") ++found;
  }
  EXPECT_EQ(found, static_cast<int>(whole.size() / 4096));
}

TEST_F(JournalOpenTest, TwoPagesInEachOthersPlaceAreFound) {
  const PassId pass = BeginPass(BeginRun());
  std::vector<KeptRow> rows;
  const BatchId batch = AddVerified(pass, Journal::Next::kKeep, 1000);
  for (int i = 0; i < 1000; ++i) rows.push_back({i * 7919, i, batch});
  journal().MarkKept(batch, rows);
  for (int i = 0; i < 200; ++i) AddBatch(pass);
  journal_.reset();
  const std::string whole = ReadFile();
  constexpr std::size_t kPage = 4096;
  ASSERT_GT(whole.size(), 40 * kPage);
  for (std::size_t first = 0; first + 2 * kPage <= whole.size(); first += kPage) {
    const std::string swapped = whole.substr(0, first) + whole.substr(first + kPage, kPage) +
                                whole.substr(first, kPage) + whole.substr(first + 2 * kPage);
    if (swapped == whole) continue;
    WriteFile(swapped);
    EXPECT_NE(OpenError<IntegrityError>(), "opened") << "page " << first / kPage + 1;
    EXPECT_THAT(hint_, HasSubstr("rebuild-journal"));
  }
}

TEST_F(JournalOpenTest, AnotherTextThanWasWrittenIsFound) {
  BeginPass(BeginRun());
  journal_.reset();
  const std::string whole = ReadFile();
  for (const std::string_view text : {"RegionOne\"}", "columns"}) {
    std::string damaged = whole;
    const std::size_t at = whole.find(text);
    ASSERT_NE(at, std::string::npos) << text;
    damaged[at] ^= 1;
    WriteFile(damaged);
    EXPECT_THAT(OpenError<IntegrityError>(), HasSubstr("not the one that was written")) << text;
    EXPECT_THAT(hint_, HasSubstr("rebuild-journal"));
  }
}

TEST_F(JournalOpenTest, ALogWithoutItsJournalIsDamage) {
  std::ofstream(path().string() + "-wal") << "left behind";
  EXPECT_THAT(OpenError<IntegrityError>(), HasSubstr("write-ahead log"));
  EXPECT_FALSE(fs::exists(path()));
}

TEST_F(JournalOpenTest, AnotherUsersJournalIsNotWritten) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  BeginRun();
  journal_.reset();
  ASSERT_EQ(::chown(path().c_str(), 2, 2), 0);
  const std::string error = OpenError<ConfigError>();
  EXPECT_THAT(error, HasSubstr("belongs to user bin"));
  EXPECT_THAT(error, HasSubstr("this is user root"));
  EXPECT_THAT(hint_, HasSubstr("run osarchiver as bin"));
  EXPECT_FALSE(fs::exists(path().string() + "-wal"));
  EXPECT_EQ(Open(OpenMode::kRead).ListRuns("", 10).size(), 1u);
}

TEST_F(JournalOpenTest, AReaderWritesNothing) {
  BeginRun();
  Open(OpenMode::kRead);
  EXPECT_EQ(journal_->ListRuns("", 10).size(), 1u);
  EXPECT_THROW(journal_->SetWaiting(1, "x"), StateError);
}

TEST_F(JournalOpenTest, AReaderSeesWhatARunningWriterWrote) {
  const RunId run = BeginRun();
  const auto reader = Journal::Open(path(), OpenMode::kRead);
  EXPECT_EQ(reader->ListRuns("", 10).size(), 1u);
  BeginPass(run);
  EXPECT_EQ(reader->ListPasses(run).size(), 1u);
}

// A reader in the middle of its reading never makes a writer wait.
TEST_F(JournalOpenTest, AReadersSnapshotHoldsNoWriterUp) {
  BeginRun();
  Database reader(path(), Database::Access::kRead);
  const Transaction snapshot(reader, Transaction::Kind::kRead);
  EXPECT_EQ(reader.QueryInt("SELECT count(*) FROM runs"), 1);
  const auto begin = std::chrono::steady_clock::now();
  BeginRun();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  EXPECT_EQ(reader.QueryInt("SELECT count(*) FROM runs"), 1);
}

// As monitoring sees it: another user, who may read the file and write nowhere.
TEST_F(JournalOpenTest, AnUnprivilegedReaderReadsWithAndWithoutAWriter) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  BeginRun();
  fs::permissions(directory_, fs::perms(0755));
  const auto read = [this] {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(1);
    const auto reader = Journal::Open(path(), OpenMode::kRead);
    ::_exit(reader->ListRuns("", 10).size() == 1 ? 0 : 2);
  };
  fs::permissions(path(), fs::perms(0644));
  for (const char* suffix : {"-wal", "-shm"})
    fs::permissions(path().string() + suffix, fs::perms(0644));
  EXPECT_EQ(InChild(read), 0) << "while a writer has it open";
  journal_.reset();
  EXPECT_FALSE(fs::exists(path().string() + "-wal"));
  EXPECT_EQ(InChild(read), 0) << "while nobody has it open";
  EXPECT_FALSE(fs::exists(path().string() + "-wal"));
}

TEST_F(JournalOpenTest, ACopyIsCompleteReadableAndAJournal) {
  const RunId run = BeginRun();
  BeginPass(run);
  const fs::path copy = directory_ / "copy.db";
  journal().CopyTo(copy, "test");
  BeginRun();
  journal().CopyTo(copy, "test");
  EXPECT_FALSE(fs::exists(copy.string() + "-wal"));
  const auto opened = Journal::Open(copy, OpenMode::kWrite);
  EXPECT_EQ(opened->id(), journal().id());
  EXPECT_EQ(opened->ListRuns("", 10).size(), 2u);
  EXPECT_THAT(opened->Check(), IsEmpty());
}

TEST_F(JournalOpenTest, ACopyReplacesWhatACopierThatWasKilledLeft) {
  BeginRun();
  const std::vector<std::string> left = {"copy.db.new-test", "copy.db.new-test-journal",
                                         "copy.db.new-test-wal", "copy.db.new-test-shm"};
  for (const std::string& name : left) std::ofstream(directory_ / name) << "half a copy";
  std::ofstream(directory_ / "copy.db.new-other") << "half a copy";
  journal().CopyTo(directory_ / "copy.db", "test");
  for (const std::string& name : left) EXPECT_FALSE(fs::exists(directory_ / name)) << name;
  EXPECT_TRUE(fs::exists(directory_ / "copy.db.new-other")) << "somebody may be writing it";
  EXPECT_THAT(Journal::Open(directory_ / "copy.db", OpenMode::kRead)->Check(), IsEmpty());
}

TEST_F(JournalOpenTest, ACopyThatFailsLeavesTheOldOneAndNoDebris) {
  BeginRun();
  EXPECT_THROW(journal().CopyTo(directory_ / "missing" / "copy.db", "test"), IoError);
  fs::create_directory(directory_ / "taken");
  EXPECT_THROW(journal().CopyTo(directory_ / "taken", "test"), IoError);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory_))
    names.push_back(entry.path().filename());
  EXPECT_THAT(names,
              testing::UnorderedElementsAre("state.db", "state.db-wal", "state.db-shm", "taken"));
}

TEST_F(JournalOpenTest, CheckFindsWhatTriggersWouldHaveRefused) {
  const RunId run = BeginRun();
  const PassId pass = BeginPass(run);
  AddVerified(pass, Journal::Next::kKeep);
  Sql("DROP TRIGGER copies_last; DELETE FROM copies; UPDATE passes SET rows_verified = 99;");
  EXPECT_THAT(journal().Check(), testing::UnorderedElementsAre(HasSubstr("has no copy"),
                                                               HasSubstr("counts of table pass")));
}

TEST_F(JournalOpenTest, BusyTimeGrows) {
  Journal& journal = Open();
  const auto before = journal.busy_time();
  BeginRun();
  EXPECT_GT(journal.busy_time(), before);
}

}  // namespace
}  // namespace osarchiver
