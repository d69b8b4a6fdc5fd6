// Every transition of a batch, a segment, a run and a table pass, legal and illegal, through the
// journal's calls and past them.
#include <map>
#include <set>

#include "tests/unit/state/journal_fixture.h"

namespace osarchiver {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr BatchState kBatchStates[] = {BatchState::kExtracted, BatchState::kArchived,
                                       BatchState::kVerified, BatchState::kDeleted,
                                       BatchState::kForgotten};
constexpr SegmentState kSegmentStates[] = {SegmentState::kOpen, SegmentState::kSealing,
                                           SegmentState::kSealed, SegmentState::kRetired,
                                           SegmentState::kDamaged};

std::string Sha() { return std::string(64, 'a'); }

class TransitionsTest : public JournalTest {
 protected:
  void SetUp() override {
    run_ = BeginRun();
    pass_ = BeginPass(run_);
  }

  // A batch of 10 rows in that state, reached on the legal way. Delete-begun only where the way
  // leads through it.
  BatchId BatchIn(BatchState state) {
    const BatchId batch = AddBatch(pass_);
    if (state == BatchState::kExtracted) return batch;
    if (state == BatchState::kForgotten) {
      journal().MarkForgotten(batch);
      return batch;
    }
    journal().MarkArchived({{batch, {InDatabase()}}});
    if (state == BatchState::kArchived) return batch;
    journal().MarkVerified(
        {batch}, state == BatchState::kDeleted ? Journal::Next::kDelete : Journal::Next::kKeep);
    if (state == BatchState::kDeleted) journal().MarkDeleted({{batch, {10, 0, 0, 0}, {}}});
    return batch;
  }

  SegmentId SegmentIn(SegmentState state) {
    const SegmentId segment = AddSegment(pass_);
    if (state == SegmentState::kSealing || state == SegmentState::kSealed)
      journal().MarkSealing(segment);
    if (state == SegmentState::kSealed) journal().MarkSealed(segment, 50, Sha(), Sha());
    if (state == SegmentState::kRetired) journal().MarkRetired(segment);
    if (state == SegmentState::kDamaged)
      journal().MarkDamaged(segment, "damaged/" + std::to_string(segment));
    return segment;
  }
  SegmentState StateOfSegment(SegmentId segment) { return journal().FindSegment(segment)->state; }

  static std::string At(BatchId batch) { return " WHERE id = " + std::to_string(batch); }
  std::string RefusedBatch(BatchId batch, const std::string& assignments) {
    return Refusal("UPDATE batches SET " + assignments + At(batch));
  }
  std::string RefusedSegment(SegmentId segment, const std::string& assignments) {
    return Refusal("UPDATE segments SET " + assignments + At(segment));
  }

