// Batches and segments in any state, and what the file answers to raw SQL.
#pragma once

#include <string>

#include "tests/unit/state/journal_fixture.h"

namespace osarchiver {

inline constexpr BatchState kBatchStates[] = {BatchState::kExtracted, BatchState::kArchived,
                                              BatchState::kVerified, BatchState::kDeleted,
                                              BatchState::kForgotten};
inline constexpr SegmentState kSegmentStates[] = {SegmentState::kOpen, SegmentState::kSealing,
                                                  SegmentState::kSealed, SegmentState::kRetired,
                                                  SegmentState::kDamaged};

inline std::string Sha() { return std::string(64, 'a'); }

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

}  // namespace osarchiver
