#include "engine/pass_pipeline.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/delete_only.h"
#include "engine/throttle.h"
#include "engine/unit_outcome.h"
#include "engine/verified_unit.h"
#include "util/failpoint.h"
#include "util/log.h"

namespace osarchiver {
namespace {

// One that is read or stored, and one that is verified or waits for its deletion. More would only
// wait, and a large table would take more memory than a small one.
constexpr std::size_t kUnitsBesideDeletes = 2;

bool IsDamage(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const IntegrityError&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

PassPipeline::PassPipeline(RunServices& services, PipelineOptions options, Throttle& throttle)
    : services_(services),
      options_(options),
      throttle_(throttle),
      verifier_(services.journal, services.destinations),
      budget_(options.budget_bytes),
      least_unit_bytes_(options.budget_bytes / (kUnitsBesideDeletes + options.delete_connections)),
      to_store_(1),
      to_verify_(1),
      to_delete_(options.delete_connections),
      to_record_(1),
      deleting_(options.delete_connections) {
  threads_.emplace_back([this] { StoreStage(); });
  threads_.emplace_back([this] { VerifyStage(); });
  for (std::uint32_t i = 0; i < options_.delete_connections; ++i) {
    threads_.emplace_back([this] { DeleteStage(); });
  }
  threads_.emplace_back([this] { RecordStage(); });
}

PassPipeline::~PassPipeline() {
  // Without Finish() the caller is unwinding: what is in flight is left to settling.
  to_store_.Abandon();
  to_verify_.Abandon();
  to_delete_.Abandon();
  to_record_.Abandon();
  Stop();
}

void PassPipeline::NoteFirst(First first) {
  First awaited = First::kAwaited;
  if (first_.compare_exchange_strong(awaited, first)) first_.notify_all();
}

void PassPipeline::Stop() {
  to_store_.Close();
  budget_.Lift();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

// Remembers the first failure only: later ones are its consequences, but for damage, which nothing
// brings about and whoever is told of must act on.
bool PassPipeline::Fail() {
  const std::exception_ptr current = std::current_exception();
  const std::lock_guard lock(mutex_);
  const bool remembers = !failure_ || (IsDamage(current) && !IsDamage(failure_));
  if (remembers) failure_ = current;
  budget_.Lift();
  return remembers;
}

bool PassPipeline::Push(UnitInFlight unit) {
  for (const BatchInFlight& batch : unit.batches) unit.bytes += batch.rows.byte_count();
  const bool large = unit.bytes > options_.large_unit_bytes;
  unit.bytes = std::max(unit.bytes, least_unit_bytes_);
  if (large) unit.bytes = std::max(unit.bytes, budget_.limit());
  budget_.Acquire(unit.bytes);
  {
    const std::lock_guard lock(mutex_);
    if (failure_) return false;
  }
  RecordExtracted(unit);
  if (!to_store_.Push(std::move(unit))) return false;
  if (large) WaitUntilIdle();
  return true;
}

void PassPipeline::WaitUntilIdle() { budget_.WaitUntilEmpty(); }

bool PassPipeline::CameToItsEnd() const {
  const std::lock_guard lock(mutex_);
  return ending_ && !failure_;
}

PipelineCounts PassPipeline::Finish() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  to_store_.Close();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  return counts_;
}

PipelineCounts PassPipeline::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void PassPipeline::StoreStage() {
  try {
    while (auto unit = to_store_.Pop()) {
      NoteFirst(First::kCame);
      const bool stores = options_.mode != PassMode::kDeleteOnly;
      for (const BatchInFlight& batch : unit->batches) {
        if (stores) batch.archive->Announce();
      }
      for (const BatchInFlight& batch : unit->batches) services_.journal.EnsureDurable(batch.id);
      if (stores) StoreUnit(*unit);
      if (!to_verify_.Push(std::move(*unit))) break;
    }
  } catch (...) {
    Fail();
  }
  NoteFirst(First::kNone);
  to_store_.Abandon();
  to_verify_.Close();
}

// By the reader, while earlier units are stored: until this one is, a call of theirs has synced.
void PassPipeline::RecordExtracted(UnitInFlight& unit) {
  const std::lock_guard lock(numbering_);
  std::vector<std::pair<PassId, NewBatch>> added;
  for (BatchInFlight& batch : unit.batches) {
    batch.info.number = batch.archive->TakeNumber();
    added.emplace_back(batch.pass, batch.info);
  }
  if (added.empty()) return;
  const std::vector<BatchId> ids = services_.journal.AddBatches(added);
  for (std::size_t i = 0; i < ids.size(); ++i) unit.batches[i].id = ids[i];
  services_.NoteBatch(ids.front());
  Failpoint("batch-extracted");
}

// Under the next number, in the place of the batch that was recorded before.
void PassPipeline::RecordAnew(BatchInFlight& batch) {
  {
    const std::lock_guard lock(numbering_);
    batch.info.number = batch.archive->TakeNumber();
    batch.id = services_.journal.AddBatches({{batch.pass, batch.info}}).front();
  }
  services_.journal.EnsureDurable(batch.id);
}

void PassPipeline::StoreUnit(UnitInFlight& unit) {
  for (BatchInFlight& batch : unit.batches) {
    // A batch before it had to be recorded anew and has a higher number now.
    if (batch.info.number < batch.archive->stored_number()) {
      services_.journal.MarkForgotten(batch.id);
      RecordAnew(batch);
    }
    StoreWithoutConflicts(batch);
  }
  std::erase_if(unit.batches,
                [](const BatchInFlight& batch) { return batch.rows.row_count() == 0; });
  std::vector<Journal::ArchivedBatch> archived;
  for (const BatchInFlight& batch : unit.batches) archived.push_back({batch.id, batch.copies});
  if (archived.empty()) return;
  services_.journal.MarkArchived(archived);
  Failpoint("batch-archived");
  for (const BatchInFlight& batch : unit.batches) services_.progress.AddArchived(batch.info.rows);
}

// Stores the batch; rows that meet somebody else's are taken out, named and counted, and the rest
// goes on as a new batch. Twice at most per destination: the conflicting rows are found all at
// once.
void PassPipeline::StoreWithoutConflicts(BatchInFlight& batch) {
  for (std::size_t tries = 0; batch.rows.row_count() > 0; ++tries) {
    try {
      batch.copies = batch.archive->Store(ToStore(batch));
      return;
    } catch (const BatchConflict& conflict) {
      if (tries > services_.destinations.size() || conflict.row_indexes().empty()) throw;
      LogError(conflict.what());
      DropConflictingRows(batch, conflict);
    }
  }
}

void PassPipeline::DropConflictingRows(BatchInFlight& batch, const BatchConflict& conflict) {
  std::vector<bool> drop(batch.rows.row_count());
  for (const std::size_t index : conflict.row_indexes()) drop.at(index) = true;
  const TableDefinition& definition = batch.archive->context().definition;
  RowBatch rows(definition.columns.size());
  std::vector<Hash> hashes;
  std::vector<std::uint32_t> levels;
  for (std::size_t i = 0; i < drop.size(); ++i) {
    if (drop[i]) continue;
    rows.AppendRow(batch.rows.row(i));
    hashes.push_back(batch.hashes[i]);
    if (!batch.levels.empty()) levels.push_back(batch.levels[i]);
  }
  const std::uint64_t dropped = batch.rows.row_count() - rows.row_count();
  services_.journal.MarkForgotten(batch.id);
  services_.journal.AddConflicts(batch.pass, dropped);
  {
    const std::lock_guard lock(mutex_);
    counts_.conflicts += dropped;
  }
  batch.rows = std::move(rows);
  batch.hashes = std::move(hashes);
  batch.levels = std::move(levels);
  if (batch.rows.row_count() == 0) return;
  DescribeRows(definition.key, &batch);
  RecordAnew(batch);
}

void PassPipeline::VerifyStage() {
  try {
    while (auto unit = to_verify_.Pop()) {
      VerifiedUnit verified = VerifyUnit(*unit);
      if (options_.mode == PassMode::kArchiveOnly) {
        for (BatchInFlight& batch : unit->batches) row_memory_.Give(std::move(batch.rows));
        budget_.Release(unit->bytes);
      } else if (!to_delete_.Push(std::move(verified))) {
        break;
      }
    }
  } catch (const CopyDamaged& damaged) {
    Fail();
    if (Destination* destination =
            FindDestination(services_.destinations, damaged.location().target)) {
      try {
        destination->Quarantine(damaged.location(), services_.journal);
      } catch (const std::exception& error) {
        LogError(std::string("cannot put the damaged copy aside: ") + error.what());
      }
    }
  } catch (...) {
    Fail();
  }
  to_verify_.Abandon();
  to_delete_.Close();
  SealStored();
}

void PassPipeline::SealStored() {
  if (!CameToItsEnd()) return;
  try {
    options_.seal();
  } catch (const std::exception& error) {
    copies_doubtful_ = true;
    if (!Fail()) LogError(error.what());
    to_delete_.Abandon();
  }
}

void PassPipeline::DeleteStage() {
  try {
    Deleter deleter(services_.connect, services_.clock, services_.stop);
    // While the first unit is stored and verified.
    first_.wait(First::kAwaited);
    if (first_ == First::kCame && options_.mode != PassMode::kArchiveOnly) deleter.Connect();
    bool goes_on = true;
    while (auto unit = to_delete_.Pop()) {
      DeletedUnit deleted{*std::move(unit), {}};
      goes_on = goes_on && DeleteUnit(deleter, deleted.unit, &deleted.outcome);
      if (!goes_on) {
        budget_.Release(deleted.unit.bytes);
      } else if (!to_record_.Push(std::move(deleted))) {
        // The journal cannot be written: nothing more is deleted that it would not hear of.
        to_delete_.Abandon();
        break;
      }
    }
  } catch (...) {
    Fail();
    to_delete_.Abandon();
  }
  const std::lock_guard lock(mutex_);
  if (--deleting_ == 0) to_record_.Close();
}

void PassPipeline::RecordStage() {
  try {
    while (auto deleted = to_record_.Pop()) {
      RecordUnit(*deleted);
      for (DeletableRows& part : deleted->unit.parts) {
        row_memory_.Give(std::move(part).TakeMemory());
      }
      budget_.Release(deleted->unit.bytes);
    }
  } catch (...) {
    Fail();
    to_record_.Abandon();
    to_delete_.Abandon();
  }
}

// Between two transactions of a unit the throttle may say that the rest is left, where settling can
// tell what is gone: not of rows without a copy.
DeleteOptions PassPipeline::OptionsFor() {
  DeleteOptions delete_options;
  delete_options.max_rows_per_transaction = std::min(options_.batch_rows, throttle_.rows_at_once());
  delete_options.target = std::chrono::milliseconds(options_.delete_target_ms);
  delete_options.committed = [this](std::uint64_t rows, std::chrono::milliseconds duration) {
    throttle_.AddTransaction(rows, duration);
    services_.progress.AddDeleted(rows);
  };
  const bool can_be_left = options_.mode == PassMode::kMove;
  delete_options.may_go_on = [this, can_be_left] {
    return (throttle_.Wait() && !copies_doubtful_) || !can_be_left;
  };
  return delete_options;
}

// False: it is left to the next run.
bool PassPipeline::DeleteUnit(Deleter& deleter, const VerifiedUnit& unit, DeleteOutcome* outcome) {
  if (!throttle_.Wait() || copies_doubtful_) return false;
  // Mostly free: while this unit waited, the next one was about to be stored.
  EnsureDurable(services_.journal, unit);
  try {
    *outcome = deleter.Delete(unit.parts, OptionsFor());
    return true;
  } catch (const DeleteLeft&) {
    return false;
  }
}

void PassPipeline::RecordUnit(const DeletedUnit& unit) {
  const DeleteCounts counts = RecordOutcome(services_.journal, services_.context.archiver,
                                            services_.context.source, unit.unit, unit.outcome);
  Failpoint("batch-deleted");
  const std::lock_guard lock(mutex_);
  counts_.deleted += counts.deleted;
  counts_.absent += counts.absent;
  counts_.changed += counts.changed;
  counts_.blocked += counts.blocked;
}

}  // namespace osarchiver
