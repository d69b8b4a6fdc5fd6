// The journal: what osarchiver knows about its runs, batches, copies and segments, in one SQLite
// file (WAL, synchronous=FULL). Every Mark/Begin/Finish/Add/Set call is one transaction; each
// records a fact that is durable already. Durable on return, but for what only says that something
// is done or how many: MarkArchived, MarkDeleted, AddReleased, MarkSealed, SetPassState and the
// counts of a pass (SetLiveFlagRows, AddConflicts, SetBlocked), SetPosition, SetWaiting, FinishRun,
// MarkRunSettled, BeginInvocation. Those are durable with the next call of the others: lost with
// the power, they leave what a crash just before them does. BeginPass, AddSegment, MarkSealing,
// AddBatches and MarkVerified announce what is about to be done; several share one sync: see
// EnsureDurable and EnsureSegmentDurable.
// Thread-safe: one mutex, one connection. Errors: StateError (an illegal transition, disk full),
// IntegrityError (the file is no journal, damaged, or from a newer version), ConfigError (wrong
// owner).
//
// A `table` here is (source, database, table) of one archiver: what keeps nights together.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "state/batch_state.h"
#include "util/hash.h"

namespace osarchiver {

using RunId = std::int64_t;
using PassId = std::int64_t;
using BatchId = std::int64_t;
using SegmentId = std::int64_t;
using ReleaseId = std::int64_t;
using InvocationId = std::int64_t;

// Where a copy goes: a destination by its configured name and, for files, the format. One batch at
// one CopyTarget is a copy.
struct CopyTarget {
  std::string destination;
  std::string format;  // "" for a database
  auto operator<=>(const CopyTarget&) const = default;
};

struct RunInfo {
  RunId id = 0;
  std::string name;
  std::string archiver;
  std::string site;
  std::string now;  // "2026-11-23T02:00:00Z"
  std::string host;
  std::int64_t pid = 0;
  std::string started_at, finished_at, last_progress_at;  // "" when not yet
  RunState state = RunState::kRunning;
  bool settled = false;  // nothing of it is in flight any more
  std::optional<int> exit_code;
  std::string error;
  std::string waiting;  // why it is throttled at the moment; "" when it is not
  std::string options;  // of the command line
};

struct NewRun {
  std::string name, archiver, site, now, host;
  std::int64_t pid = 0;
  std::string configuration;  // effective, JSON, without secrets
  std::string options;        // of the command line, for people
};

struct PassKey {
  std::string source, database, table;
  auto operator<=>(const PassKey&) const = default;
};

struct PassCounts {
  std::uint64_t extracted = 0, archived = 0,
                verified = 0;                          // rows of batches that are in this state now
  std::uint64_t deleted = 0, absent = 0, changed = 0;  // what the database answered
  std::uint64_t blocked = 0;                           // found before archiving, and late
  std::uint64_t conflict = 0;
  std::uint64_t kept = 0;   // verified and meant to stay (archive-only)
  std::uint64_t bytes = 0;  // canonical bytes of rows archived
  std::uint64_t batches_extracted = 0, batches_archived = 0, batches_verified = 0,
                batches_deleted = 0;
  // Rows that earlier runs archived and that this pass deleted (AddReleased); not among the above,
  // which go by batch.
  std::uint64_t released_deleted = 0, released_absent = 0;
};

struct PassInfo {
  PassId id = 0;
  RunId run = 0;
  PassKey key;
  std::string cutoff;
  PassState state = PassState::kPending;
  std::string reason;
  std::string definition;  // JSON
  PassCounts counts;
  std::uint64_t live_flag_rows = 0;  // old enough by date, but the flag column says live
  std::string started_at, finished_at;
};

struct NewBatch {
  std::uint64_t number = 0;  // from 1, ascending within the pass
  std::uint64_t unit = 0;    // batches of one unit (a parent and its dependents) are deleted in one
                             // transaction; 0: alone
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  Hash digest{};
  std::string first_key, last_key;  // canonical key bytes
};

struct CopyLocation {
  CopyTarget target;
  SegmentId segment = 0;  // 0 for a database
  std::uint64_t offset = 0;
  std::uint64_t frame_bytes = 0;
  std::uint64_t end = 0;  // the segment's length with this batch in it
};

struct BatchInfo {
  BatchId id = 0;
  PassId pass = 0;
  NewBatch batch;
  BatchState state = BatchState::kExtracted;
  bool settled = false;       // verified and meant to stay: archive-only
  bool delete_begun = false;  // a DELETE may have been committed whose answer nobody recorded
  std::vector<CopyLocation> copies;
};

struct SegmentInfo {
  SegmentId id = 0;
  PassId pass = 0;
  CopyTarget target;
  std::uint32_t part = 1;
  std::string path;  // relative to the destination's root
  std::uint64_t length = 0;
  SegmentState state = SegmentState::kOpen;
  std::string sha256;       // hex, of the sealed file; "" before
  std::string footer_hash;  // hex; "" before
};

// Short hashes of a row that is archived and still in the source.
struct KeptRow {
  std::int64_t key_hash = 0;
  std::int64_t row_hash = 0;
  BatchId batch = 0;
  bool operator==(const KeptRow&) const = default;
};

// How many rows of one table are held, by whichever archiver.
struct HeldTable {
  PassKey key;
  std::uint64_t rows = 0;
};

// Rows of one table that are held, by the short hashes of their keys.
struct HeldRows {
  std::string archiver;
  PassKey key;
  std::vector<std::int64_t> key_hashes;
};

struct DeleteCounts {
  std::uint64_t deleted = 0, absent = 0, changed = 0, blocked = 0;
};

// Kept rows of one batch that a later run is about to delete.
struct NewRelease {
  PassId by = 0;           // tonight's pass of their table
  BatchId batch = 0;       // that archived them
  std::uint64_t unit = 0;  // as NewBatch::unit
  std::vector<std::int64_t> key_hashes;
};

struct ReleaseInfo {
  ReleaseId id = 0;
  NewRelease release;
};

struct BlockedReason {
  std::string referring;  // "database.table"
  std::string constraint;
  std::string why;  // "live child", "child without soft-delete column", "excluded table", "cycle"
  std::uint64_t rows = 0;
  std::vector<std::string> examples;  // key texts, at most 100
  std::string select_sql;             // lists them all
  std::string advice;                 // the setting that would free them; "" when there is none
};

struct Verification {
  std::string destination, path, result, detail, at;
  std::uint64_t batches = 0, rows = 0;
};

enum class OpenMode {
  kRead,  // an existing journal, for readers: never writes, never blocks a run, no ownership check
  kAtRest,  // as kRead, but makes no file either; only while IsAtRest(), and nobody may begin to
            // write meanwhile
  kWrite,   // creates a missing one (0640, directory 0750), migrates an older one, checks the owner
};

class Journal {
 public:
  static std::unique_ptr<Journal> Open(const std::filesystem::path& path, OpenMode mode);
  // Nobody has it open for writing, and nobody was killed while he had. Not while this process has
  // it open.
  static bool IsAtRest(const std::filesystem::path& path);
  // Makes an empty journal that carries on the identity of a lost one: 32 hexadecimal digits, as
  // its archives say. StateError when there is a journal already.
  static void CreateAs(const std::filesystem::path& path, const std::string& id);
  ~Journal();

