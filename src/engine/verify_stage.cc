// The third stage of the pipeline: every copy of a unit is read back and compared, and the rows
// become deletable.
#include <fmt/format.h>

#include "engine/copy_repair.h"
#include "engine/delete_only.h"
#include "engine/pass_pipeline.h"
#include "util/failpoint.h"

namespace osarchiver {

VerifiedUnit PassPipeline::VerifyUnit(UnitInFlight& unit) {
  VerifiedUnit verified;
  verified.bytes = unit.bytes;
  if (options_.mode == PassMode::kDeleteOnly) {
    for (BatchInFlight& batch : unit.batches) {
      VerifiedUnit::Batch entry;
      entry.id = batch.id;
      entry.unarchived = true;
      entry.may_replace = !batch.supersedes.empty();
      verified.Add(DeleteOnlyPermit::Take(batch), entry);
    }
    return verified;
  }

  std::vector<BatchId> ids;
  for (const BatchInFlight& batch : unit.batches) {
    const TableName& name = batch.table->name;
    verifier_.Verify(batch, services_.context.run_name,
                     {services_.context.source, name.database, name.table});
    ids.push_back(batch.id);
  }
  const bool keep = options_.mode == PassMode::kArchiveOnly;
  if (!ids.empty()) {
    services_.journal.MarkVerified(ids, keep ? Journal::Next::kKeep : Journal::Next::kDelete);
    Failpoint("batch-verified");
  }
  for (BatchInFlight& batch : unit.batches) {
    services_.progress.AddVerified(batch.info.rows);
    if (keep) {
      KeepBatch(batch);
    } else {
      AddBatch(batch, &verified);
    }
  }
  if (!keep) {
    AddReleases(unit, &verified);
    verified.SortParts(unit.tables);
  }
  return verified;
}

void PassPipeline::KeepBatch(const BatchInFlight& batch) {
  const std::vector<std::size_t>& key = batch.archive->context().definition.key;
  std::vector<KeptRow> rows;
  rows.reserve(batch.rows.row_count());
  for (std::size_t i = 0; i < batch.rows.row_count(); ++i) {
    rows.push_back({KeyHash(batch.rows.row(i), key), ShortHash(batch.hashes[i]), batch.id});
  }
  services_.journal.MarkKept(batch.id, rows);
  Failpoint("batch-kept");
  const std::lock_guard lock(mutex_);
  counts_.kept += rows.size();
}

void PassPipeline::AddBatch(BatchInFlight& batch, VerifiedUnit* unit) {
  VerifiedUnit::Batch entry;
  entry.id = batch.id;
  entry.may_replace = !batch.supersedes.empty();
  unit->Add(verifier_.TakeVerified(batch), entry);
}

// Every copy of every release is proven before the journal hears that any of them is to be deleted.
void PassPipeline::AddReleases(const UnitInFlight& unit, VerifiedUnit* verified) {
  if (unit.releases.empty()) return;
  std::vector<DeletableRows> proven;
  std::vector<NewRelease> begun;
  for (const Release& release : unit.releases) {
    const StoredBatch stored = LoadStoredBatch(services_.journal, release.batch);
    proven.push_back(verifier_.VerifyStored(*release.table, stored.run, stored.pass, stored.batch,
                                            release.key_hashes, release.levels));
    begun.push_back({release.by, release.batch, unit.number, release.key_hashes});
  }
  const std::vector<ReleaseId> ids = services_.journal.BeginReleases(begun);
  Failpoint("release-begun");
  for (std::size_t i = 0; i < ids.size(); ++i) {
    VerifiedUnit::Batch entry;
    entry.id = begun[i].batch;
    entry.release = ids[i];
    verified->Add(std::move(proven[i]), entry);
  }
}

}  // namespace osarchiver
