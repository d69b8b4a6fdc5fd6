// Rows that may be deleted. Only proof makes one: the verifier, after every copy was read back and its digest compared, or a
// delete-only archiver, which was asked for by name. So the wrong order does not compile.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "formats/row_batch.h"
#include "source/table_plan.h"
#include "util/hash.h"

namespace osarchiver {

class BatchVerifier;     // engine/batch_verifier.h
class DeleteOnlyPermit;  // engine/delete_only.h

// Rows of one table, with the hash that each must still have in the source to be deleted.
class DeletableRows {
 public:
  DeletableRows(DeletableRows&&) = default;
  DeletableRows& operator=(DeletableRows&&) = default;

  const TablePlan& table() const { return *table_; }
  const TableDefinition& definition() const { return definition_; }  // the rows were archived under it
  std::size_t size() const { return hashes_.size(); }
  std::string_view row(std::size_t index) const { return rows_.row(index); }
  const Hash& hash(std::size_t index) const { return hashes_[index]; }
  // The rows' memory, when nothing more is asked of them.
  RowBatch TakeMemory() && { return std::move(rows_); }
  std::uint32_t level(std::size_t index) const { return levels_.empty() ? 0 : levels_[index]; }

 private:
  friend class BatchVerifier;
  friend class DeleteOnlyPermit;
  friend class DeletableRowsForTest;
  DeletableRows(const TablePlan* table, TableDefinition definition, RowBatch rows, std::vector<Hash> hashes,
                std::vector<std::uint32_t> levels)
      : table_(table),
        definition_(std::move(definition)),
        rows_(std::move(rows)),
        hashes_(std::move(hashes)),
        levels_(std::move(levels)) {}

  const TablePlan* table_;
  TableDefinition definition_;
  RowBatch rows_;
  std::vector<Hash> hashes_;
  std::vector<std::uint32_t> levels_;
};

}  // namespace osarchiver