  // Random, made with the journal; stands in every segment header and control entry.
  const std::string& id() const;
  bool empty() const;  // no run was ever recorded
  // Integrity: the file's structure, and the invariants that no constraint states; each finding one
  // line, none when all is well.
  std::vector<std::string> Check();
  // A consistent copy (SQLite backup API) under a temporary name, synced and renamed; needs no
  // write-ahead log. Does not hold up other calls. `copier` is a word for who copies: no two at a
  // time copy one journal to one path under the same word, so that the temporary file
  // (`<path>.new-<copier>`) of one that was killed can be replaced. Throws IoError.
  void CopyTo(const std::filesystem::path& path, std::string_view copier);
  // Time spent inside calls, for the benchmark.
  std::chrono::nanoseconds busy_time() const;

  // Runs.
  RunId BeginRun(const NewRun& run);
  // Repeated with the same state it changes nothing.
  void FinishRun(RunId run, RunState state, int exit_code, std::string_view error);
  // StateError while batches or releases of it are in flight or segments of it are open.
  void MarkRunSettled(RunId run);
  void SetWaiting(RunId run, std::string_view reason);
  std::optional<RunInfo> FindRun(std::string_view number_or_name_or_last,
                                 std::string_view archiver = {}) const;
  // Newest first. `archiver` empty: all.
  std::vector<RunInfo> ListRuns(std::string_view archiver, std::size_t limit) const;
  std::vector<std::string> ListArchivers() const;
  // Where copies of this archiver's batches lie: of one run, or of all.
  std::vector<CopyTarget> ListTargets(std::string_view archiver, std::optional<RunId> run) const;
  // Oldest first: runs of this archiver with anything in flight (batches, releases, open segments)
  // or not closed, and runs whose batches have copies in a damaged segment.
  std::vector<RunInfo> UnsettledRuns(std::string_view archiver) const;
  bool HasRunNamed(std::string_view name) const;
  // NewRun::configuration of a run; "" where there is no such run. Of a run that rebuild-journal
  // found: that of the day on which it was rebuilt, with the names of databases under which it was
  // found.
  std::string ConfigurationOf(std::string_view run_name) const;
  // Every configuration that a run had, each once, the latest made first.
  std::vector<std::string> ListConfigurations() const;

