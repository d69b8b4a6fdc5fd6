// Finds a row of a batch by its hash: what compares each row that a DELETE returned, without an
// allocation per row.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "source/deletable_rows.h"
#include "util/hash.h"

namespace osarchiver {

// Refers to the rows that it was made of, which must outlive it and stay where they are.
class RowIndex {
 public:
  explicit RowIndex(const DeletableRows& rows);
  // The row with exactly this hash; the whole hash is compared.
  std::optional<std::uint32_t> Find(const Hash& hash) const;

 private:
  std::size_t Slot(const Hash& hash) const;

  const DeletableRows* rows_;
  // Open addressing, at most half full; a slot holds a row's position + 1, 0 when free. SHA-256 is
  // uniform, so its first bytes are the position.
  std::vector<std::uint32_t> slots_;
};

}  // namespace osarchiver
