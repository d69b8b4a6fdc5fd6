// Every transition of a segment, a run and a table pass, legal and illegal, through the journal's
// calls and past them.
#include "tests/unit/state/transitions_fixture.h"

namespace osarchiver {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using SegmentTransitionsTest = TransitionsTest;

TEST_F(SegmentTransitionsTest, EachCallTakesASegmentOnlyFromItsState) {
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

TEST_F(SegmentTransitionsTest, NoSegmentTransitionButTheLegalOnesCanBeWritten) {
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

TEST_F(SegmentTransitionsTest, ASegmentNeverShrinksAndGrowsByWholeBatches) {
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

TEST_F(SegmentTransitionsTest, CopiesNeverOverlapAndOnlyGrowAnOpenSegment) {
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

TEST_F(SegmentTransitionsTest, ASegmentIsSealedOnlyWhenItsBatchesAreVerified) {
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

TEST_F(SegmentTransitionsTest, ASegmentThatHoldsCopiesIsNotRetired) {
  const SegmentId segment = AddSegment(pass_);
  const BatchId batch = AddBatch(pass_);
  journal().MarkArchived({{batch, {NextFrame(segment)}}});
  EXPECT_THROW(journal().MarkRetired(segment), StateError);
  EXPECT_THAT(RefusedSegment(segment, "state = 'retired'"), HasSubstr("holds copies"));
  journal().ReplaceCopies(batch, {NextFrame(AddSegment(pass_))});
  journal().MarkRetired(segment);
  EXPECT_THAT(journal().Check(), IsEmpty());
}

TEST_F(SegmentTransitionsTest, ReplacedCopiesMoveAndOthersStay) {
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

TEST_F(SegmentTransitionsTest, ARunEndsOnce) {
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

TEST_F(SegmentTransitionsTest, ARunThatHasEndedTakesNoBatches) {
  journal().FinishRun(run_, RunState::kCompleted, 0, "");
  EXPECT_THROW(AddBatch(pass_), StateError);
}

TEST_F(SegmentTransitionsTest, ARunIsSettledOnlyWhenNothingIsInFlight) {
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

TEST_F(SegmentTransitionsTest, APassThatFailedStaysFailedAndNoneIsPendingAgain) {
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

TEST_F(SegmentTransitionsTest, NothingIsEverRemoved) {
  AddSegment(pass_);
  AddBatch(pass_);
  for (const char* table : {"runs", "passes", "segments", "batches"}) {
    EXPECT_THAT(Refusal(std::string("DELETE FROM ") + table), HasSubstr("never removed"));
  }
}

TEST_F(SegmentTransitionsTest, UnknownIdsAreRefused) {
  EXPECT_THROW(journal().MarkArchived({{999, {InDatabase()}}}), StateError);
  EXPECT_THROW(journal().MarkForgotten(999), StateError);
  EXPECT_THROW(journal().MarkSealing(999), StateError);
  EXPECT_THROW(journal().FinishRun(999, RunState::kCompleted, 0, ""), StateError);
  EXPECT_THROW(journal().MarkRunSettled(999), StateError);
  EXPECT_THROW(journal().SetPassState(999, PassState::kRunning, ""), StateError);
  EXPECT_THROW(journal().SetBlocked(999, 0, {}), StateError);
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
