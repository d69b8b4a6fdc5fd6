#include "engine/delete_only.h"

namespace osarchiver {

DeletableRows DeleteOnlyPermit::Take(BatchInFlight& batch) {
  const TableSettings& settings = batch.table->settings;
  if (settings.archive || !settings.delete_rows) {
    throw StateError("table " + ToText(batch.table->name) +
                     " is not configured for deletion without archive");
  }
  return DeletableRows(batch.table, batch.table->definition(), std::move(batch.rows),
                       std::move(batch.hashes), std::move(batch.levels));
}

}  // namespace osarchiver
