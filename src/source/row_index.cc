#include "source/row_index.h"

#include <bit>
#include <cstring>

namespace osarchiver {

RowIndex::RowIndex(const DeletableRows& rows)
    : rows_(&rows), slots_(std::bit_ceil(rows.size() * 2 + 2), 0) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::size_t slot = Slot(rows.hash(i));
    while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = static_cast<std::uint32_t>(i + 1);
  }
}

std::optional<std::uint32_t> RowIndex::Find(const Hash& hash) const {
  for (std::size_t slot = Slot(hash); slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
    const std::uint32_t row = slots_[slot] - 1;
    if (rows_->hash(row) == hash) return row;
  }
  return std::nullopt;
}

std::size_t RowIndex::Slot(const Hash& hash) const {
  std::uint64_t start = 0;
  std::memcpy(&start, hash.data(), sizeof start);
  return static_cast<std::size_t>(start) & (slots_.size() - 1);
}

}  // namespace osarchiver
