// Where rows are archived to. To add a destination: one file with a class, one line in registry.cc,
// and the contract suite in tests/integration/destination_contract_test.cc runs over it. Retrying
// is the caller's business; nothing here deletes a row that osarchiver did not archive itself, and
// nothing here is ever overwritten but an earlier version of the same row that this journal
// archived.
//
// Threads: Store/Seal of a writer are called from one thread at a time, of different writers at the
// same time; ReadBack of the destination from another; so a destination uses one descriptor or
// connection for each side.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "formats/row_batch.h"
#include "formats/segment.h"
#include "formats/segment_reader.h"
#include "formats/table_definition.h"
#include "state/journal.h"
#include "util/error.h"
#include "util/hash.h"

namespace osarchiver {

class Connection;

// Who archives; the same for a whole run.
struct RunContext {
  std::string site;
  std::string journal_id;
  std::string archiver;
  std::string source;
  std::string server;  // of the source: version, host, cluster uuid
  std::string run_name;
  std::string now;                // "2026-11-23T02:00:00Z"
  std::int64_t started_unix = 0;  // the run's UTC start: {date} of a layout
  // The journal held no run before this one (whose row is written before Destination::Open): it is
  // new, or it was lost.
  bool journal_was_empty = false;
  // The archiver has no other destinations than databases: no root's marker can say that the
  // journal was lost.
  bool databases_only = false;
};

// One table in one run. `pass` is the journal's.
struct PassContext {
  RunContext run;
  PassId pass = 0;
  std::string cutoff;
  std::string where;
  TableDefinition definition;
};

struct BatchToStore {
  std::uint64_t number = 0;
  const RowBatch* rows = nullptr;
  const std::vector<Hash>* row_hashes = nullptr;  // in row order
  Hash digest{};
  std::vector<SupersededRow> supersedes;
};

// Rows of the batch meet rows at the destination that are somebody else's. Nothing of the batch was
// stored there.
class BatchConflict : public ConflictError {
 public:
  BatchConflict(const std::string& message, std::vector<std::size_t> row_indexes)
      : ConflictError(message), row_indexes_(std::move(row_indexes)) {}
  const std::vector<std::size_t>& row_indexes() const { return row_indexes_; }

 private:
  std::vector<std::size_t> row_indexes_;
};

// Writes the batches of one pass, in ascending order, to one copy target.
class TableWriter {
 public:
  virtual ~TableWriter() = default;
  // Says in the journal what Store() of the next batch will begin (a segment), so that all writers'
  // announcements and the batch's own are durable with one sync. Store() does what was left out.
  virtual void Announce() {}
  // Stores the batch. Durable on return. Throws BatchConflict (nothing stored); any other error
  // leaves it open whether the batch is stored: settling finds out. After an error the writer must
  // not be used again. A batch that is stored there already (an entry of the control table) with
  // the same digest is left as it is.
  [[nodiscard]] virtual CopyLocation Store(const BatchToStore& batch) = 0;
  // Says in the journal that Seal() follows, for the same reason.
  virtual void AnnounceSeal() {}
  // Ends the pass: for files, the journal says sealing, the footer is written and synced, the
  // journal says sealed.
  virtual void Seal() = 0;
};

// One batch at one copy target, as the journal knows it.
struct CopyReference {
  std::string run_name;
  PassKey key;
  std::uint64_t number = 0;
  CopyLocation location;
};

struct FoundCopy {
  std::uint64_t number = 0;
  CopyLocation location;
  Hash digest{};
  std::uint64_t rows = 0;
  // Lies behind the length that the journal vouches for.
  bool behind_journal = false;
};

// What lies at a destination of one pass that was interrupted.
struct Survey {
  std::vector<FoundCopy>
      copies;  // whole and valid as far as records say; ReadBack proves the content
  // Evidence that the archive knows more than the journal, one line each: an older or damaged
  // journal. Nothing may be written then.
  std::vector<std::string> journal_is_older;
  std::vector<std::string> problems;  // damage, one line each
};

// What lies at a destination of one archiver, as the archives themselves say: what a lost journal
// is made of again.
struct StoredSegment {
  std::string path;  // relative to the root
  SegmentHeader header;
  std::vector<FoundBatch> batches;  // whole ones
  std::uint64_t length = 0;
  bool sealed = false;
  bool aside = false;                // put aside as damaged before
  std::string sha256, footer_hash;   // of a sealed one
  std::string problem;               // damage, "" when whole or merely torn
  std::vector<BatchRecord> damaged;  // batches that it says it holds and that are not whole
};
struct StoredEntry {
  std::string journal_id, site, archiver, run_name;
  std::string database;  // that it was found in
  PassKey key;
  TableDefinition definition;
  std::uint64_t number = 0, rows = 0;
  Hash digest{};
  std::string first_key, last_key;
};
struct Inventory {
  std::vector<StoredSegment> segments;
  std::vector<StoredEntry> entries;
  // Files named like segments that do not say whose they are, relative to the root: torn before the
  // first batch was whole, or damaged there.
  std::vector<std::string> unreadable;
  // By journal: the last run that wrote here, though perhaps no whole batch.
  std::map<std::string, std::string> last_runs;
  std::vector<std::string> problems;
};

struct VerifyFinding {
  std::string path;    // of a segment or a checksum list, or "database.table" for a database
  std::string result;  // "ok", "open", "missing", "corrupt", "incomplete"
  std::uint64_t batches = 0, rows = 0, bytes = 0;
  std::vector<std::string> problems;
};

// One copy target: a database, or one format of a file destination.
class Destination {
 public:
  virtual ~Destination() = default;
  virtual const CopyTarget& target() const = 0;
  // Whether storing may throw BatchConflict: nothing of the batch may be stored elsewhere before.
  virtual bool may_conflict() const { return true; }

