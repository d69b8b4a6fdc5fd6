#include <random>

#include "tests/unit/state/journal_fixture.h"

namespace osarchiver {
namespace {

using testing::IsEmpty;

class JournalBatchesTest : public JournalTest {
 protected:
  void SetUp() override { pass_ = BeginPass(BeginRun()); }
  const PassKey key_{"nova", "nova", "instances"};
  PassId pass_ = 0;
};

TEST_F(JournalBatchesTest, EverythingOfABatchComesBack) {
  NewBatch batch;
  batch.number = 3;
  batch.unit = 9;
  batch.rows = 42;
  batch.bytes = 4200;
  for (std::size_t i = 0; i < batch.digest.size(); ++i)
    batch.digest[i] = static_cast<unsigned char>(i);
  batch.first_key = std::string("\0\xff", 2);
  batch.last_key = std::string();
  const BatchId id = journal().AddBatches({{pass_, batch}}).at(0);
  const SegmentId segment = AddSegment(pass_);
  journal().MarkArchived({{id, {InDatabase(), NextFrame(segment)}}});
  Open();
  const BatchInfo info = *journal().FindBatch(id);
  EXPECT_EQ(info.id, id);
  EXPECT_EQ(info.pass, pass_);
  EXPECT_EQ(info.batch.number, 3u);
  EXPECT_EQ(info.batch.unit, 9u);
  EXPECT_EQ(info.batch.rows, 42u);
  EXPECT_EQ(info.batch.bytes, 4200u);
  EXPECT_EQ(info.batch.digest, batch.digest);
  EXPECT_EQ(info.batch.first_key, batch.first_key);
  EXPECT_EQ(info.batch.last_key, "");
  EXPECT_EQ(info.state, BatchState::kArchived);
  ASSERT_EQ(info.copies.size(), 2u);
  const bool database_first = info.copies[0].segment == 0;
  const CopyLocation& copy = info.copies[database_first ? 1 : 0];
  EXPECT_EQ(copy.target, (CopyTarget{"files", "sql"}));
  EXPECT_EQ(copy.segment, segment);
  EXPECT_EQ(copy.offset, 10u);
  EXPECT_EQ(copy.frame_bytes, 80u);
  EXPECT_EQ(copy.end, 100u);
  EXPECT_EQ(journal().FindSegment(segment)->length, 100u);
}

TEST_F(JournalBatchesTest, UnsettledBatchesAreThoseInFlight) {
  const BatchId extracted = AddBatch(pass_);
  const BatchId archived = AddBatch(pass_);
  journal().MarkArchived({{archived, {InDatabase()}}});
  const BatchId verified = AddVerified(pass_, Journal::Next::kDelete);
  const BatchId kept = AddVerified(pass_, Journal::Next::kKeep);
  journal().MarkKept(kept, Rows(kept, 1, 10));
  const BatchId deleted = AddVerified(pass_, Journal::Next::kDelete);
  journal().MarkDeleted({{deleted, {10, 0, 0, 0}, {}}});
  const BatchId forgotten = AddBatch(pass_);
  journal().MarkForgotten(forgotten);
  std::vector<BatchId> ids;
  for (const BatchInfo& batch : Open().UnsettledBatches(pass_)) ids.push_back(batch.id);
  EXPECT_THAT(ids, testing::ElementsAre(extracted, archived, verified));
  EXPECT_EQ(journal().ListBatches(pass_).size(), 6u);
  EXPECT_TRUE(journal().FindBatch(kept)->settled);
}

// Each sync that is made for its own sake is counted in the journal.
TEST_F(JournalBatchesTest, WhatIsAskedForIsSyncedOnce) {
  const auto syncs = [this] { return SqlInt("SELECT count FROM syncs"); };
  const BatchId first = AddBatch(pass_);
  const std::int64_t before = syncs();
  journal().EnsureDurable(first);
  EXPECT_EQ(syncs(), before + 1) << "it was only committed";
  journal().EnsureDurable(first);
  EXPECT_EQ(syncs(), before + 1) << "nothing new was said of it";

  journal().MarkArchived({{first, {InDatabase()}}});
  journal().MarkVerified({first}, Journal::Next::kDelete);
  const BatchId second = AddBatch(pass_);
  journal().EnsureDurable(first);
  EXPECT_EQ(syncs(), before + 2) << "verified, and not durable before its rows are deleted";
  journal().EnsureDurable(second);
  EXPECT_EQ(syncs(), before + 2) << "what came before went with it";

  journal().MarkArchived({{second, {InDatabase()}}});
  journal().MarkVerified({second}, Journal::Next::kDelete);
  (void)BeginRun("glance");
  journal().EnsureDurable(second);
  EXPECT_EQ(syncs(), before + 2) << "another call has synced since";
}

// What all destinations announce costs one sync, and not one each.
TEST_F(JournalBatchesTest, SegmentsAreSyncedTogetherWithTheBatchThatTheyAreMadeFor) {
  const auto syncs = [this] { return SqlInt("SELECT count FROM syncs"); };
  const SegmentId sql = AddSegment(pass_, "sql");
  const SegmentId csv = AddSegment(pass_, "csv");
  const BatchId batch = AddBatch(pass_);
  const std::int64_t before = syncs();
  journal().EnsureDurable(batch);
  EXPECT_EQ(syncs(), before + 1);
  journal().EnsureSegmentDurable(sql);
  journal().EnsureSegmentDurable(csv);
  EXPECT_EQ(syncs(), before + 1) << "what came before the batch went with it";

  journal().MarkArchived({{batch, {NextFrame(sql), NextFrame(csv)}}});
  journal().MarkVerified({batch}, Journal::Next::kKeep);
  journal().MarkSealing(sql);
  journal().MarkSealing(csv);
  journal().EnsureSegmentDurable(sql);
  EXPECT_EQ(syncs(), before + 2) << "sealing, and not durable before the footer is written";
  journal().MarkSealed(sql, 150, Sha(), Sha());
  journal().EnsureSegmentDurable(csv);
  EXPECT_EQ(syncs(), before + 2) << "what was said of another segment since does not matter";
}

TEST_F(JournalBatchesTest, CountsFollowTheStates) {
  const BatchId batch = AddBatch(pass_, 100);
  EXPECT_EQ(CountsOf(pass_).extracted, 100u);
  EXPECT_EQ(CountsOf(pass_).batches_extracted, 1u);
  EXPECT_EQ(CountsOf(pass_).bytes, 0u);
  journal().MarkArchived({{batch, {InDatabase()}}});
  EXPECT_EQ(CountsOf(pass_).extracted, 0u);
  EXPECT_EQ(CountsOf(pass_).archived, 100u);
  EXPECT_EQ(CountsOf(pass_).bytes, 10000u);
  journal().MarkVerified({batch}, Journal::Next::kDelete);
  EXPECT_EQ(CountsOf(pass_).verified, 100u);
  journal().MarkDeleted({{batch, {90, 5, 2, 3}, Rows(batch, 1, 5)}});
  const PassCounts counts = Open().FindPass(pass_)->counts;
  EXPECT_EQ(counts.verified, 0u);
  EXPECT_EQ(counts.deleted, 90u);
  EXPECT_EQ(counts.absent, 5u);
  EXPECT_EQ(counts.changed, 2u);
  EXPECT_EQ(counts.blocked, 3u);
  EXPECT_EQ(counts.kept, 0u);
  EXPECT_EQ(counts.bytes, 10000u);
  EXPECT_EQ(counts.batches_deleted, 1u);
  EXPECT_EQ(counts.batches_verified, 0u);
  EXPECT_THAT(journal().Check(), IsEmpty());
}

TEST_F(JournalBatchesTest, AForgottenBatchCountsNowhere) {
  const BatchId batch = AddVerified(pass_, Journal::Next::kKeep);
  journal().MarkKept(batch, Rows(batch, 1, 10));
  EXPECT_EQ(CountsOf(pass_).kept, 10u);
  journal().MarkForgotten(batch);
  const PassCounts counts = CountsOf(pass_);
  EXPECT_EQ(counts.verified + counts.kept + counts.bytes + counts.batches_verified, 0u);
  EXPECT_EQ(journal().CountKept("nova", key_), 0u);
  EXPECT_FALSE(journal().FindKept("nova", key_, {1}).at(0));
  EXPECT_THAT(journal().Check(), IsEmpty());
}

TEST_F(JournalBatchesTest, AKeptBatchIsNotDeletedAsAWhole) {
  const BatchId batch = AddVerified(pass_, Journal::Next::kKeep);
  journal().MarkKept(batch, Rows(batch, 1, 10));
  EXPECT_THROW(journal().MarkDeleted({{batch, {10, 0, 0, 0}, {}}}), StateError);
}

}  // namespace
}  // namespace osarchiver
