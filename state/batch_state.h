// The states of a batch and of the things around it, as the journal writes them. state/README.md has the state machine.
#pragma once

#include <string_view>

namespace osarchiver {

enum class BatchState {
  kExtracted,  // in flight: read from the source, perhaps somewhere on a disk
  kArchived,   // durable at every destination
  kVerified,   // read back from every destination, digests equal; may be deleted
  kDeleted,    // each row is deleted, absent, changed or blocked
  kForgotten,  // nothing valid was stored and nothing was deleted; its rows are read again
};

enum class SegmentState {
  kOpen,     // being appended to; `length` is what the journal vouches for
  kSealing,  // complete to `length`; the footer may or may not be there
  kSealed,   // footer durable, never touched again
  kRetired,  // held nothing that is not elsewhere; the file is gone
  kDamaged,  // renamed *.damaged; its batches were made again or are reported
};

enum class RunState {
  kRunning,      // its process holds the lock, or died
  kCompleted,    // everything asked for is done
  kInterrupted,  // stopped early or died; what it left in flight is settled by the next run
  kFailed,       // ended by itself with an error
};

enum class PassState { kPending, kRunning, kCompleted, kFailed, kSkipped };

std::string_view ToText(BatchState state);
std::string_view ToText(SegmentState state);
std::string_view ToText(RunState state);
std::string_view ToText(PassState state);

// The transitions that the journal lets happen; everything else is refused by a trigger too.
bool MayFollow(BatchState from, BatchState to);
bool MayFollow(SegmentState from, SegmentState to);

}  // namespace osarchiver