  // Commands other than run, and runs: who did what when.
  InvocationId BeginInvocation(std::string_view command, std::string_view archiver,
                               std::optional<RunId> run, std::string_view host, std::int64_t pid);
  void FinishInvocation(InvocationId invocation, int exit_code, std::string_view reason);

  // Table passes.
  // A table has one pass in a run: begun a second time it is the same one; StateError when its
  // definition differs.
  PassId BeginPass(RunId run, const PassKey& key, std::string_view cutoff,
                   std::string_view definition_json);
  // A pass that failed stays failed, whatever comes later.
  void SetPassState(PassId pass, PassState state, std::string_view reason);
  void SetLiveFlagRows(PassId pass, std::uint64_t rows);
  void AddConflicts(PassId pass, std::uint64_t rows);
  // Where the next pass of this table starts, opaque to the journal. Empty: at the beginning.
  void SetPosition(std::string_view archiver, const PassKey& key, std::string_view position);
  std::string Position(std::string_view archiver, const PassKey& key) const;
  std::vector<PassInfo> ListPasses(RunId run) const;
  // Whether any archiver ever worked the table.
  bool KnowsTable(const PassKey& key) const;
  // As BeginPass had it last, by whichever archiver; "" when the table had no pass.
  std::string LastDefinition(const PassKey& key) const;
  // Whether the table had a pass between the first and the last ones of the table of the same name
  // at `source`: the two are not one table whose source got another name.
  bool WorkedBeside(const PassKey& key, std::string_view source) const;
  // Replaces. `rows`: all that are blocked after the pass (one may have several reasons), those
  // that their batches met as blocked (DeleteCounts::blocked) among them.
  void SetBlocked(PassId pass, std::uint64_t rows, const std::vector<BlockedReason>& reasons);
  std::vector<BlockedReason> Blocked(PassId pass) const;

  // Segments. The row is written before the file is created, so an unknown file is never ours.
  SegmentId AddSegment(PassId pass, const CopyTarget& target, std::uint32_t part,
                       std::string_view path);
  void MarkSealing(SegmentId segment);
  void MarkSealed(SegmentId segment, std::uint64_t length, std::string_view sha256,
                  std::string_view footer_hash);
  // The same as EnsureDurable() for what AddSegment() and MarkSealing() said: to be asked for
  // before the file is created, and before its footer is written.
  void EnsureSegmentDurable(SegmentId segment);
  void MarkRetired(SegmentId segment);
  void MarkDamaged(SegmentId segment, std::string_view new_path);
  std::optional<SegmentInfo> FindSegment(SegmentId segment) const;
  std::optional<SegmentInfo> FindSegment(const CopyTarget& target, std::string_view path) const;
  std::vector<SegmentInfo> ListSegments(PassId pass) const;
  // A segment at this destination was ever recorded: its root must be there.
  bool KnowsDestination(std::string_view destination) const;
  std::uint32_t LastPart(PassId pass, const CopyTarget& target) const;  // 0 when there is none

