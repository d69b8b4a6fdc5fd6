#include "engine/verified_unit.h"

#include <algorithm>

#include "engine/batch_verifier.h"

namespace osarchiver {

void VerifiedUnit::Add(DeletableRows rows, Batch batch) {
  const auto owner = static_cast<std::uint32_t>(batches.size());
  batches.push_back(batch);
  const std::size_t count = rows.size();
  const auto joins = [&rows](const DeletableRows& part) {
    return &part.table() == &rows.table() && SameRowShape(part.definition(), rows.definition());
  };
  const auto part = std::find_if(parts.begin(), parts.end(), joins);
  const auto index = static_cast<std::size_t>(part - parts.begin());
  if (part != parts.end()) {
    BatchVerifier::Merge(&*part, std::move(rows));
  } else {
    parts.push_back(std::move(rows));
    owners.emplace_back();
  }
  owners[index].insert(owners[index].end(), count, owner);
}

void EnsureDurable(Journal& journal, const VerifiedUnit& unit) {
  for (const VerifiedUnit::Batch& batch : unit.batches) journal.EnsureDurable(batch.id);
}

void VerifiedUnit::SortParts(const std::vector<const TablePlan*>& tables) {
  std::vector<DeletableRows> sorted_parts;
  std::vector<std::vector<std::uint32_t>> sorted_owners;
  for (const TablePlan* table : tables) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (&parts[i].table() != table) continue;
      sorted_parts.push_back(std::move(parts[i]));
      sorted_owners.push_back(std::move(owners[i]));
    }
  }
  parts = std::move(sorted_parts);
  owners = std::move(sorted_owners);
}

}  // namespace osarchiver
