// What several processes and threads do to one journal, and what is left when one of them dies.
#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <thread>

#include "tests/unit/state/journal_fixture.h"
#include "util/failpoint.h"

namespace osarchiver {
namespace {

using testing::IsEmpty;

class JournalProcessesTest : public JournalTest {
 protected:
  // In a child: dies at the n-th time that it reaches the failpoint.
  static void ArmFailpoint(const std::string& text) {
    ::setenv("OSARCHIVER_FAILPOINTS", text.c_str(), 1);
    LoadFailpoints();
  }
  // The life of one batch, with a segment and a kept row.
  void LiveOneBatch(PassId pass) {
    const SegmentId segment = AddSegment(pass);
    const BatchId batch = AddBatch(pass);
    journal().MarkArchived({{batch, {NextFrame(segment), InDatabase()}}});
    journal().MarkVerified({batch}, Journal::Next::kDelete);
    journal().MarkDeleted({{batch, {8, 0, 0, 2}, Rows(batch, 1, 2)}});
    journal().MarkSealing(segment);
    journal().MarkSealed(segment, 150, std::string(64, 'a'), "f");
  }
  static constexpr int kCommitsOfOneLife = 7;
};

TEST_F(JournalProcessesTest, AJournalThatManyCreateAtOnceIsOne) {
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    children.push_back(Fork([&] {
      runs_ = 100 * i;
      BeginRun("archiver" + std::to_string(i));
    }));
  }
  for (const pid_t child : children) EXPECT_EQ(Wait(child), 0);
  EXPECT_EQ(Open().ListRuns("", 100).size(), 8u);
  EXPECT_THAT(journal().Check(), IsEmpty());
}

TEST_F(JournalProcessesTest, TwoArchiversWriteSideBySide) {
  Open();
  journal_.reset();
  constexpr int kBatches = 25;
  std::vector<pid_t> children;
  for (int i = 0; i < 3; ++i) {
    children.push_back(Fork([&] {
      runs_ = 1000 * i;
      const PassId pass = BeginPass(BeginRun("archiver" + std::to_string(i)));
      for (int batch = 0; batch < kBatches; ++batch) LiveOneBatch(pass);
    }));
  }
  for (const pid_t child : children) EXPECT_EQ(Wait(child), 0);
  Open();
  for (int i = 0; i < 3; ++i) {
    const auto runs = journal().ListRuns("archiver" + std::to_string(i), 10);
    ASSERT_EQ(runs.size(), 1u);
    EXPECT_EQ(journal().ListPasses(runs[0].id).at(0).counts.deleted, 8u * kBatches);
  }
  EXPECT_THAT(journal().Check(), IsEmpty());
}

TEST_F(JournalProcessesTest, ThreadsOfOneRunShareAJournal) {
  const RunId run = BeginRun();
  const PassId pass = BeginPass(run);
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const auto passes = journal().ListPasses(run);
        EXPECT_EQ(passes.at(0).counts.deleted % 8, 0u);
        (void)journal().FindKept("nova", passes[0].key, {1, 2, 3});
        (void)journal().UnsettledBatches(pass);
      }
    });
  }
  for (int i = 0; i < 20; ++i) LiveOneBatch(pass);
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(CountsOf(pass).deleted, 160u);
}

TEST_F(JournalProcessesTest, AtRestIsWhatNobodyHasOpen) {
  EXPECT_FALSE(Journal::IsAtRest(path())) << "there is none";
  BeginRun();
  journal_.reset();
  EXPECT_TRUE(Journal::IsAtRest(path()));
  // Leaves an empty log behind, for it may not remove what belongs to a writer.
  EXPECT_EQ(InChild([&] { (void)Open(OpenMode::kRead).ListRuns("", 10); }), 0);
  EXPECT_TRUE(Journal::IsAtRest(path())) << "somebody read it";

  int opened[2], done[2];
  ASSERT_EQ(::pipe(opened), 0);
  ASSERT_EQ(::pipe(done), 0);
  char byte = 0;
  const pid_t writer = Fork([&] {
    Open();
    (void)!::write(opened[1], "o", 1);
    (void)!::read(done[0], &byte, 1);
  });
  ASSERT_EQ(::read(opened[0], &byte, 1), 1);
  EXPECT_FALSE(Journal::IsAtRest(path())) << "open for writing, nothing written";
  ASSERT_EQ(::write(done[1], "d", 1), 1);
  EXPECT_EQ(Wait(writer), 0);
  EXPECT_TRUE(Journal::IsAtRest(path()));

  EXPECT_NE(InChild([&] {
              BeginRun();
              ::kill(::getpid(), SIGKILL);
            }),
            0);
  EXPECT_FALSE(Journal::IsAtRest(path())) << "what a killed one committed is in the log";
  for (const int end : {opened[0], opened[1], done[0], done[1]}) ::close(end);
}

