// The third stage of the pipeline: every copy of a unit is read back and compared, and the rows
// become deletable.
#include <fmt/format.h>

#include "engine/copy_repair.h"
#include "engine/delete_only.h"
#include "engine/pass_pipeline.h"
#include "util/failpoint.h"

namespace osarchiver {
namespace {

// The part of `table` that new rows may join; nullptr when there is none of the same definition.
DeletableRows* FindPart(VerifiedUnit* unit, const TablePlan& table,
                        const TableDefinition& definition, std::size_t* index) {
  for (std::size_t i = 0; i < unit->parts.size(); ++i) {
    if (&unit->parts[i].table() == &table &&
        SameRowShape(unit->parts[i].definition(), definition)) {
      *index = i;
      return &unit->parts[i];
    }
  }
  return nullptr;
}

void Append(DeletableRows rows, VerifiedUnit::Batch batch, VerifiedUnit* unit) {
  const auto owner = static_cast<std::uint32_t>(unit->batches.size());
  unit->batches.push_back(std::move(batch));
  const std::size_t count = rows.size();
  std::size_t index = unit->parts.size();
  if (DeletableRows* part = FindPart(unit, rows.table(), rows.definition(), &index)) {
    BatchVerifier::Merge(part, std::move(rows));
  } else {
    unit->parts.push_back(std::move(rows));
    unit->owners.emplace_back();
  }
  unit->owners[index].insert(unit->owners[index].end(), count, owner);
}

// Rows that an earlier run archived may refer to rows of the batches, and the other way round.
void SortParts(const std::vector<const TablePlan*>& tables, VerifiedUnit* unit) {
  std::vector<DeletableRows> parts;
  std::vector<std::vector<std::uint32_t>> owners;
  for (const TablePlan* table : tables) {
    for (std::size_t i = 0; i < unit->parts.size(); ++i) {
      if (&unit->parts[i].table() != table) continue;
      parts.push_back(std::move(unit->parts[i]));
      owners.push_back(std::move(unit->owners[i]));
    }
  }
  unit->parts = std::move(parts);
  unit->owners = std::move(owners);
}

}  // namespace

VerifiedUnit PassPipeline::VerifyUnit(UnitInFlight& unit) {
  VerifiedUnit verified;
  verified.bytes = unit.bytes;
  if (options_.mode == PassMode::kDeleteOnly) {
    for (BatchInFlight& batch : unit.batches) {
      VerifiedUnit::Batch entry{batch.id, batch.pass, false, true, {}};
      Append(DeleteOnlyPermit::Take(batch), std::move(entry), &verified);
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
    for (const Release& release : unit.releases) AddRelease(release, &verified);
    SortParts(unit.tables, &verified);
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
  const VerifiedUnit::Batch entry{batch.id, batch.pass, false, false, !batch.supersedes.empty()};
  Append(verifier_.TakeVerified(batch), entry, unit);
}

void PassPipeline::AddRelease(const Release& release, VerifiedUnit* unit) {
  const StoredBatch stored = LoadStoredBatch(services_.journal, release.batch);
  DeletableRows rows = verifier_.VerifyStored(*release.table, stored.run, stored.pass, stored.batch,
                                              release.key_hashes, release.levels);
  Append(std::move(rows), {release.batch, release.by, true, false, false}, unit);
}

}  // namespace osarchiver
