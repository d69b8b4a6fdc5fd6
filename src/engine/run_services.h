// What every part of a run works with, passes that work side by side too: whatever changes here
// while they do is thread-safe. Made once by run.cc, outlives everything else.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>

#include "config/settings.h"
#include "destination/destination.h"
#include "engine/pass_archive.h"
#include "engine/progress.h"
#include "engine/row_allowance.h"
#include "mariadb/connection.h"
#include "state/journal.h"
#include "util/clock.h"
#include "util/stop.h"

namespace osarchiver {

struct RunServices {
  const Settings& settings;
  Journal& journal;
  Clock& clock;
  StopControl& stop;
  Progress& progress;
  Destinations destinations;  // databases first
  RunContext context;
  RunId run = 0;
  // A new connection to the node that this run reads from.
  std::function<std::unique_ptr<Connection>()> connect;
  // The first batch that this run made; 0 while it made none. Later ones have higher numbers.
  std::atomic<BatchId> first_batch = 0;
  // The last unit number given: unique within the run.
  std::atomic<std::uint64_t> last_unit = 0;
  // Rows that may still be taken (--max-rows).
  RowAllowance& allowance;

  void NoteBatch(BatchId batch) {
    BatchId first = first_batch;
    while ((first == 0 || batch < first) && !first_batch.compare_exchange_weak(first, batch)) {
    }
  }
};

}  // namespace osarchiver