  RunId run_ = 0;
  PassId pass_ = 0;
};

TEST_F(TransitionsTest, EachCallTakesABatchOnlyFromItsState) {
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

TEST_F(TransitionsTest, NoBatchTransitionButTheLegalOnesCanBeWritten) {
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

TEST_F(TransitionsTest, ABatchIsArchivedOnlyWithACopyWithinItsSegment) {
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

TEST_F(TransitionsTest, DeletedIsRefusedUntilEveryRowIsAccountedFor) {
  const BatchId batch = AddVerified(pass_, Journal::Next::kDelete);
  EXPECT_THROW(journal().MarkDeleted({{batch, {9, 0, 0, 0}, {}}}), StateError);
  EXPECT_THROW(journal().MarkDeleted({{batch, {9, 1, 1, 0}, {}}}), StateError);
  EXPECT_THAT(RefusedBatch(batch, "state = 'deleted', deleted = 9"), HasSubstr("CHECK"));
  EXPECT_THAT(RefusedBatch(batch, "deleted = 11"), HasSubstr("CHECK"));
  EXPECT_EQ(StateOf(batch), BatchState::kVerified);
  journal().MarkDeleted({{batch, {6, 2, 1, 1}, {}}});
  EXPECT_THAT(RefusedBatch(batch, "blocked = 0"), Not(IsEmpty()));
}

TEST_F(TransitionsTest, AnAnnouncedDeletionStaysAnnounced) {
  const BatchId batch = AddVerified(pass_, Journal::Next::kDelete);
  EXPECT_TRUE(journal().FindBatch(batch)->delete_begun);
  EXPECT_THROW(journal().MarkForgotten(batch), StateError);
  EXPECT_THAT(RefusedBatch(batch, "state = 'forgotten'"), HasSubstr("illegal batch transition"));
  EXPECT_THAT(RefusedBatch(batch, "state = 'forgotten', delete_begun = 0"), Not(IsEmpty()));
  EXPECT_THAT(RefusedBatch(batch, "delete_begun = 0"), HasSubstr("stays begun"));
  journal().MarkVerified({batch}, Journal::Next::kKeep);
  EXPECT_TRUE(journal().FindBatch(batch)->delete_begun);
}

TEST_F(TransitionsTest, AVerifiedBatchLearnsThatADeletionFollows) {
  const BatchId batch = AddVerified(pass_, Journal::Next::kKeep);
  EXPECT_FALSE(journal().FindBatch(batch)->delete_begun);
  journal().MarkVerified({batch}, Journal::Next::kDelete);
  EXPECT_TRUE(journal().FindBatch(batch)->delete_begun);
}

TEST_F(TransitionsTest, OnlyABatchWithoutCopiesIsDeletedUnarchived) {
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

TEST_F(TransitionsTest, AnUnarchivedBatchKeepsNothing) {
  const BatchId batch = AddBatch(pass_);
  EXPECT_THROW(journal().MarkDeletedUnarchived({batch, {9, 0, 0, 1}, Rows(batch, 1, 1)}),
               StateError);
  journal().MarkDeletedUnarchived({batch, {9, 0, 0, 1}, {}});
  EXPECT_EQ(CountsOf(pass_).bytes, 0u);
  EXPECT_THROW(journal().ReplaceCopies(batch, {InDatabase()}), StateError);
}

TEST_F(TransitionsTest, TheBatchesOfAUnitMoveTogetherOrNotAtAll) {
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

TEST_F(TransitionsTest, BatchNumbersAscend) {
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

TEST_F(TransitionsTest, WhatABatchIsNeverChanges) {
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

TEST_F(TransitionsTest, EachCallTakesASegmentOnlyFromItsState) {
  struct Step {
    SegmentState to;
    std::function<void(SegmentId)> call;
  };
  const Step steps[] = {
      {SegmentState::kSealing, [&](SegmentId segment) { journal().MarkSealing(segment); }},
      {SegmentState::kSealed,
       [&](SegmentId segment) { journal().MarkSealed(segment, 77, Sha(), Sha()); }},
      {SegmentState::kRetired, [&](SegmentId segment) { journal().MarkRetired(segment); }},
      {SegmentState::kDamaged,
       [&](SegmentId segment) {
         journal().MarkDamaged(segment, "x" + std::to_string(segment) + ".damaged");
       }},
  };
  for (const Step& step : steps) {
    for (SegmentState from : kSegmentStates) {
      SCOPED_TRACE(std::string(ToText(from)) + " -> " + std::string(ToText(step.to)));
      const SegmentId segment = SegmentIn(from);
      Open();
      if (MayFollow(from, step.to)) {
        EXPECT_NO_THROW(step.call(segment));
        Open();
        EXPECT_EQ(StateOfSegment(segment), step.to);
      } else {
        EXPECT_THROW(step.call(segment), StateError);
        EXPECT_EQ(StateOfSegment(segment), from);
      }
    }
  }
}

TEST_F(TransitionsTest, NoSegmentTransitionButTheLegalOnesCanBeWritten) {
  for (SegmentState from : kSegmentStates) {
    for (SegmentState to : kSegmentStates) {
      SCOPED_TRACE(std::string(ToText(from)) + " -> " + std::string(ToText(to)));
      const SegmentId segment = SegmentIn(from);
      std::string assignments = "state = '" + std::string(ToText(to)) + "'";
      if (to == SegmentState::kSealed && from != to) {
        assignments += ", length = 90, sha256 = '" + Sha() + "', footer_hash = '" + Sha() + "'";
      }
      EXPECT_EQ(RefusedSegment(segment, assignments).empty(), from == to || MayFollow(from, to));
    }
  }
}

TEST_F(TransitionsTest, ASegmentNeverShrinksAndGrowsByWholeBatches) {
  const SegmentId segment = AddSegment(pass_);
  const BatchId batch = AddBatch(pass_);
  journal().MarkArchived({{batch, {NextFrame(segment)}}});
  EXPECT_EQ(journal().FindSegment(segment)->length, 100u);
  EXPECT_THAT(RefusedSegment(segment, "length = 99"), HasSubstr("never shrinks"));
  EXPECT_THAT(RefusedSegment(segment, "length = 101"), HasSubstr("whole batches"));
  journal().MarkVerified({batch}, Journal::Next::kKeep);
  journal().MarkSealing(segment);
  EXPECT_THAT(RefusedSegment(segment, "length = 101"), HasSubstr("by its footer"));
  EXPECT_THROW(journal().MarkSealed(segment, 99, Sha(), Sha()), StateError);
  EXPECT_THROW(journal().MarkSealed(segment, 150, "short", Sha()), StateError);
  journal().MarkSealed(segment, 150, Sha(), Sha());
  EXPECT_THAT(RefusedSegment(segment, "length = 151"), Not(IsEmpty()));
  EXPECT_THAT(RefusedSegment(segment, "sha256 = '" + std::string(64, 'b') + "'"),
              HasSubstr("never change"));
  EXPECT_THAT(RefusedSegment(segment, "path = 'elsewhere'"), HasSubstr("never change"));
}

TEST_F(TransitionsTest, CopiesNeverOverlapAndOnlyGrowAnOpenSegment) {
  const SegmentId segment = AddSegment(pass_);
  const CopyLocation first = NextFrame(segment);
  journal().MarkArchived({{AddBatch(pass_), {first}}});
  const BatchId batch = AddBatch(pass_);
  // The same place, a place inside, a place that overlaps, one that does not hold the frame.
  for (CopyLocation location : {first, CopyLocation{first.target, segment, 50, 10, 60},
                                CopyLocation{first.target, segment, 99, 50, 200},
                                CopyLocation{first.target, segment, 150, 80, 200}}) {
    EXPECT_THROW(journal().MarkArchived({{batch, {location}}}), StateError) << location.offset;
  }
  EXPECT_EQ(journal().FindSegment(segment)->length, 100u);
  const CopyLocation csv_in_sql{{"files", "csv"}, segment, 110, 50, 200};
  EXPECT_THROW(journal().MarkArchived({{batch, {csv_in_sql}}}), StateError);
  const PassId other = BeginPass(run_, "volumes");
  EXPECT_THROW(journal().MarkArchived({{AddBatch(other), {NextFrame(segment)}}}), StateError);
  for (SegmentState state : kSegmentStates) {
    if (state == SegmentState::kOpen) continue;
    EXPECT_THROW(journal().MarkArchived({{batch, {NextFrame(SegmentIn(state))}}}), StateError)
        << ToText(state);
  }
  journal().MarkArchived({{batch, {NextFrame(segment)}}});
}

TEST_F(TransitionsTest, ASegmentIsSealedOnlyWhenItsBatchesAreVerified) {
  const SegmentId segment = AddSegment(pass_);
  const BatchId batch = AddBatch(pass_);
  journal().MarkArchived({{batch, {NextFrame(segment)}}});
  journal().MarkSealing(segment);
  EXPECT_THROW(journal().MarkSealed(segment, 150, Sha(), Sha()), StateError);
  EXPECT_THAT(
      RefusedSegment(segment, "state = 'sealed', sha256 = '" + Sha() + "', footer_hash = 'f'"),
      HasSubstr("all its batches are verified"));
  journal().MarkVerified({batch}, Journal::Next::kDelete);
  journal().MarkSealed(segment, 150, Sha(), Sha());
}

TEST_F(TransitionsTest, ASegmentThatHoldsCopiesIsNotRetired) {
  const SegmentId segment = AddSegment(pass_);
  const BatchId batch = AddBatch(pass_);
  journal().MarkArchived({{batch, {NextFrame(segment)}}});
  EXPECT_THROW(journal().MarkRetired(segment), StateError);
  EXPECT_THAT(RefusedSegment(segment, "state = 'retired'"), HasSubstr("holds copies"));
  journal().ReplaceCopies(batch, {NextFrame(AddSegment(pass_))});
  journal().MarkRetired(segment);
  EXPECT_THAT(journal().Check(), IsEmpty());
}

TEST_F(TransitionsTest, TheLastCopyOfABatchStays) {
  const BatchId batch = AddVerified(pass_, Journal::Next::kDelete);
  EXPECT_THAT(Refusal("DELETE FROM copies"), HasSubstr("last copy"));
  journal().MarkDeleted({{batch, {10, 0, 0, 0}, {}}});
  EXPECT_THAT(Refusal("DELETE FROM copies"), HasSubstr("last copy"));
}

TEST_F(TransitionsTest, AForgottenBatchHasNoCopies) {
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

TEST_F(TransitionsTest, ReplacedCopiesMoveAndOthersStay) {
  const SegmentId old_sql = AddSegment(pass_, "sql");
  const SegmentId csv = AddSegment(pass_, "csv");
  const BatchId batch = AddBatch(pass_);
  const CopyLocation in_csv = NextFrame(csv);
  journal().MarkArchived({{batch, {NextFrame(old_sql), in_csv}}});
  journal().MarkVerified({batch}, Journal::Next::kDelete);
  journal().MarkSealing(csv);
  journal().MarkSealed(csv, 120, Sha(), Sha());
  journal().MarkDamaged(old_sql, "old.damaged");
  const SegmentId new_sql = AddSegment(pass_, "sql");
  const CopyLocation in_new = NextFrame(new_sql);
  // The copy that stays may be named or not.
  journal().ReplaceCopies(batch, {in_new, in_csv});
  journal().ReplaceCopies(batch, {InDatabase()});
  const auto copies = journal().FindBatch(batch)->copies;
  ASSERT_EQ(copies.size(), 3u);
  EXPECT_EQ(copies[0].segment, new_sql);
  EXPECT_EQ(copies[1].segment, csv);
  EXPECT_EQ(copies[2].segment, 0);
  EXPECT_EQ(StateOf(batch), BatchState::kVerified);
  EXPECT_EQ(journal().FindSegment(new_sql)->length, 100u);
}

TEST_F(TransitionsTest, ARunEndsOnce) {
  const RunState ends[] = {RunState::kCompleted, RunState::kInterrupted, RunState::kFailed};
  for (RunState end : ends) {
    const RunId run = BeginRun();
    EXPECT_THROW(journal().FinishRun(run, RunState::kRunning, 0, ""), StateError);
    journal().FinishRun(run, end, 1, "why");
    for (RunState again : ends) {
      if (again == end) {
        EXPECT_NO_THROW(journal().FinishRun(run, again, 0, "again"));
      } else {
        EXPECT_THROW(journal().FinishRun(run, again, 0, ""), StateError);
        EXPECT_THAT(Refusal("UPDATE runs SET state = '" + std::string(ToText(again)) +
                            "' WHERE id = " + std::to_string(run)),
                    HasSubstr("ended already"));
      }
    }
    EXPECT_THAT(
        Refusal(
            "UPDATE runs SET state = 'running', finished_at = NULL, exit_code = NULL WHERE id = " +
            std::to_string(run)),
        HasSubstr("ended already"));
    const auto info = journal().FindRun(std::to_string(run));
    EXPECT_EQ(info->state, end);
    EXPECT_EQ(info->exit_code, 1);
    EXPECT_EQ(info->error, "why");
  }
}

TEST_F(TransitionsTest, ARunThatHasEndedTakesNoBatches) {
  journal().FinishRun(run_, RunState::kCompleted, 0, "");
  EXPECT_THROW(AddBatch(pass_), StateError);
}

TEST_F(TransitionsTest, ARunIsSettledOnlyWhenNothingIsInFlight) {
  const auto refused = [&] {
    EXPECT_THROW(journal().MarkRunSettled(run_), StateError);
    return Refusal("UPDATE runs SET settled = 1");
  };
  const BatchId batch = AddBatch(pass_);
  EXPECT_THAT(refused(), HasSubstr("in flight"));
  const SegmentId segment = AddSegment(pass_);
  journal().MarkArchived({{batch, {NextFrame(segment)}}});
  EXPECT_THAT(refused(), HasSubstr("in flight"));
  journal().MarkVerified({batch}, Journal::Next::kKeep);
  EXPECT_THAT(refused(), HasSubstr("in flight"));
  journal().MarkKept(batch, Rows(batch, 1, 10));
  EXPECT_THAT(refused(), HasSubstr("open segments"));
  journal().MarkSealing(segment);
  EXPECT_THAT(refused(), HasSubstr("open segments"));
  journal().MarkSealed(segment, 120, Sha(), Sha());
  journal().MarkRunSettled(run_);
  EXPECT_TRUE(journal().FindRun(std::to_string(run_))->settled);
}

TEST_F(TransitionsTest, APassThatFailedStaysFailedAndNoneIsPendingAgain) {
  using enum PassState;
  EXPECT_EQ(journal().FindPass(pass_)->state, kPending);
  for (PassState state : {kRunning, kCompleted, kRunning, kSkipped, kFailed}) {
    journal().SetPassState(pass_, state, "because");
    EXPECT_EQ(journal().FindPass(pass_)->state, state);
    EXPECT_EQ(journal().FindPass(pass_)->finished_at.empty(), state == kRunning);
    if (state != kFailed) {
      EXPECT_THROW(journal().SetPassState(pass_, kPending, ""), StateError);
    }
  }
  journal().SetPassState(pass_, kRunning, "");
  journal().SetPassState(pass_, kCompleted, "");
  EXPECT_EQ(journal().FindPass(pass_)->state, kFailed);
  EXPECT_EQ(journal().FindPass(pass_)->reason, "because");
  EXPECT_THAT(Refusal("UPDATE passes SET state = 'pending'"), Not(IsEmpty()));
}

TEST_F(TransitionsTest, NothingIsEverRemoved) {
  AddSegment(pass_);
  AddBatch(pass_);
  for (const char* table : {"runs", "passes", "segments", "batches"}) {
    EXPECT_THAT(Refusal(std::string("DELETE FROM ") + table), HasSubstr("never removed"));
  }
}

TEST_F(TransitionsTest, UnknownIdsAreRefused) {
  EXPECT_THROW(journal().MarkArchived({{999, {InDatabase()}}}), StateError);
  EXPECT_THROW(journal().MarkForgotten(999), StateError);
  EXPECT_THROW(journal().MarkSealing(999), StateError);
  EXPECT_THROW(journal().FinishRun(999, RunState::kCompleted, 0, ""), StateError);
  EXPECT_THROW(journal().MarkRunSettled(999), StateError);
  EXPECT_THROW(journal().SetPassState(999, PassState::kRunning, ""), StateError);
  EXPECT_THROW(journal().SetBlocked(999, {}), StateError);
  EXPECT_THROW(journal().BeginPass(999, {}, "", ""), StateError);
  EXPECT_THROW(AddSegment(999), StateError);
  EXPECT_THROW(AddBatch(999), StateError);
  EXPECT_THROW(journal().FinishInvocation(999, 0, ""), StateError);
  EXPECT_FALSE(journal().FindBatch(999));
  EXPECT_FALSE(journal().FindPass(999));
  EXPECT_FALSE(journal().FindSegment(999));
}

}  // namespace
}  // namespace osarchiver
