// What travels through the pipeline.
#pragma once

#include <cstdint>
#include <vector>

#include "destination/destination.h"
#include "formats/row_batch.h"
#include "source/table_plan.h"
#include "state/journal.h"

namespace osarchiver {

class PassArchive;

// One batch between reading and deleting.
struct BatchInFlight {
  const TablePlan* table = nullptr;
  PassArchive* archive = nullptr;  // where its copies go
  PassId pass = 0;
  BatchId id = 0;
  NewBatch info;
  RowBatch rows;
  std::vector<Hash> hashes;           // of the rows, in row order
  std::vector<std::uint32_t> levels;  // empty: all 0
  std::vector<SupersededRow> supersedes;
  std::vector<CopyLocation> copies;  // once archived
};

// Fills info's rows, bytes, digest and keys from the batch's rows and hashes.
void DescribeRows(const std::vector<std::size_t>& key, BatchInFlight* batch);

// Rows that an earlier batch holds in this very version: to be deleted without being archived a
// second time.
struct Release {
  const TablePlan* table = nullptr;
  BatchId batch = 0;
  PassId by = 0;  // the pass that deletes them now
  std::vector<std::int64_t> key_hashes;
  std::vector<std::uint32_t> levels;  // of the same rows
};

struct UnitInFlight {
  std::vector<const TablePlan*> tables;  // of all its rows, in delete order
  std::uint64_t number = 0;  // within the run; 0 where it is one batch or one release
  std::vector<BatchInFlight> batches;
  std::vector<Release> releases;
  std::size_t bytes = 0;  // what it holds of the byte budget
};

}  // namespace osarchiver
