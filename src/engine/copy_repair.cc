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

void CompleteCopies(RunServices& services, BatchVerifier& verifier, StoredBatch* stored,
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
  RowBatch rows;
  bool proven = false;
  std::vector<CopyLocation> sources = stored->batch.copies;
  sources.insert(sources.end(), spare.begin(), spare.end());
  for (const CopyLocation& copy : sources) {
    Destination* destination = FindDestination(services.destinations, copy.target);
    if (destination == nullptr) continue;
    try {
      rows =
          verifier.ReadProven(*destination, {stored->run.name, stored->pass.key, info.number, copy},
                              context.definition, info.digest, info.rows);
      proven = true;
      break;
    } catch (const IntegrityError& error) {
      LogError(error.what());
    }
  }
  if (!proven) {
    throw IntegrityError(fmt::format("no copy of batch {} of {}.{} in run {} ({}) is whole",
                                     info.number, stored->pass.key.database, stored->pass.key.table,
                                     stored->run.name, KeyRangeText(info)),
                         "osarchiver verify --run " + stored->run.name + " names what is damaged");
  }

  PassArchive archive(services.journal, services.destinations, context);
  const std::vector<Hash> hashes = RowHashes(rows);
  BatchToStore store;
  store.number = info.number;
  store.rows = &rows;
  store.row_hashes = &hashes;
  store.digest = info.digest;
  std::vector<CopyLocation> copies = stored->batch.copies;
  for (Destination* destination : missing) copies.push_back(archive.StoreAt(*destination, store));
  services.journal.ReplaceCopies(stored->batch.id, copies);
  archive.Seal();
  stored->batch.copies = std::move(copies);
}

}  // namespace osarchiver
