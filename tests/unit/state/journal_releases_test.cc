#include "tests/unit/state/journal_fixture.h"

namespace osarchiver {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class JournalReleasesTest : public JournalTest {
 protected:
  void SetUp() override {
    pass_ = BeginPass(BeginRun());
    run_tonight_ = BeginRun();
    tonight_ = BeginPass(run_tonight_);
  }
  static std::vector<std::int64_t> Keys(std::int64_t first, std::int64_t count) {
    std::vector<std::int64_t> keys;
    for (std::int64_t i = 0; i < count; ++i) keys.push_back(first + i);
    return keys;
  }
  ReleaseId Begin(BatchId batch, const std::vector<std::int64_t>& keys, std::uint64_t unit = 0) {
    return journal().BeginReleases({{tonight_, batch, unit, keys}}).at(0);
  }
  void Release(BatchId batch, const DeleteCounts& counts, const std::vector<std::int64_t>& gone) {
    journal().AddReleased(Begin(batch, gone.empty() ? Keys(1, 1) : gone), counts, gone);
  }
  BatchId AddKept(std::int64_t rows) {
    const BatchId batch =
        AddVerified(pass_, Journal::Next::kKeep, static_cast<std::uint64_t>(rows));
    journal().MarkKept(batch, Rows(batch, 1, rows));
    return batch;
  }
  // Past the calls: what the database itself answers.
  std::string RefusedBySql(PassId by, BatchId batch, const std::string& key_hashes) {
    return Refusal("INSERT INTO releases (pass_id, batch_id, unit, key_hashes) VALUES (" +
                   std::to_string(by) + ", " + std::to_string(batch) + ", 0, " + key_hashes + ")");
  }

