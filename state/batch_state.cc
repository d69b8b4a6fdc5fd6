#include "state/batch_state.h"

namespace osarchiver {

std::string_view ToText(BatchState state) {
  switch (state) {
    case BatchState::kExtracted:
      return "extracted";
    case BatchState::kArchived:
      return "archived";
    case BatchState::kVerified:
      return "verified";
    case BatchState::kDeleted:
      return "deleted";
    case BatchState::kForgotten:
      return "forgotten";
  }
  return "";
}

std::string_view ToText(SegmentState state) {
  switch (state) {
    case SegmentState::kOpen:
      return "open";
    case SegmentState::kSealing:
      return "sealing";
    case SegmentState::kSealed:
      return "sealed";
    case SegmentState::kRetired:
      return "retired";
    case SegmentState::kDamaged:
      return "damaged";
  }
  return "";
}

std::string_view ToText(RunState state) {
  switch (state) {
    case RunState::kRunning:
      return "running";
    case RunState::kCompleted:
      return "completed";
    case RunState::kInterrupted:
      return "interrupted";
    case RunState::kFailed:
      return "failed";
  }
  return "";
}

std::string_view ToText(PassState state) {
  switch (state) {
    case PassState::kPending:
      return "pending";
    case PassState::kRunning:
      return "running";
    case PassState::kCompleted:
      return "completed";
    case PassState::kFailed:
      return "failed";
    case PassState::kSkipped:
      return "skipped";
  }
  return "";
}

bool MayFollow(BatchState from, BatchState to) {
  switch (from) {
    case BatchState::kExtracted:
      // Deleted: a delete-only batch, which has no copies.
      return to == BatchState::kArchived || to == BatchState::kForgotten ||
             to == BatchState::kDeleted;
    case BatchState::kArchived:
      return to == BatchState::kVerified || to == BatchState::kForgotten;
    case BatchState::kVerified:
      // Forgotten: only while no DELETE was announced.
      return to == BatchState::kDeleted || to == BatchState::kForgotten;
    case BatchState::kDeleted:
    case BatchState::kForgotten:
      return false;
  }
  return false;
}

bool MayFollow(SegmentState from, SegmentState to) {
  switch (from) {
    case SegmentState::kOpen:
      return to == SegmentState::kSealing || to == SegmentState::kRetired ||
             to == SegmentState::kDamaged;
    case SegmentState::kSealing:
      return to == SegmentState::kSealed || to == SegmentState::kRetired ||
             to == SegmentState::kDamaged;
    case SegmentState::kSealed:
    case SegmentState::kRetired:
      return to == SegmentState::kDamaged;
    case SegmentState::kDamaged:
      return false;
  }
  return false;
}

}  // namespace osarchiver
