// Memory of row batches that are dealt with, for the rows of the next ones. Freed by the thread
// that records deletions, it would seldom fit what the reader asks for next, which is a little
// larger or smaller each time: a pass over 36 units took 100 to 106 MiB instead of 92. Thread-safe.
#pragma once

#include <mutex>
#include <utility>
#include <vector>

#include "formats/row_batch.h"
#include "util/memory.h"

namespace osarchiver {

class RowMemory {
 public:
  void Give(RowBatch done) {
    // Large ones go back to the system as soon as they are free.
    if (done.capacity() == 0 || done.capacity() >= kOwnMappingBytes) return;
    const std::lock_guard lock(mutex_);
    spare_.push_back(std::move(done));
  }

  // With the rows that it had; to be restarted. One without memory when none was given.
  RowBatch Take() {
    const std::lock_guard lock(mutex_);
    if (spare_.empty()) return RowBatch();
    RowBatch taken = std::move(spare_.back());
    spare_.pop_back();
    return taken;
  }

 private:
  std::mutex mutex_;
  std::vector<RowBatch> spare_;
};

}  // namespace osarchiver
