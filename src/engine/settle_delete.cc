// What settling does with batches that are verified: their rows are deleted, or kept.

#include <fmt/format.h>

#include <algorithm>

#include "engine/settle.h"
#include "engine/throttle.h"
#include "engine/unit_outcome.h"
#include "engine/verified_unit.h"
#include "source/deleter.h"
#include "util/failpoint.h"

namespace osarchiver {

// What is to be deleted of one unit that was left in flight.
struct Settler::Deletable {
  VerifiedUnit unit;
  std::string source;
  std::vector<BatchId> announced;
  RowOutcome absent = RowOutcome::kAbsent;

  // Children first, as the plan has them; in a cycle as they were extracted.
  std::vector<const TablePlan*> Tables() const {
    std::vector<const TablePlan*> tables;
    for (const DeletableRows& part : unit.parts) {
      if (std::find(tables.begin(), tables.end(), &part.table()) == tables.end())
        tables.push_back(&part.table());
    }
    std::stable_sort(tables.begin(), tables.end(), [](const TablePlan* a, const TablePlan* b) {
      return a->component < b->component;
    });
    return tables;
  }
};

void Settler::AddBatch(BatchId id, Deletable* deletable) {
  const StoredBatch stored = LoadStoredBatch(services_.journal, id);
  const TableDefinition definition = DefinitionFromJson(stored.pass.definition);
  CopyReader::Outcome found = reader_.Read(
      {stored.run, stored.pass.key, definition, stored.batch.batch}, stored.batch.copies);
  if (!found.rows)
    throw StateError(
        fmt::format("batch {} lost its copy while settling", stored.batch.batch.number));
  RowBatch rows = *std::move(found.rows);
  const TablePlan* table = WantsDelete(stored.pass);
  if (table == nullptr && stored.batch.delete_begun) RequireSource(stored);
  if (table == nullptr) {
    Keep(stored.batch, rows, definition);
    return;
  }
  VerifiedUnit::Batch entry;
  entry.id = id;
  const std::vector<std::int64_t> keys = FreeKeys(stored, rows, definition, &entry.held);
  if (keys.empty()) {
    Keep(stored.batch, rows, definition);
    return;
  }
  if (stored.batch.delete_begun) deletable->absent = RowOutcome::kDeleted;
  deletable->source = stored.pass.key.source;
  deletable->announced.push_back(id);
  // Which versions it replaces was known to the run that archived it.
  entry.may_replace = services_.journal.CountKept(services_.context.archiver, stored.pass.key) > 0;
  if (services_.destinations.empty()) {
    // An archiver that archives no more: what it archived is held against one copy all the same.
    deletable->unit.Add(BatchVerifier::Choose(*table, definition, rows, keys, {}), entry);
    return;
  }
  rows = RowBatch();  // they are read once more
  deletable->unit.Add(
      verifier_.VerifyStored(*table, stored.run, stored.pass, stored.batch, keys, {}), entry);
}

// The keys of those rows that nobody put back to stay since the batch was archived; the others are
// kept rows.
std::vector<std::int64_t> Settler::FreeKeys(const StoredBatch& stored, const RowBatch& rows,
                                            const TableDefinition& definition,
                                            std::vector<KeptRow>* held) {
  std::vector<std::int64_t> keys;
  for (std::size_t i = 0; i < rows.row_count(); ++i)
    keys.push_back(KeyHash(rows.row(i), definition.key));
  const std::vector<bool> holds = Held(stored.pass.key, keys);
  if (std::find(holds.begin(), holds.end(), true) == holds.end()) return keys;
  const std::vector<Hash> hashes = RowHashes(rows);
  std::vector<std::int64_t> free;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (holds[i]) {
      held->push_back({keys[i], ShortHash(hashes[i]), stored.batch.id});
    } else {
      free.push_back(keys[i]);
    }
  }
  return free;
}

std::vector<bool> Settler::Held(const PassKey& key, const std::vector<std::int64_t>& key_hashes) {
  if (services_.journal.CountHeld(key) == 0) return std::vector<bool>(key_hashes.size());
  return services_.journal.FindHeld(key, key_hashes);
}

void Settler::AddRelease(const ReleaseInfo& info, Deletable* deletable) {
  StoredBatch stored = LoadStoredBatch(services_.journal, info.release.batch);
  const TablePlan* table = WantsDelete(stored.pass);
  if (table == nullptr) RequireSource(stored);
  std::vector<std::int64_t> keys;
  const std::vector<bool> holds = Held(stored.pass.key, info.release.key_hashes);
  for (std::size_t i = 0; i < holds.size(); ++i) {
    if (!holds[i]) keys.push_back(info.release.key_hashes[i]);
  }
  if (table == nullptr || keys.empty()) {
    services_.journal.DropRelease(info.id);
    return;
  }
  // A destination may have been added since.
  CompleteCopies(services_, reader_, &stored);
  deletable->absent = RowOutcome::kDeleted;
  deletable->source = stored.pass.key.source;
  VerifiedUnit::Batch entry;
  entry.id = stored.batch.id;
  entry.release = info.id;
  deletable->unit.Add(
      verifier_.VerifyStored(*table, stored.run, stored.pass, stored.batch, keys, {}), entry);
}

void Settler::DeleteOrKeep(const Unit& unit, SettleResult* result) {
  Deletable deletable;
  for (const BatchId id : unit.batches) AddBatch(id, &deletable);
  for (const ReleaseInfo& release : unit.releases) AddRelease(release, &deletable);
  if (deletable.unit.parts.empty()) return;
  deletable.unit.SortParts(deletable.Tables());
  // From here on a DELETE may be committed whose answer nobody records.
  if (!deletable.announced.empty())
    services_.journal.MarkVerified(deletable.announced, Journal::Next::kDelete);
  EnsureDurable(services_.journal, deletable.unit);
  const SettleSource& source = sources_.at(deletable.source);
  Throttle& throttle = *source.throttle;
  DeleteOptions options;
  options.absent = deletable.absent;
  options.max_rows_per_transaction =
      std::min(options.max_rows_per_transaction, throttle.rows_at_once());
  options.may_go_on = [&throttle] { return throttle.Wait(); };
  options.committed = [&throttle](std::uint64_t rows, std::chrono::milliseconds duration) {
    throttle.AddTransaction(rows, duration);
  };
  Deleter deleter(source.connect, services_.clock, services_.stop);
  const DeleteOutcome outcome = deleter.Delete(deletable.unit.parts, options);
  const DeleteCounts counts = RecordOutcome(services_.journal, services_.context.archiver,
                                            deletable.source, deletable.unit, outcome);
  Failpoint("batch-deleted");
  result->deleted += counts.deleted;
}

void Settler::Keep(const BatchInfo& batch, const RowBatch& rows,
                   const TableDefinition& definition) {
  std::vector<KeptRow> kept;
  for (std::size_t i = 0; i < rows.row_count(); ++i) {
    kept.push_back({KeyHash(rows.row(i), definition.key), 0, batch.id});
  }
  const std::vector<Hash> hashes = RowHashes(rows);
  for (std::size_t i = 0; i < kept.size(); ++i) kept[i].row_hash = ShortHash(hashes[i]);
  services_.journal.MarkKept(batch.id, kept);
}

}  // namespace osarchiver
