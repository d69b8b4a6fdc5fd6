#include "engine/batch_verifier.h"

#include <fmt/format.h>

#include <future>
#include <unordered_map>

#include "util/failpoint.h"

namespace osarchiver {
namespace {

// What is kept between two batches for its memory.
constexpr std::size_t kScratchBytes = std::size_t{24} << 20;
// Up to here hashing a copy once more costs less than waiting for it.
constexpr std::size_t kSideBySideBytes = std::size_t{2} << 20;

std::string Describe(const CopyReference& copy) {
  const CopyTarget& target = copy.location.target;
  return fmt::format("batch {} of {}.{} in run {} at {}{}", copy.number, copy.key.database,
                     copy.key.table, copy.run_name, target.destination,
                     target.format.empty() ? "" : "/" + target.format);
}

// The memory of the batch before, but none that only a huge row needed.
void Prepare(std::size_t column_count, RowBatch* scratch) {
  const bool was_large = scratch->byte_count() > kScratchBytes;
  scratch->Restart(column_count);
  if (was_large) scratch->ShrinkToFit();
}

}  // namespace

std::int64_t KeyHash(std::string_view row, const std::vector<std::size_t>& key) {
  thread_local Sha256 sha;
  return ShortHash(sha.Of(KeyBytes(row, key)));
}

RowBatch BatchVerifier::ReadProven(Destination& destination, const CopyReference& copy,
                                   const TableDefinition& definition, const Hash& digest,
                                   std::uint64_t rows) {
  RowBatch found(definition.columns.size());
  Prove(destination, copy, definition, digest, rows, nullptr, &found);
  return found;
}

void BatchVerifier::Prove(Destination& destination, const CopyReference& copy,
                          const TableDefinition& definition, const Hash& digest, std::uint64_t rows,
                          const DigestedRows* known, RowBatch* found) {
  Hash found_digest;
  try {
    found_digest = destination.ReadBack(copy, definition, journal_, known, found);
  } catch (const IntegrityError& error) {
    throw CopyDamaged(error.what(), copy.location);
  }
  if (found->row_count() != rows) {
    throw CopyDamaged(
        fmt::format("{}: {} rows where {} were archived", Describe(copy), found->row_count(), rows),
        copy.location);
  }
  if (found_digest != digest) {
    throw CopyDamaged(
        fmt::format("{}: the rows read back are not the rows archived", Describe(copy)),
        copy.location);
  }
}

void BatchVerifier::ProveCopy(Destination& destination, const BatchInFlight& batch,
                              const std::string& run_name, const PassKey& key,
                              const DigestedRows* known, RowBatch* found) {
  Failpoint("batch-readback-before");
  const CopyLocation* location = nullptr;
  for (const CopyLocation& copy : batch.copies) {
    if (copy.target == destination.target()) location = &copy;
  }
  if (location == nullptr) {
    throw StateError(fmt::format("batch {} of {} has no copy at {}", batch.info.number,
                                 ToText(batch.table->name), destination.target().destination));
  }
  const TableDefinition& definition = batch.archive->context().definition;
  Prepare(definition.columns.size(), found);
  Prove(destination, {run_name, key, batch.info.number, *location}, definition, batch.info.digest,
        batch.info.rows, known, found);
  Failpoint("batch-readback-after");
}

void BatchVerifier::Verify(const BatchInFlight& batch, const std::string& run_name,
                           const PassKey& key) {
  if (batch.rows.byte_count() <= kSideBySideBytes) {
    VerifySideBySide(batch, run_name, key);
    return;
  }
  // Not with the batch's own rows: what was read back is evidence, they are what it is held
  // against.
  std::optional<DigestedRows> proven;
  for (Destination* destination : destinations_) {
    RowBatch& read = proven ? next_copy_ : first_copy_;
    ProveCopy(*destination, batch, run_name, key, proven ? &*proven : nullptr, &read);
    // Two copies of a huge row are not held at once.
    if (!proven && read.byte_count() <= kScratchBytes) proven.emplace(read, batch.info.digest);
  }
}

void BatchVerifier::VerifySideBySide(const BatchInFlight& batch, const std::string& run_name,
                                     const PassKey& key) {
  std::vector<std::future<void>> others;
  for (std::size_t i = 1; i < destinations_.size(); ++i) {
    others.push_back(std::async(std::launch::async, [&, destination = destinations_[i]] {
      RowBatch read;
      ProveCopy(*destination, batch, run_name, key, nullptr, &read);
    }));
  }
  if (!destinations_.empty())
    ProveCopy(*destinations_.front(), batch, run_name, key, nullptr, &first_copy_);
  for (std::future<void>& other : others) other.get();
}

DeletableRows BatchVerifier::TakeVerified(BatchInFlight& batch) {
  return DeletableRows(batch.table, batch.archive->context().definition, std::move(batch.rows),
                       std::move(batch.hashes), std::move(batch.levels));
}

DeletableRows BatchVerifier::VerifyStored(const TablePlan& table, const RunInfo& run,
                                          const PassInfo& pass, const BatchInfo& batch,
                                          const std::vector<std::int64_t>& key_hashes,
                                          const std::vector<std::uint32_t>& levels) {
  TableDefinition definition = DefinitionFromJson(pass.definition);
  RowBatch proven(definition.columns.size());
  for (Destination* destination : destinations_) {
    const CopyLocation* location = nullptr;
    for (const CopyLocation& copy : batch.copies) {
      if (copy.target == destination->target()) location = &copy;
    }
    if (location == nullptr) {
      throw StateError(fmt::format("batch {} of {} has no copy at {}", batch.batch.number,
                                   ToText(table.name), destination->target().destination));
    }
    proven = RowBatch();  // one copy at a time
    proven = ReadProven(*destination, {run.name, pass.key, batch.batch.number, *location},
                        definition, batch.batch.digest, batch.batch.rows);
  }
  return Choose(table, std::move(definition), proven, key_hashes, levels);
}

DeletableRows BatchVerifier::Choose(const TablePlan& table, TableDefinition definition,
                                    const RowBatch& proven,
                                    const std::vector<std::int64_t>& key_hashes,
                                    const std::vector<std::uint32_t>& levels) {
  std::unordered_map<std::int64_t, std::uint32_t> wanted;
  for (std::size_t i = 0; i < key_hashes.size(); ++i)
    wanted[key_hashes[i]] = levels.empty() ? 0 : levels[i];

  RowBatch rows(definition.columns.size());
  std::vector<std::uint32_t> row_levels;
  for (std::size_t i = 0; i < proven.row_count(); ++i) {
    const auto it = wanted.find(KeyHash(proven.row(i), definition.key));
    if (it == wanted.end()) continue;
    rows.AppendRow(proven.row(i));
    row_levels.push_back(it->second);
  }
  std::vector<Hash> hashes = RowHashes(rows);
  return DeletableRows(&table, std::move(definition), std::move(rows), std::move(hashes),
                       std::move(row_levels));
}

void BatchVerifier::Merge(DeletableRows* to, DeletableRows from) {
  to->levels_.resize(to->size(), 0);
  for (std::size_t i = 0; i < from.size(); ++i) {
    to->rows_.AppendRow(from.row(i));
    to->hashes_.push_back(from.hash(i));
    to->levels_.push_back(from.level(i));
  }
}

}  // namespace osarchiver
