// What the journal's sources share: the connection, the call guard, and the questions that several
// of them ask. Private to state/.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "state/journal.h"
#include "state/sqlite_database.h"

namespace osarchiver {

// A batch with what its transitions ask about.
struct BatchRow {
  BatchId id = 0;
  PassId pass = 0;
  RunId run = 0;
  std::int64_t table = 0;
  std::uint64_t rows = 0;
  BatchState state = BatchState::kExtracted;
  bool settled = false;
  bool delete_begun = false;
  std::uint64_t kept_rows = 0;
  DeleteCounts counts;
};

std::uint64_t Sum(const DeleteCounts& counts);

struct Journal::State {
  explicit State(std::unique_ptr<Database> opened) : db(std::move(opened)) {}

  std::mutex mutex;  // guards everything below
  std::unique_ptr<Database> db;
  std::string id;
  std::chrono::nanoseconds busy{0};
  // Batches whose latest AddBatches() or MarkVerified(), and segments whose AddSegment() or
  // MarkSealing() may not be durable yet, and its commit.
  using Undurable = std::map<std::int64_t, std::uint64_t>;
  Undurable undurable;
  Undurable undurable_segments;

  // Held for the length of one call of the journal.
  class Call {
   public:
    explicit Call(State& state) : lock_(state.mutex), state_(state) {}
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    ~Call() { state_.busy += std::chrono::steady_clock::now() - begin_; }

   private:
    std::lock_guard<std::mutex> lock_;
    State& state_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  };

  // All that was committed is durable on return. Free when a call has synced since.
  void Sync();
  // Remembers that the last commit said something of it that EnsureDurable() may ask for.
  void NoteUndurable(Undurable& said, std::int64_t id);
  void EnsureDurable(Undurable& said, std::int64_t id);

  // Ids of rows that are made when they are first named; inside a writing transaction.
  std::int64_t TextId(std::string_view text);
  std::int64_t TargetId(const CopyTarget& target);
  std::int64_t TableId(std::string_view archiver, const PassKey& key);
  // 0 when the table was never named.
  std::int64_t FindTable(std::string_view archiver, const PassKey& key);

  // Throws StateError when there is no such batch.
  BatchRow LoadBatch(BatchId batch);
  // "batch 12 of nova.instances in run 20261123T020000Z-7f3a09c1"
  std::string Describe(BatchId batch);
  // Throws StateError unless `to` may follow the batch's state.
  void RequireTransition(const BatchRow& batch, BatchState to);
  // Throws StateError when the batch cannot have kept rows, or not so many.
  void RequireKeptRows(const BatchRow& batch, std::uint64_t released);
  // The run did something just now.
  void Touch(RunId run);

  // Moves a batch's copy to where it is now, and the segment's length behind it. A copy that is
  // there already is left alone: its segment may be sealed.
  void PutCopy(const BatchRow& batch, const CopyLocation& copy);

  // Puts rows among the kept ones of a table, taking the place of earlier versions; counts are kept
  // up to date. `batch` 0: each row's own.
  void PutKept(std::int64_t table, BatchId batch, const std::vector<KeptRow>& rows);
  // Returns how many were there.
  std::uint64_t TakeKept(std::int64_t table, std::vector<std::int64_t> key_hashes);
};

std::string UtcNow();

// The inverse of ToText; the journal's CHECK constraints admit nothing else.
BatchState BatchStateFromText(std::string_view text);
SegmentState SegmentStateFromText(std::string_view text);
RunState RunStateFromText(std::string_view text);
PassState PassStateFromText(std::string_view text);

}  // namespace osarchiver
