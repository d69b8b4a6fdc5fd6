// The life of a batch (DESIGN.md section 4) as five stages side by side: while batch n is being
// deleted, n+1 is verified, n+2 written and n+3 read, and the journal learns what became of n-1, so
// that the server need not wait for it. One thread each; the reader is the caller's.
// Each stage is straight work on one unit, so that each can be tested and measured alone; what
// happens between them is queues.
//
// Invariants
// - The journal records a state after the fact: a stage writes it as its last step, before the unit
// moves on.
// - No later unit passes an earlier one up to `verified`: one thread and one queue per stage.
// - A failure in one stage stops the ones before it; the ones behind it finish what they hold. What
// is then in flight stays in the
//   journal for the next run to settle.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/batch_verifier.h"
#include "engine/bounded_queue.h"
#include "engine/row_memory.h"
#include "engine/run_services.h"
#include "engine/verified_unit.h"
#include "source/deleter.h"

namespace osarchiver {

class Throttle;

enum class PassMode {
  kArchiveOnly,  // stops at verified
  kMove,         // archives, verifies, deletes
  kDeleteOnly,   // nothing is archived
};

struct PipelineOptions {
  PassMode mode = PassMode::kArchiveOnly;
  std::uint32_t delete_connections = 1;
  std::uint32_t delete_target_ms = 250;
  std::uint64_t batch_rows = 5000;
  std::size_t budget_bytes = 64u << 20;
  // Larger units pass alone. A stage may hold a unit's rows four times (as rows, as hexadecimal
  // text that was read back, and as rows parsed of it); for ordinary units that is bounded by the
  // batch size, for those that one long row makes it is bounded by having one of them at a time.
  std::size_t large_unit_bytes = 16u << 20;
  // Called after Finish() was, when every unit is verified and while the last ones are deleted; not
  // after a failure. By a stage's thread. What it throws fails the pipeline, and nothing more is
  // deleted: what it found may be about the copies.
  std::function<void()> seal = [] {};
};

struct PipelineCounts {
  std::uint64_t deleted = 0, absent = 0, changed = 0, blocked = 0, kept = 0, conflicts = 0;
};

class PassPipeline {
 public:
  // `throttle` is asked before each deleting transaction.
  PassPipeline(RunServices& services, PipelineOptions options, Throttle& throttle);
  // Ends the stages if Finish() was not called.
  ~PassPipeline();

  // Waits until another unit may be read: it takes memory before it is pushed.
  void WaitForRoom() { budget_.WaitForRoom(least_unit_bytes_); }
  // Of rows that are through, for those of the next unit.
  RowBatch TakeMemory() { return row_memory_.Take(); }
  // Records a unit as extracted and gives it to the pipeline. Waits for room, and behind a large
  // unit until it is through, so that no other is read meanwhile. False when a stage failed: call
  // Finish().
  bool Push(UnitInFlight unit);
  // Waits until everything pushed is settled or a stage failed.
  void WaitUntilIdle();
  // Ends the stages and throws the first failure. Afterwards every unit that was pushed is deleted
  // or kept, or verified and left to the next run because this one was stopped while it had to wait
  // for the server.
  PipelineCounts Finish();
  PipelineCounts counts() const;

 private:
  // The first unit, for which the deleting connections wait to be opened.
  enum class First { kAwaited, kCame, kNone };

  void StoreStage();
  void VerifyStage();
  void DeleteStage();
  void RecordStage();
  void RecordExtracted(UnitInFlight& unit);
  void RecordAnew(BatchInFlight& batch);
  void StoreUnit(UnitInFlight& unit);
  void StoreWithoutConflicts(BatchInFlight& batch);
  void DropConflictingRows(BatchInFlight& batch, const BatchConflict& conflict);
  VerifiedUnit VerifyUnit(UnitInFlight& unit);
  void KeepBatch(const BatchInFlight& batch);
  void AddBatch(BatchInFlight& batch, VerifiedUnit* unit);
  void AddReleases(const UnitInFlight& unit, VerifiedUnit* verified);
  bool DeleteUnit(Deleter& deleter, const VerifiedUnit& unit, DeleteOutcome* outcome);
  DeleteOptions OptionsFor();
  void RecordUnit(const DeletedUnit& unit);
  // Remembers the current exception. False: another one is remembered.
  bool Fail();
  bool CameToItsEnd() const;
  void SealStored();
  void Stop();
  void NoteFirst(First first);

  RunServices& services_;
  const PipelineOptions options_;
  Throttle& throttle_;
  BatchVerifier verifier_;
  ByteBudget budget_;
  // What every unit holds of the budget, however small it is: so a few are in flight and not many.
  const std::size_t least_unit_bytes_;
  RowMemory row_memory_;
  BoundedQueue<UnitInFlight> to_store_;
  BoundedQueue<UnitInFlight> to_verify_;
  BoundedQueue<VerifiedUnit> to_delete_;
  BoundedQueue<DeletedUnit> to_record_;
  mutable std::mutex mutex_;  // guards failure_, ending_, counts_ and deleting_
  std::exception_ptr failure_;
  std::atomic<bool> copies_doubtful_{false};  // sealing failed
  bool ending_ = false;                       // Finish() was called: no unit comes any more
  PipelineCounts counts_;
  std::uint32_t deleting_;  // threads of DeleteStage() that have not ended
  std::atomic<First> first_{First::kAwaited};
  std::mutex numbering_;  // batches are recorded in the order of their numbers
  std::vector<std::thread> threads_;
};

}  // namespace osarchiver