  // Once for each source, before Check() and Open(): lets a database ask whether it is the source's
  // own server. Files: nothing.
  virtual void UseSource(const std::string& source, Connection& connection) {
    (void)source;
    (void)connection;
  }
  // What `check` asks: reachable, writable, enough room, privileges; each problem one line (empty:
  // fine). Creates and changes nothing.
  virtual std::vector<std::string> Check(const RunContext& run, const Journal* journal) = 0;
  // What `check` asks about one table of a source after UseSource(): what would keep its rows from
  // being archived, one line each. Throws ConfigError when it would be its own archive or has no
  // possible name there. Changes nothing.
  virtual std::vector<std::string> CheckTable(const std::string& site, const std::string& source,
                                              const TableDefinition& definition) {
    (void)site;
    (void)source;
    (void)definition;
    return {};
  }
  // Before anything of a run is written. Makes the root and its marker on the first run. Throws
  // IoError (not mounted: marker missing though the journal knows the root), ConfigError (a marker
  // of this archiver but an empty journal; not durable), IntegrityError (the marker names a run of
  // this journal that the journal does not know), DatabaseError.
  virtual void Open(const RunContext& run, Journal& journal) = 0;
  // Throws IntegrityError when what lies here (for databases: of these tables) is of a run of this
  // journal that the journal does not know, ConfigError when it is another journal's. After
  // UseSource(); changes nothing. `journal`: null where there is none.
  virtual void RequireJournal(const RunContext& run, const std::vector<PassKey>& tables,
                              const Journal* journal) {
    (void)run;
    (void)tables;
    (void)journal;
  }
  // Makes or evolves the archive table, refuses with an Error that says why. Files are made with
  // the first batch.
  virtual std::unique_ptr<TableWriter> OpenTable(const PassContext& pass, Journal& journal) = 0;
  // Free room below min_free: a sentence; nothing when there is enough.
  virtual std::optional<std::string> LacksRoom() { return std::nullopt; }

  // Reads one batch from where it lies, as a later reader would, under the definition it was
  // archived with; appends its rows. Returns the digest of the rows as they were read, for the
  // caller to compare with what was archived. Rows that equal `known`, which may be nullptr, need
  // not be digested once more. Throws IntegrityError when it is not there or not what it says it
  // is.
  [[nodiscard]] virtual Hash ReadBack(const CopyReference& copy, const TableDefinition& definition,
                                      Journal& journal, const DigestedRows* known,
                                      RowBatch* rows) = 0;

  // Settling; looks only. What lies here of a run though the journal does not know it, not even its
  // table pass: evidence of an older journal, one line each.
  virtual std::vector<std::string> FindUnknown(const RunInfo& run, Journal& journal) = 0;
  // Looks only, too.
  virtual Survey SurveyPass(const RunInfo& run, const PassInfo& pass, Journal& journal) = 0;
  // Puts files aside of which `verify` last found that they are damaged or gone, and which are so
  // still: their copies are made again. Whether there were any. For databases nothing.
  virtual bool PutDamagedAside(Journal& journal) = 0;
  // Ends what an interrupted pass left open once all its batches are settled: bytes behind the
  // journaled length are cut, what holds batches is sealed, what holds none is removed and retired.
  // For databases nothing.
  virtual void CloseInterrupted(const RunInfo& run, const PassInfo& pass, Journal& journal) = 0;

  // Proves what the journal says is there of one pass. `sample` is the share of batches whose
  // content is read (1: all).
  virtual std::vector<VerifyFinding> Verify(const RunInfo& run, const PassInfo& pass,
                                            Journal& journal, double sample,
                                            std::uint64_t seed) = 0;
  // What a run left once for all its passes (files: the lists of checksums). Says what is wrong
  // only.
  virtual std::vector<VerifyFinding> VerifyRun(const RunInfo& run, const Journal& journal) {
    (void)run;
    (void)journal;
    return {};
  }
  // Where the last run left a copy of the journal of this id; "" where none is kept.
  virtual std::filesystem::path PlaceOfJournalCopy(const std::string& journal_id) const {
    (void)journal_id;
    return {};
  }
  // Everything that this archiver of this site stored here, whichever journal it had. Looks only.
  virtual Inventory TakeInventory(const std::string& site, const std::string& archiver) = 0;
  // A batch's segment proved damaged while it was written (files): renames it *.damaged and tells
  // the journal. Databases: nothing.
  virtual void Quarantine(const CopyLocation& location, Journal& journal) = 0;
  // After the passes: the run's checksum list, the journal's copy at the root (files). Databases:
  // nothing.
  virtual void FinishRun(const RunContext& run, Journal& journal) = 0;
};

}  // namespace osarchiver
