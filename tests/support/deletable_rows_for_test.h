// Makes DeletableRows without the proof that the engine demands.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "formats/row_batch.h"
#include "source/deletable_rows.h"

namespace osarchiver {

class DeletableRowsForTest {
 public:
  static DeletableRows Make(const TablePlan& table, RowBatch rows,
                            std::vector<std::uint32_t> levels = {}) {
    std::vector<Hash> hashes = RowHashes(rows);
    return DeletableRows(&table, table.definition(), std::move(rows), std::move(hashes),
                         std::move(levels));
  }
};

}  // namespace osarchiver
