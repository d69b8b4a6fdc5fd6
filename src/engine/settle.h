// Settles what earlier runs of an archiver left in flight, before anything new is started.
// settle_rules.h has the rule. settle.cc goes through runs, passes and batches, settle_copies.cc
// reads and repairs copies, settle_delete.cc deletes.
//
// Invariants
// - Everything is looked at before anything is written: when an archive knows more than the
// journal, nothing is touched.
// - No valid copy is thrown away: bytes behind a journaled length are cut only after the rows that
// they hold were stored and journaled
//   elsewhere.
// - A batch is deleted only if today's configuration still wants it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/copy_repair.h"
#include "engine/run_services.h"
#include "engine/settle_rules.h"

namespace osarchiver {

class Throttle;

struct SettleResult {
  std::uint64_t runs = 0;
  std::uint64_t batches = 0;
  std::uint64_t deleted = 0;
  std::vector<std::string>
      damage;  // batches that are gone from the source and have no whole copy any more
  std::vector<std::string>
      failures;  // passes that could not be settled, one line each; the rest was
  // Their tables. Rows of theirs may lie archived in batches that no pass knows to skip, so a pass
  // that reads them now would archive them a second time.
  std::set<PassKey> unsettled;
};

// A source of today's configuration that could be reached.
struct SettleSource {
  const SourcePlan* plan = nullptr;
  std::function<std::unique_ptr<Connection>()> connect;
  Throttle* throttle = nullptr;  // what settling deletes is deleted as gently as everything else
};

// What was left in flight is settled by the archiver that left it: another one would archive those
// rows a second time, and nobody would know any more which of them the first had deleted. Throws
// ConfigError when the configuration has no such archiver any more and `archiver` works on that
// source.
void RequireNothingForgotten(const Settings& settings, const Journal& journal,
                             const ArchiverSettings& archiver);

// A destination that is not among these and has segments of the run, with its format; empty: none.
// Such a run is not settled, for nobody was there to end its files and to list their checksums.
std::string SegmentsElsewhere(const Journal& journal, RunId run, const Destinations& destinations);

class Settler {
 public:
  // `sources`: by name. What belongs to a source of `unreachable` stays for the next run.
  Settler(RunServices& services, std::map<std::string, SettleSource> sources,
          std::set<std::string> unreachable);

  // Throws IntegrityError when an archive contradicts the journal or rows are lost; what fails
  // otherwise is in the result and stays for the next run.
  SettleResult Settle();

 private:
  struct PassToSettle {
    RunInfo run;
    PassInfo pass;
    std::vector<CopyTarget> targets;  // where the run has copies of any batch
    std::vector<Survey> surveys;      // as services_.destinations
  };

  std::vector<RunInfo> EarlierRuns() const;  // with anything to settle
  void AddUnsettled(const PassKey& table, SettleResult* result) const;
  std::vector<PassToSettle> SurveyAll(const std::vector<RunInfo>& runs);
  std::vector<BatchInfo> BringPassToVerified(const PassToSettle& pass, SettleResult* result);
  void RepairCopies(const PassToSettle& pass, SettleResult* result);
  // The valid copies of one batch and, when there are any, its rows.
  struct Proven {
    std::optional<RowBatch> rows;
    std::vector<CopyLocation> in_place;   // proven and within what the journal vouches for
    std::vector<CopyLocation> elsewhere;  // where the archiver archives no more, or put aside
    std::set<std::string> unread;         // why copies that may be whole could not be read
    Found found = Found::kNothing;
  };
  bool IsAside(const CopyLocation& copy) const;
  Proven Prove(const PassToSettle& pass, const BatchInfo& batch);
  bool BringToVerified(const PassToSettle& pass, BatchInfo batch, PassArchive& archive,
                       SettleResult* result);
  // Batches and releases that one run meant to delete together, and their tables.
  struct Unit {
    std::vector<BatchId> batches;
    std::vector<ReleaseInfo> releases;
    std::set<PassKey> tables;
  };
  struct Deletable;
  void AddBatch(BatchId id, Deletable* deletable);
  void AddRelease(const ReleaseInfo& info, Deletable* deletable);
  std::vector<std::int64_t> FreeKeys(const StoredBatch& stored, const RowBatch& rows,
                                     const TableDefinition& definition, std::vector<KeptRow>* held);
  std::vector<bool> Held(const PassKey& key, const std::vector<std::int64_t>& key_hashes);
  void DeleteOrKeep(const Unit& unit, SettleResult* result);
  void Keep(const BatchInfo& batch, const RowBatch& rows, const TableDefinition& definition);
  const TablePlan* WantsDelete(const PassInfo& pass) const;
  void RequireSource(const StoredBatch& stored) const;

  RunServices& services_;
  std::map<std::string, SettleSource> sources_;
  std::set<std::string> unreachable_;
  BatchVerifier verifier_;
  CopyReader reader_;
};

}  // namespace osarchiver
