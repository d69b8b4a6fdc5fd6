// Every transition of a batch, legal and illegal, through the journal's calls and past them.
#include <set>

#include "tests/unit/state/transitions_fixture.h"

namespace osarchiver {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using BatchTransitionsTest = TransitionsTest;

TEST_F(BatchTransitionsTest, EachCallTakesABatchOnlyFromItsState) {
  struct Step {
    const char* name;
    std::set<BatchState> from;
    BatchState to;
    std::function<void(BatchId)> call;
  };
  const Step steps[] = {
      {"MarkArchived",
       {BatchState::kExtracted},
       BatchState::kArchived,
       [&](BatchId batch) {
         journal().MarkArchived({{batch, {InDatabase()}}});
       }},
      {"MarkVerified, delete",
       {BatchState::kArchived, BatchState::kVerified},
       BatchState::kVerified,
       [&](BatchId batch) { journal().MarkVerified({batch}, Journal::Next::kDelete); }},
      {"MarkVerified, keep",
       {BatchState::kArchived, BatchState::kVerified},
       BatchState::kVerified,
       [&](BatchId batch) { journal().MarkVerified({batch}, Journal::Next::kKeep); }},
      {"MarkKept",
       {BatchState::kVerified},
       BatchState::kVerified,
       [&](BatchId batch) { journal().MarkKept(batch, {}); }},
      {"MarkDeleted",
       {BatchState::kVerified},
       BatchState::kDeleted,
       [&](BatchId batch) {
         journal().MarkDeleted({{batch, {7, 1, 1, 1}, {}}});
       }},
      {"MarkDeletedUnarchived",
       {BatchState::kExtracted},
       BatchState::kDeleted,
       [&](BatchId batch) {
         journal().MarkDeletedUnarchived({batch, {10, 0, 0, 0}, {}});
       }},
      {"MarkForgotten",
       {BatchState::kExtracted, BatchState::kArchived, BatchState::kVerified},
       BatchState::kForgotten,
       [&](BatchId batch) { journal().MarkForgotten(batch); }},
  };
  for (const Step& step : steps) {
    for (BatchState from : kBatchStates) {
      SCOPED_TRACE(std::string(step.name) + " from " + std::string(ToText(from)));
      const BatchId batch = BatchIn(from);
      Open();
      if (step.from.contains(from)) {
        EXPECT_NO_THROW(step.call(batch));
        Open();
        EXPECT_EQ(StateOf(batch), step.to);
      } else {
        EXPECT_THROW(step.call(batch), StateError);
        EXPECT_EQ(StateOf(batch), from);
      }
    }
  }
  EXPECT_THAT(journal().Check(), IsEmpty());
}

TEST_F(BatchTransitionsTest, NoBatchTransitionButTheLegalOnesCanBeWritten) {
  for (BatchState from : kBatchStates) {
    for (BatchState to : kBatchStates) {
      SCOPED_TRACE(std::string(ToText(from)) + " -> " + std::string(ToText(to)));
      const BatchId batch = BatchIn(from);
      // With everything else as the new state wants it, and as the old one had it.
      std::string dressed = "state = '" + std::string(ToText(to)) + "'";
      const std::string plain = dressed;
      if (to == BatchState::kDeleted) dressed += ", delete_begun = 1, deleted = 10";
      const bool legal = from == to || (MayFollow(from, to) && from != BatchState::kExtracted) ||
                         (from == BatchState::kExtracted && to == BatchState::kForgotten);
      EXPECT_EQ(RefusedBatch(batch, dressed).empty(), legal);
      if (!legal) {
        EXPECT_THAT(RefusedBatch(batch, plain), Not(IsEmpty()));
      }
    }
  }
}

TEST_F(BatchTransitionsTest, ABatchIsArchivedOnlyWithACopyWithinItsSegment) {
  const BatchId batch = AddBatch(pass_);
  EXPECT_THAT(RefusedBatch(batch, "state = 'archived'"), HasSubstr("without a copy"));
  EXPECT_THROW(journal().MarkArchived({{batch, {}}}), StateError);
  const SegmentId segment = AddSegment(pass_);
  Sql("INSERT INTO copies SELECT " + std::to_string(batch) +
      ", target_id, id, 0, 80, 100 FROM segments" + At(segment));
  EXPECT_THAT(RefusedBatch(batch, "state = 'archived'"), HasSubstr("behind the length"));
  EXPECT_EQ(RefusedSegment(segment, "length = 100"), "");
  EXPECT_EQ(RefusedBatch(batch, "state = 'archived'"), "");
}

TEST_F(BatchTransitionsTest, DeletedIsRefusedUntilEveryRowIsAccountedFor) {
  const BatchId batch = AddVerified(pass_, Journal::Next::kDelete);
  EXPECT_THROW(journal().MarkDeleted({{batch, {9, 0, 0, 0}, {}}}), StateError);
  EXPECT_THROW(journal().MarkDeleted({{batch, {9, 1, 1, 0}, {}}}), StateError);
  EXPECT_THAT(RefusedBatch(batch, "state = 'deleted', deleted = 9"), HasSubstr("CHECK"));
  EXPECT_THAT(RefusedBatch(batch, "deleted = 11"), HasSubstr("CHECK"));
  EXPECT_EQ(StateOf(batch), BatchState::kVerified);
  journal().MarkDeleted({{batch, {6, 2, 1, 1}, {}}});
  EXPECT_THAT(RefusedBatch(batch, "blocked = 0"), Not(IsEmpty()));
}

TEST_F(BatchTransitionsTest, AnAnnouncedDeletionStaysAnnounced) {
  const BatchId batch = AddVerified(pass_, Journal::Next::kDelete);
  EXPECT_TRUE(journal().FindBatch(batch)->delete_begun);
  EXPECT_THROW(journal().MarkForgotten(batch), StateError);
  EXPECT_THAT(RefusedBatch(batch, "state = 'forgotten'"), HasSubstr("illegal batch transition"));
  EXPECT_THAT(RefusedBatch(batch, "state = 'forgotten', delete_begun = 0"), Not(IsEmpty()));
  EXPECT_THAT(RefusedBatch(batch, "delete_begun = 0"), HasSubstr("stays begun"));
  journal().MarkVerified({batch}, Journal::Next::kKeep);
  EXPECT_TRUE(journal().FindBatch(batch)->delete_begun);
}

TEST_F(BatchTransitionsTest, AVerifiedBatchLearnsThatADeletionFollows) {
  const BatchId batch = AddVerified(pass_, Journal::Next::kKeep);
  EXPECT_FALSE(journal().FindBatch(batch)->delete_begun);
  journal().MarkVerified({batch}, Journal::Next::kDelete);
  EXPECT_TRUE(journal().FindBatch(batch)->delete_begun);
}

TEST_F(BatchTransitionsTest, OnlyABatchWithoutCopiesIsDeletedUnarchived) {
  const BatchId batch = AddBatch(pass_);
  const SegmentId segment = AddSegment(pass_);
  Sql("INSERT INTO copies SELECT " + std::to_string(batch) +
      ", target_id, id, 0, 80, 100 FROM segments" + At(segment));
  EXPECT_THROW(journal().MarkDeletedUnarchived({batch, {10, 0, 0, 0}, {}}), StateError);
  const std::string deleted = "state = 'deleted', deleted = 10, delete_begun = 1";
  EXPECT_THAT(RefusedBatch(batch, deleted + ", unarchived = 1"), HasSubstr("has no copy"));
  EXPECT_THAT(RefusedBatch(batch, deleted), HasSubstr("illegal batch transition"));
  const BatchId verified = AddVerified(pass_, Journal::Next::kDelete);
  EXPECT_THAT(RefusedBatch(verified, deleted + ", unarchived = 1"), Not(IsEmpty()));
}

TEST_F(BatchTransitionsTest, AnUnarchivedBatchKeepsNothing) {
  const BatchId batch = AddBatch(pass_);
  EXPECT_THROW(journal().MarkDeletedUnarchived({batch, {9, 0, 0, 1}, Rows(batch, 1, 1)}),
               StateError);
  journal().MarkDeletedUnarchived({batch, {9, 0, 0, 1}, {}});
  EXPECT_EQ(CountsOf(pass_).bytes, 0u);
  EXPECT_THROW(journal().ReplaceCopies(batch, {InDatabase()}), StateError);
}

TEST_F(BatchTransitionsTest, TheBatchesOfAUnitMoveTogetherOrNotAtAll) {
  const BatchId first = AddBatch(pass_);
  const BatchId second = AddBatch(pass_);
  EXPECT_THROW(journal().MarkArchived({{first, {InDatabase()}}, {second, {}}}), StateError);
  EXPECT_EQ(StateOf(first), BatchState::kExtracted);
  EXPECT_TRUE(journal().FindBatch(first)->copies.empty());
  journal().MarkArchived({{first, {InDatabase()}}, {second, {InDatabase()}}});
  const BatchId third = AddBatch(pass_);
  EXPECT_THROW(journal().MarkVerified({first, second, third}, Journal::Next::kDelete), StateError);
  EXPECT_EQ(StateOf(first), BatchState::kArchived);
  journal().MarkVerified({first, second}, Journal::Next::kDelete);
  EXPECT_THROW(journal().MarkDeleted({{first, {10, 0, 0, 0}, {}}, {second, {1, 0, 0, 0}, {}}}),
               StateError);
  EXPECT_EQ(StateOf(first), BatchState::kVerified);
}

TEST_F(BatchTransitionsTest, BatchNumbersAscend) {
  NewBatch batch;
  batch.rows = 1;
  for (const std::uint64_t number : {5, 7}) {
    batch.number = number;
    journal().AddBatches({{pass_, batch}});
  }
  for (const std::uint64_t number : {0, 5, 6, 7}) {
    batch.number = number;
    EXPECT_THROW(journal().AddBatches({{pass_, batch}}), StateError) << number;
  }
  EXPECT_EQ(journal().LastBatchNumber(pass_), 7u);
}

TEST_F(BatchTransitionsTest, WhatABatchIsNeverChanges) {
  const BatchId batch = AddBatch(pass_);
  for (const char* assignment :
       {"number = 99", "row_count = 11", "bytes = 1", "digest = zeroblob(32)", "first_key = x'00'",
        "last_key = x'00'", "unit = 3", "pass_id = pass_id"}) {
    EXPECT_THAT(RefusedBatch(batch, assignment), HasSubstr("never changes")) << assignment;
  }
  EXPECT_THAT(Refusal("DELETE FROM batches"), HasSubstr("never removed"));
  EXPECT_THAT(Refusal("INSERT OR REPLACE INTO batches (id, pass_id, number, unit, row_count, "
                      "bytes, digest, first_key,"
                      " last_key) SELECT id, pass_id, number + 1, unit, row_count, bytes, digest, "
                      "first_key, last_key"
                      " FROM batches"),
              HasSubstr("never removed"));
}

TEST_F(BatchTransitionsTest, TheLastCopyOfABatchStays) {
  const BatchId batch = AddVerified(pass_, Journal::Next::kDelete);
  EXPECT_THAT(Refusal("DELETE FROM copies"), HasSubstr("last copy"));
  journal().MarkDeleted({{batch, {10, 0, 0, 0}, {}}});
  EXPECT_THAT(Refusal("DELETE FROM copies"), HasSubstr("last copy"));
}

TEST_F(BatchTransitionsTest, AForgottenBatchHasNoCopies) {
  const SegmentId segment = AddSegment(pass_);
  const BatchId batch = AddBatch(pass_);
  journal().MarkArchived({{batch, {NextFrame(segment), InDatabase()}}});
  journal().MarkForgotten(batch);
  EXPECT_TRUE(journal().FindBatch(batch)->copies.empty());
  EXPECT_THROW(journal().ReplaceCopies(batch, {InDatabase()}), StateError);
  EXPECT_THAT(
      Refusal("INSERT INTO copies VALUES (" + std::to_string(batch) + ", 1, NULL, 0, 0, 0)"),
      Not(IsEmpty()));
  // Its length stays: the bytes are there.
  EXPECT_EQ(journal().FindSegment(segment)->length, 100u);
}

}  // namespace
}  // namespace osarchiver
