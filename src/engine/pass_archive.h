// All copies of one pass: one writer per copy target, opened with the first batch, so that a table
// with nothing to archive leaves no trace at the destinations.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "destination/destination.h"
#include "engine/unit_in_flight.h"

namespace osarchiver {

// The destinations of a run, one per copy target, databases first.
using Destinations = std::vector<Destination*>;

// Nothing when `target` is not among them.
Destination* FindDestination(const Destinations& destinations, const CopyTarget& target);

class PassArchive {
 public:
  PassArchive(Journal& journal, const Destinations& destinations, PassContext context);

  const PassContext& context() const { return context_; }
  // The number of the pass's next batch; each is given once. From any thread.
  std::uint64_t TakeNumber() { return ++last_number_; }
  // Of the batch that Store() was given last; 0 before. Numbers ascend in every segment.
  std::uint64_t stored_number() const { return stored_number_; }
  // Says in the journal what storing the next batch will begin at the destinations.
  void Announce();
  // Stores the batch at every destination: first in those that may have a conflict, one after the
  // other, then in all others side by side. After Announce(). Durable on return. Throws what
  // TableWriter::Store throws, of several the first destination's.
  std::vector<CopyLocation> Store(const BatchToStore& batch);
  // Stores it at one of them only: a copy that is missing.
  CopyLocation StoreAt(Destination& destination, const BatchToStore& batch);
  // Seals what was written. All its batches are verified.
  void Seal();

 private:
  TableWriter& WriterFor(std::size_t index);
  CopyLocation StoreIn(std::size_t index, const BatchToStore& batch);

  Journal& journal_;
  const Destinations& destinations_;
  PassContext context_;
  std::atomic<std::uint64_t> last_number_;
  std::uint64_t stored_number_ = 0;
  std::vector<std::unique_ptr<TableWriter>> writers_;  // as destinations_
};

// The batch as destinations take it; points into `batch`.
BatchToStore ToStore(const BatchInFlight& batch);

}  // namespace osarchiver