  // Batches. Each call takes all batches of a unit at once: they move together or not at all.
  std::vector<BatchId> AddBatches(
      const std::vector<std::pair<PassId, NewBatch>>& batches);  // extracted
  // What AddBatches() and MarkVerified() said of the batch, and all that came before, is durable on
  // return: to be asked for before anything of it is stored, and before any of its rows is deleted.
  // Free when another call has synced since.
  void EnsureDurable(BatchId batch);
  struct ArchivedBatch {
    BatchId batch;
    std::vector<CopyLocation>
        copies;  // every copy; the segments' lengths move to `end` in the same transaction
  };
  void MarkArchived(const std::vector<ArchivedBatch>& batches);
  // kDelete: a DELETE may be committed once EnsureDurable() returned. Repeated for a batch that is
  // verified already, it announces the DELETE (kDelete) or does nothing (kKeep).
  enum class Next { kDelete, kKeep };
  void MarkVerified(const std::vector<BatchId>& batches, Next next);
  // Archive-only: verified and meant to stay; its rows become kept rows.
  void MarkKept(BatchId batch, const std::vector<KeptRow>& rows);
  struct DeletedBatch {
    BatchId batch;
    DeleteCounts counts;
    std::vector<KeptRow>
        kept;  // changed and blocked rows: still in the source, archived in this batch
  };
  void MarkDeleted(const std::vector<DeletedBatch>& batches);
  // A delete-only batch goes from extracted to deleted.
  void MarkDeletedUnarchived(const DeletedBatch& batch);
  // Nothing valid of it is stored and nothing was deleted: its copies and kept rows leave the
  // journal, its rows are read again. Refused once a deletion was announced.
  void MarkForgotten(BatchId batch);
  // The copies at the targets named are in new places (repair, new destination), and the segments'
  // lengths move to `end`; copies at other targets stay as they are. Same state.
  void ReplaceCopies(BatchId batch, const std::vector<CopyLocation>& copies);
  // Rows of a settled batch are deleted after all (deletion was enabled, or blocked rows became
  // free). First it is said of which: from now on a DELETE may be committed whose answer nobody
  // recorded. Refused for a run that has ended.
  std::vector<ReleaseId> BeginReleases(const std::vector<NewRelease>& releases);
  // Then how it ended, which ends the release: counts add up, in the batch and in the `released`
  // counts of the pass that did it; `gone` leave the kept rows.
  void AddReleased(ReleaseId release, const DeleteCounts& counts,
                   const std::vector<std::int64_t>& gone_key_hashes);
  // Nothing is to be deleted any more: its rows stay kept rows.
  void DropRelease(ReleaseId release);
  // Those that were begun by this pass and have not ended, oldest first.
  std::vector<ReleaseInfo> OpenReleases(PassId by) const;
  std::vector<BatchInfo> ListBatches(PassId pass) const;
  // Those not deleted, not forgotten and not settled, by number.
  std::vector<BatchInfo> UnsettledBatches(PassId pass) const;
  std::optional<BatchInfo> FindBatch(BatchId batch) const;
  std::optional<PassInfo> FindPass(PassId pass) const;
  std::uint64_t LastBatchNumber(PassId pass) const;

  // Kept rows of one table of one archiver: for each key hash asked, the row if it is kept. Same
  // order as asked.
  std::vector<std::optional<KeptRow>> FindKept(std::string_view archiver, const PassKey& key,
                                               const std::vector<std::int64_t>& key_hashes) const;
  void RemoveKept(std::string_view archiver, const PassKey& key,
                  const std::vector<std::int64_t>& key_hashes);
  void AddKept(std::string_view archiver, const PassKey& key, const std::vector<KeptRow>& rows);
  std::uint64_t CountKept(std::string_view archiver, const PassKey& key) const;
  // Rows that selection leaves alone (restore --hold). They stay with the table of the source,
  // whichever archiver works it: it may get another name.
  void AddHolds(std::string_view archiver, const PassKey& key,
                const std::vector<std::int64_t>& key_hashes, std::string_view reason);
  std::vector<bool> FindHeld(const PassKey& key, const std::vector<std::int64_t>& key_hashes) const;
  // A row that was held by two archivers counts twice.
  std::uint64_t CountHeld(const PassKey& key) const;
  // By source, database and table.
  std::vector<HeldTable> ListHeldTables() const;
  // All of them, for a journal that is made again.
  std::vector<HeldRows> ListHolds() const;

  // `at` empty: now. The last 10 of a path are remembered.
  void RecordVerification(const Verification& verification);
  // Newest first. `destination` empty: all.
  // Paths at the destination of which the last verification found anything but "ok" or "open".
  std::vector<std::string> DoubtfulPaths(std::string_view destination) const;
  std::vector<Verification> LastVerifications(std::string_view destination,
                                              std::size_t limit) const;

 private:
  struct State;
  explicit Journal(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace osarchiver