  const PassKey key_{"nova", "nova", "instances"};
  PassId pass_ = 0;
  RunId run_tonight_ = 0;
  PassId tonight_ = 0;
};

TEST_F(JournalReleasesTest, WhatWasBegunIsThereUntilItsAnswerIs) {
  const BatchId batch = AddKept(10);
  const ReleaseId first = Begin(batch, {3, -7, 9}, 12);
  const ReleaseId second = Begin(batch, {4});
  EXPECT_TRUE(journal().FindBatch(batch)->delete_begun);
  const std::vector<ReleaseInfo> open = Open().OpenReleases(tonight_);
  ASSERT_EQ(open.size(), 2u);
  EXPECT_EQ(open[0].id, first);
  EXPECT_EQ(open[0].release.by, tonight_);
  EXPECT_EQ(open[0].release.batch, batch);
  EXPECT_EQ(open[0].release.unit, 12u);
  EXPECT_EQ(open[0].release.key_hashes, (std::vector<std::int64_t>{3, -7, 9}));
  EXPECT_EQ(open[1].release.unit, 0u);
  journal().AddReleased(first, {3, 0, 0, 0}, {3, 9});
  EXPECT_THROW(journal().AddReleased(first, {3, 0, 0, 0}, {3, 9}), StateError);
  ASSERT_EQ(journal().OpenReleases(tonight_).size(), 1u);
  journal().DropRelease(second);
  EXPECT_THAT(journal().OpenReleases(tonight_), IsEmpty());
  EXPECT_EQ(journal().CountKept("nova", key_), 8u);
  EXPECT_THAT(journal().Check(), IsEmpty());
}

TEST_F(JournalReleasesTest, ARunIsNotSettledBeforeItsReleases) {
  const ReleaseId release = Begin(AddKept(10), {1});
  journal().FinishRun(run_tonight_, RunState::kInterrupted, 5, "");
  EXPECT_THROW(journal().MarkRunSettled(run_tonight_), StateError);
  journal().AddReleased(release, {1, 0, 0, 0}, {1});
  journal().MarkRunSettled(run_tonight_);
}

TEST_F(JournalReleasesTest, AReleasedBatchIsNotForgotten) {
  const BatchId batch = AddKept(10);
  (void)Begin(batch, {1});
  EXPECT_THROW(journal().MarkForgotten(batch), StateError);
}

TEST_F(JournalReleasesTest, WhatNoReleaseCanBeIsRefused) {
  const BatchId batch = AddKept(10);
  EXPECT_THROW((void)Begin(batch, Keys(1, 11)), StateError);
  EXPECT_THROW((void)Begin(batch, {}), StateError);
  // Its deletion was not begun.
  EXPECT_THAT(RefusedBySql(tonight_, batch, "x'0000000000000001'"),
              HasSubstr("deletion was begun"));
  (void)Begin(batch, {1});
  EXPECT_EQ(RefusedBySql(tonight_, batch, "x'0000000000000001'"), "");
  EXPECT_THAT(RefusedBySql(tonight_, batch, "x'00'"), HasSubstr("CHECK"));
  const PassId other = BeginPass(run_tonight_, "volumes");
  EXPECT_THAT(RefusedBySql(other, batch, "x'0000000000000001'"), HasSubstr("own table"));
  EXPECT_THAT(Refusal("UPDATE releases SET unit = 3"), HasSubstr("never changes"));
  journal().FinishRun(run_tonight_, RunState::kFailed, 1, "");
  EXPECT_THROW((void)Begin(batch, {2}), StateError);
}

TEST_F(JournalReleasesTest, AKeptBatchIsDeletedPieceByPiece) {
  const BatchId batch = AddVerified(pass_, Journal::Next::kKeep, 10);
  journal().MarkKept(batch, Rows(batch, 1, 10));
  Release(batch, {4, 1, 0, 2}, Keys(1, 5));
  BatchInfo info = *Open().FindBatch(batch);
  EXPECT_EQ(info.state, BatchState::kVerified);
  EXPECT_TRUE(info.settled);
  EXPECT_TRUE(info.delete_begun);
  EXPECT_EQ(CountsOf(pass_).deleted, 4u);
  EXPECT_EQ(CountsOf(pass_).kept, 5u);
  EXPECT_EQ(CountsOf(tonight_).released_deleted, 4u);
  EXPECT_EQ(CountsOf(tonight_).released_absent, 1u);
  EXPECT_EQ(journal().CountKept("nova", key_), 5u);
  Release(batch, {5, 0, 0, 0}, Keys(6, 5));
  info = *journal().FindBatch(batch);
  EXPECT_EQ(info.state, BatchState::kDeleted);
  EXPECT_FALSE(info.settled);
  EXPECT_EQ(CountsOf(pass_).deleted, 9u);
  EXPECT_EQ(CountsOf(pass_).absent, 1u);
  EXPECT_EQ(CountsOf(pass_).changed, 0u);
  EXPECT_EQ(CountsOf(pass_).kept, 0u);
  EXPECT_EQ(CountsOf(tonight_).released_deleted, 9u);
  EXPECT_THAT(journal().Check(), IsEmpty());
}

TEST_F(JournalReleasesTest, RowsOfAKeptBatchThatWereArchivedAnewCountAsChanged) {
  const BatchId old = AddVerified(pass_, Journal::Next::kKeep, 3);
  journal().MarkKept(old, Rows(old, 1, 3));
  const BatchId anew = AddVerified(pass_, Journal::Next::kKeep, 1);
  journal().MarkKept(anew, {{2, 77, anew}});
  EXPECT_EQ(journal().CountKept("nova", key_), 3u);
  EXPECT_EQ(CountsOf(pass_).kept, 3u);
  Release(old, {2, 0, 0, 0}, {1, 3});
  EXPECT_EQ(StateOf(old), BatchState::kDeleted);
  EXPECT_EQ(CountsOf(pass_).changed, 1u);
  EXPECT_EQ(journal().FindKept("nova", key_, {2}).at(0), (KeptRow{2, 77, anew}));
  EXPECT_THAT(journal().Check(), IsEmpty());
}

TEST_F(JournalReleasesTest, BlockedRowsOfADeletedBatchAreDeletedLater) {
  const BatchId batch = AddVerified(pass_, Journal::Next::kDelete, 10);
  journal().MarkDeleted({{batch, {7, 0, 1, 2}, Rows(batch, 1, 3)}});
  Release(batch, {1, 0, 0, 1}, {1});
  EXPECT_EQ(CountsOf(pass_).deleted, 8u);
  EXPECT_EQ(CountsOf(pass_).blocked, 1u);
  EXPECT_EQ(CountsOf(pass_).changed, 1u);
  Release(batch, {1, 1, 0, 0}, {2, 3});
  EXPECT_EQ(CountsOf(pass_).deleted, 9u);
  EXPECT_EQ(CountsOf(pass_).absent, 1u);
  EXPECT_EQ(CountsOf(pass_).blocked + CountsOf(pass_).changed, 0u);
  EXPECT_EQ(journal().CountKept("nova", key_), 0u);
  EXPECT_THAT(journal().Check(), IsEmpty());
}

TEST_F(JournalReleasesTest, RowsThatWerePutBackAreCountedOnce) {
  const BatchId batch = AddVerified(pass_, Journal::Next::kDelete, 10);
  journal().MarkDeleted({{batch, {10, 0, 0, 0}, {}}});
  journal().AddKept("nova", key_, Rows(batch, 1, 4));
  EXPECT_EQ(journal().CountKept("nova", key_), 4u);
  Release(batch, {3, 1, 0, 0}, Keys(1, 4));
  EXPECT_EQ(CountsOf(pass_).deleted, 9u);
  EXPECT_EQ(CountsOf(pass_).absent, 1u);
  EXPECT_THAT(journal().Check(), IsEmpty());
}

TEST_F(JournalReleasesTest, OnlyBatchesWithKeptRowsAreReleased) {
  EXPECT_THROW(Release(AddBatch(pass_), {1, 0, 0, 0}, {}), StateError);
  EXPECT_THROW(Release(AddVerified(pass_, Journal::Next::kDelete), {1, 0, 0, 0}, {}), StateError);
  const BatchId batch = AddVerified(pass_, Journal::Next::kDelete);
  journal().MarkDeleted({{batch, {10, 0, 0, 0}, {}}});
  EXPECT_THROW(Release(batch, {11, 0, 0, 0}, {}), StateError);
}

}  // namespace
}  // namespace osarchiver
