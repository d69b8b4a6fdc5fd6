#include "engine/kept_filter.h"

#include <fmt/format.h>

#include <map>

#include "engine/batch_verifier.h"
#include "engine/copy_repair.h"

namespace osarchiver {

KeptFilter::KeptFilter(Journal& journal, std::string archiver, PassKey key)
    : journal_(journal), archiver_(std::move(archiver)), key_(std::move(key)) {}

bool KeptFilter::ArchivedUnder(const TableDefinition& today, BatchId batch) {
  const auto known = alike_.find(batch);
  if (known != alike_.end()) return known->second;
  const StoredBatch stored = LoadStoredBatch(journal_, batch);
  const bool alike = SameRowShape(DefinitionFromJson(stored.pass.definition), today);
  return alike_[batch] = alike;
}

KeptFilter::Result KeptFilter::Split(UnitPart& part, BatchId first_batch_of_run, Kept what) {
  Result result;
  std::vector<Hash> hashes = RowHashes(part.rows);
  // Asked anew each time: another table's pass may have kept rows of this one as dependents.
  const bool any_held = journal_.CountHeld(key_) > 0;
  if (!any_held && journal_.CountKept(archiver_, key_) == 0) {
    result.rows = std::move(part.rows);
    result.hashes = std::move(hashes);
    result.levels = std::move(part.levels);
    return result;
  }

  const std::vector<std::size_t>& key = part.table->definition().key;
  std::vector<std::int64_t> key_hashes(part.rows.row_count());
  for (std::size_t i = 0; i < key_hashes.size(); ++i)
    key_hashes[i] = KeyHash(part.rows.row(i), key);
  const auto kept = journal_.FindKept(archiver_, key_, key_hashes);
  const auto held =
      any_held ? journal_.FindHeld(key_, key_hashes) : std::vector<bool>(key_hashes.size());

  result.rows = RowBatch(part.rows.column_count());
  std::map<BatchId, Release> releases;
  for (std::size_t i = 0; i < key_hashes.size(); ++i) {
    if (held[i]) {
      ++result.held;
      continue;
    }
    const std::uint32_t level = part.levels.empty() ? 0 : part.levels[i];
    const bool unchanged = kept[i] && kept[i]->row_hash == ShortHash(hashes[i]);
    if (unchanged && what == Kept::kLeave) continue;
    if (unchanged && what == Kept::kRelease &&
        ArchivedUnder(part.table->definition(), kept[i]->batch)) {
      Release& release = releases[kept[i]->batch];
      release.batch = kept[i]->batch;
      release.key_hashes.push_back(key_hashes[i]);
      release.levels.push_back(level);
      continue;
    }
    if (kept[i] && first_batch_of_run != 0 && kept[i]->batch >= first_batch_of_run) continue;
    if (kept[i]) {
      result.supersedes.push_back(
          {KeyBytes(part.rows.row(i), key),
           fmt::format("{:016x}", static_cast<std::uint64_t>(kept[i]->row_hash))});
    }
    result.rows.AppendRow(part.rows.row(i));
    result.hashes.push_back(hashes[i]);
    result.levels.push_back(level);
  }
  for (auto& [batch, release] : releases) result.releases.push_back(std::move(release));
  return result;
}

}  // namespace osarchiver
