// In which order a batch goes to its destinations.
#include "engine/pass_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <mutex>

namespace osarchiver {
namespace {

using std::chrono::seconds;

// What the writers of a test saw.
class Record {
 public:
  void Say(const std::string& what) {
    const std::lock_guard lock(mutex_);
    said_.push_back(what);
    changed_.notify_all();
  }
  // False when nobody said it in time.
  bool WaitFor(const std::string& what) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, seconds(20), [&] {
      return std::find(said_.begin(), said_.end(), what) != said_.end();
    });
  }
  std::vector<std::string> said() {
    const std::lock_guard lock(mutex_);
    return said_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> said_;
};

// Says what is done at it; what it does when a batch is stored is the test's.
class FakeDestination : public Destination {
 public:
  FakeDestination(std::string name, bool may_conflict, Record& record, std::function<void()> store)
      : target_{std::move(name), ""},
        may_conflict_(may_conflict),
        record_(record),
        store_(std::move(store)) {}
  const CopyTarget& target() const override { return target_; }
  bool may_conflict() const override { return may_conflict_; }
  std::unique_ptr<TableWriter> OpenTable(const PassContext&, Journal&) override {
    return std::make_unique<Writer>(*this);
  }
  std::vector<std::string> Check(const RunContext&, const Journal*) override { return {}; }
  void Open(const RunContext&, Journal&) override {}
  Hash ReadBack(const CopyReference&, const TableDefinition&, Journal&, const DigestedRows*,
                RowBatch*) override {
    return {};
  }
  std::vector<std::string> FindUnknown(const RunInfo&, Journal&) override { return {}; }
  Survey SurveyPass(const RunInfo&, const PassInfo&, Journal&) override { return {}; }
  bool PutDamagedAside(Journal&) override { return false; }
  void CloseInterrupted(const RunInfo&, const PassInfo&, Journal&) override {}
  std::vector<VerifyFinding> Verify(const RunInfo&, const PassInfo&, Journal&, double,
                                    std::uint64_t) override {
    return {};
  }
  Inventory TakeInventory(const std::string&, const std::string&) override { return {}; }
  void Quarantine(const CopyLocation&, Journal&) override {}
  void FinishRun(const RunContext&, Journal&) override {}

 private:
  class Writer : public TableWriter {
   public:
    explicit Writer(FakeDestination& destination) : destination_(destination) {}
    void Announce() override { Say("announced"); }
    CopyLocation Store(const BatchToStore&) override {
      Say("begun");
      destination_.store_();
      Say("stored");
      return {destination_.target_, 0, 0, 0, 0};
    }
    void AnnounceSeal() override { Say("seal announced"); }
    void Seal() override { Say("sealed"); }

   private:
    void Say(const std::string& what) {
      destination_.record_.Say(destination_.target_.destination + " " + what);
    }
    FakeDestination& destination_;
  };

  CopyTarget target_;
  bool may_conflict_;
  Record& record_;
  std::function<void()> store_;
};

class PassArchiveTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "pass-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    journal_ = Journal::Open(directory_ / "state.db", OpenMode::kWrite);
    batch_.number = 1;
  }
  void TearDown() override {
    journal_.reset();
    std::filesystem::remove_all(directory_);
  }
  void Add(
      const std::string& name, bool may_conflict, std::function<void()> store = [] {}) {
    owned_.push_back(
        std::make_unique<FakeDestination>(name, may_conflict, record_, std::move(store)));
    destinations_.push_back(owned_.back().get());
  }
  PassArchive Archive() { return {*journal_, destinations_, PassContext()}; }

  std::filesystem::path directory_;
  std::unique_ptr<Journal> journal_;
  Record record_;
  std::vector<std::unique_ptr<FakeDestination>> owned_;
  Destinations destinations_;
  BatchToStore batch_;
};

TEST_F(PassArchiveTest, AllAreAnnouncedBeforeOneIsStoredOrSealed) {
  Add("database", true);
  Add("files", false);
  PassArchive archive = Archive();
  archive.Announce();
  (void)archive.Store(batch_);
  archive.Seal();
  EXPECT_THAT(record_.said(),
              testing::ElementsAre("database announced", "files announced", "database begun",
                                   "database stored", "files begun", "files stored",
                                   "database seal announced", "files seal announced",
                                   "database sealed", "files sealed"));
}

TEST_F(PassArchiveTest, FilesAreStoredSideBySide) {
  bool sql_saw_csv = false, csv_saw_sql = false;
  Add("sql", false, [&] { sql_saw_csv = record_.WaitFor("csv begun"); });
  Add("csv", false, [&] { csv_saw_sql = record_.WaitFor("sql begun"); });
  const std::vector<CopyLocation> copies = Archive().Store(batch_);
  EXPECT_TRUE(sql_saw_csv && csv_saw_sql) << "one waited for the other to end";
  ASSERT_EQ(copies.size(), 2u);
  EXPECT_EQ(copies[0].target.destination, "sql");
  EXPECT_EQ(copies[1].target.destination, "csv");
}

// The other rows of a batch that a database refuses go on as another batch.
TEST_F(PassArchiveTest, NoFileIsWrittenWhenADatabaseHasAConflict) {
  Add("first", true);
  Add("second", true, [] { throw BatchConflict("somebody else's row", {0}); });
  Add("sql", false);
  Add("csv", false);
  PassArchive archive = Archive();
  EXPECT_THROW((void)archive.Store(batch_), BatchConflict);
  EXPECT_THAT(record_.said(), testing::ElementsAre("first begun", "first stored", "second begun"));
}

TEST_F(PassArchiveTest, AFailureWaitsForTheOthersAndIsTheFirstDestinations) {
  Add("sql", false, [&] {
    (void)record_.WaitFor("csv begun");
    throw IoError(28, "sql's disk is full");
  });
  Add("csv", false, [&] {
    (void)record_.WaitFor("sql begun");
    throw IoError(28, "csv's disk is full");
  });
  Add("json", false);
  try {
    (void)Archive().Store(batch_);
    FAIL();
  } catch (const IoError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("sql's disk"));
  }
  EXPECT_THAT(record_.said(), testing::Contains("json stored"));
}

}  // namespace
}  // namespace osarchiver