TEST_F(JournalProcessesTest, AKilledProcessLeavesEveryStepWholeOrUndone) {
  for (const bool after : {false, true}) {
    for (int commit = 1; commit <= kCommitsOfOneLife; ++commit) {
      SCOPED_TRACE((after ? "after commit " : "before commit ") + std::to_string(commit));
      const PassId pass = BeginPass(BeginRun());
      journal_.reset();
      const int status = InChild([&] {
        Open();
        ArmFailpoint(std::string(after ? "journal-commit-after" : "journal-commit-before") +
                     "=kill@" + std::to_string(commit));
        LiveOneBatch(pass);
      });
      ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
      const int done = after ? commit : commit - 1;
      Open();
      EXPECT_THAT(journal().Check(), IsEmpty());
      const auto segments = journal().ListSegments(pass);
      const auto batches = journal().ListBatches(pass);
      ASSERT_EQ(segments.size(), done >= 1 ? 1u : 0u);
      ASSERT_EQ(batches.size(), done >= 2 ? 1u : 0u);
      if (done >= 2) {
        const BatchState expected[] = {BatchState::kExtracted, BatchState::kArchived,
                                       BatchState::kVerified, BatchState::kDeleted};
        EXPECT_EQ(batches[0].state, expected[std::min(done, 5) - 2]);
        EXPECT_EQ(batches[0].delete_begun, done >= 4);
        EXPECT_EQ(batches[0].copies.size(), done >= 3 ? 2u : 0u);
      }
      if (done >= 1) {
        const SegmentState expected = done >= 7   ? SegmentState::kSealed
                                      : done == 6 ? SegmentState::kSealing
                                                  : SegmentState::kOpen;
        EXPECT_EQ(segments[0].state, expected);
        EXPECT_EQ(segments[0].length, done >= 7 ? 150u : done >= 3 ? 100u : 0u);
      }
    }
  }
}

TEST_F(JournalProcessesTest, AKilledCreatorLeavesNoJournal) {
  for (const char* point :
       {"journal-commit-before=kill", "journal-commit-after=kill@1", "file-write-before=kill",
        "file-sync-before=kill", "file-remove-before=kill", "directory-sync-before=kill"}) {
    SCOPED_TRACE(point);
    std::filesystem::remove(path());
    const int status = InChild([&] {
      ArmFailpoint(point);
      Open();
    });
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_TRUE(Open().empty());
    EXPECT_THAT(journal().Check(), IsEmpty());
    journal_.reset();
  }
}

TEST_F(JournalProcessesTest, AFailedStepLeavesTheJournalUsable) {
  const PassId pass = BeginPass(BeginRun());
  journal_.reset();
  EXPECT_EQ(InChild([&] {
              Open();
              ArmFailpoint("journal-commit-before=throw@1");
              try {
                AddBatch(pass);
                ::_exit(1);
              } catch (const Error&) {
              }
              if (!journal().ListBatches(pass).empty()) ::_exit(2);
              AddBatch(pass);
              if (journal().ListBatches(pass).size() != 1) ::_exit(3);
            }),
            0);
}

// The disk is full: as SQLite answers when the file may not grow.
TEST_F(JournalProcessesTest, AFullDiskIsAnErrorWithAHintAndNothingIsHalfDone) {
  const PassId pass = BeginPass(BeginRun());
  journal_.reset();
  const int status = InChild([&] {
    Open();
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{256 * 1024, 256 * 1024};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; i < 10000; ++i) {
      try {
        AddBatch(pass);
      } catch (const StateError& error) {
        const bool named = std::string(error.what()).find("state.db") != std::string::npos;
        ::_exit(named && !error.hint().empty() ? 7 : 8);
      }
    }
  });
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_THAT(Open().Check(), IsEmpty());
  EXPECT_NO_THROW(AddBatch(pass));
}

}  // namespace
}  // namespace osarchiver
