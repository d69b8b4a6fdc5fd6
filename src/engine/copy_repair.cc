#include "engine/copy_repair.h"

#include <fmt/format.h>

#include "util/log.h"

namespace osarchiver {

StoredBatch LoadStoredBatch(Journal& journal, BatchId batch) {
  auto info = journal.FindBatch(batch);
  if (!info) throw StateError(fmt::format("the journal has no batch with id {}", batch));
  auto pass = journal.FindPass(info->pass);
  if (!pass) throw StateError(fmt::format("the journal has no table pass with id {}", info->pass));
  auto run = journal.FindRun(std::to_string(pass->run));
  if (!run) throw StateError(fmt::format("the journal has no run {}", pass->run));
  return {*std::move(run), *std::move(pass), *std::move(info)};
}

PassContext ContextOf(const RunServices& services, const RunInfo& run, const PassInfo& pass) {
  PassContext context;
  context.run = services.context;
  context.run.source = pass.key.source;
  context.run.run_name = run.name;
  context.run.now = run.now;
  if (const auto started = ParseUtc(run.started_at)) context.run.started_unix = *started;
  context.pass = pass.id;
  context.cutoff = pass.cutoff;
  context.definition = DefinitionFromJson(pass.definition);
  return context;
}

std::string KeyRangeText(const NewBatch& batch) {
  return fmt::format("keys {} to {}", KeyText(batch.first_key), KeyText(batch.last_key));
}

NoCopyWhole::NoCopyWhole(const RunInfo& run, const PassKey& key, const NewBatch& batch)
    : IntegrityError(
          fmt::format("no copy of batch {} of {}.{} in run {} ({}) is whole", batch.number,
                      key.database, key.table, run.name, KeyRangeText(batch)),
          "osarchiver verify --run " + run.name + " names what is damaged") {}

CopyOutOfReach::CopyOutOfReach(const RunInfo& run, const PassKey& key, const NewBatch& batch,
                               const std::set<std::string>& why)
    : Error(
          fmt::format("batch {} of {}.{} in run {} ({}) has no copy within reach: {}", batch.number,
                      key.database, key.table, run.name, KeyRangeText(batch), fmt::join(why, "; ")),
          "put the destination back under 'destinations'; no archiver needs to name it") {}

void CompleteCopies(RunServices& services, CopyReader& reader, StoredBatch* stored,
                    const std::vector<CopyLocation>& spare) {
  std::vector<Destination*> missing;
  for (Destination* destination : services.destinations) {
    bool found = false;
    for (const CopyLocation& copy : stored->batch.copies)
      found = found || copy.target == destination->target();
    if (!found) missing.push_back(destination);
  }
  if (missing.empty()) return;

  const PassContext context = ContextOf(services, stored->run, stored->pass);
  const NewBatch& info = stored->batch.batch;
  std::vector<CopyLocation> sources = stored->batch.copies;
  sources.insert(sources.end(), spare.begin(), spare.end());
  const CopyReader::Outcome found =
      reader.Read({stored->run, stored->pass.key, context.definition, info}, sources);
  for (const std::string& damage : found.damaged) LogError(damage);
  if (!found.rows && !found.unread.empty())
    throw CopyOutOfReach(stored->run, stored->pass.key, info, found.unread);
  if (!found.rows) throw NoCopyWhole(stored->run, stored->pass.key, info);

  PassArchive archive(services.journal, services.destinations, context);
  const std::vector<Hash> hashes = RowHashes(*found.rows);
  BatchToStore store;
  store.number = info.number;
  store.rows = &*found.rows;
  store.row_hashes = &hashes;
  store.digest = info.digest;
  std::vector<CopyLocation> copies = stored->batch.copies;
  for (Destination* destination : missing) copies.push_back(archive.StoreAt(*destination, store));
  services.journal.ReplaceCopies(stored->batch.id, copies);
  archive.Seal();
  stored->batch.copies = std::move(copies);
}

}  // namespace osarchiver
