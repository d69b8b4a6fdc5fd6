// Reads every copy of a batch back from where it lies and compares digests. The only maker of
// DeletableRows of an archiver that archives.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/pass_archive.h"
#include "engine/unit_in_flight.h"
#include "source/deletable_rows.h"
#include "state/journal.h"

namespace osarchiver {

// A copy is not what was stored. Carries which, so that its segment can be put aside.
class CopyDamaged : public IntegrityError {
 public:
  CopyDamaged(const std::string& message, CopyLocation location)
      : IntegrityError(message), location_(std::move(location)) {}
  const CopyLocation& location() const { return location_; }

 private:
  CopyLocation location_;
};

class BatchVerifier {
 public:
  BatchVerifier(Journal& journal, const Destinations& destinations)
      : journal_(journal), destinations_(destinations) {}

  // Reads the batch's copy at each destination and compares it with the digest of the rows that
  // were read from the source. Throws CopyDamaged for the first that differs, StateError when a
  // destination has none.
  void Verify(const BatchInFlight& batch, const std::string& run_name, const PassKey& key);
  // After Verify() and after the journal knows: the rows, ready to be deleted. Takes the batch's
  // rows.
  DeletableRows TakeVerified(BatchInFlight& batch);
  // Reads an older batch from every destination of today, proves it, and gives those of its rows
  // whose key hash is listed. Missing copies were made before. Throws CopyDamaged.
  DeletableRows VerifyStored(const TablePlan& table, const RunInfo& run, const PassInfo& pass,
                             const BatchInfo& batch, const std::vector<std::int64_t>& key_hashes,
                             const std::vector<std::uint32_t>& levels);
  // Those of `proven`, one copy's rows, whose key hash is listed.
  static DeletableRows Choose(const TablePlan& table, TableDefinition definition,
                              const RowBatch& proven, const std::vector<std::int64_t>& key_hashes,
                              const std::vector<std::uint32_t>& levels);
  // One copy's rows, proven by the batch's digest. Throws CopyDamaged.
  RowBatch ReadProven(Destination& destination, const CopyReference& copy,
                      const TableDefinition& definition, const Hash& digest, std::uint64_t rows);
  // Appends `from`'s rows to `to`, which is of the same table and definition.
  static void Merge(DeletableRows* to, DeletableRows from);

 private:
  // Appends the copy's rows to `found`. `known`: rows of another copy that has been proven, or
  // nullptr. Throws CopyDamaged.
  void Prove(Destination& destination, const CopyReference& copy, const TableDefinition& definition,
             const Hash& digest, std::uint64_t rows, const DigestedRows* known, RowBatch* found);

  // The same for the batch's copy at one destination.
  void ProveCopy(Destination& destination, const BatchInFlight& batch, const std::string& run_name,
                 const PassKey& key, const DigestedRows* known, RowBatch* found);
  void VerifySideBySide(const BatchInFlight& batch, const std::string& run_name,
                        const PassKey& key);

  Journal& journal_;
  const Destinations& destinations_;
  // Rows read back: of the first copy, which is digested, and of the next, which is compared.
  RowBatch first_copy_;
  RowBatch next_copy_;
};

// The short hash that the journal keeps of a row's key.
std::int64_t KeyHash(std::string_view row, const std::vector<std::size_t>& key);

}  // namespace osarchiver
