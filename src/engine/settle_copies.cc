// What settling finds of a batch at the destinations, and copies that are made again.

#include <fmt/format.h>

#include <algorithm>

#include "engine/settle.h"
#include "util/log.h"

namespace osarchiver {

// Batches that are deleted or kept and lack a copy where their run made copies: it lies in a
// segment that was put aside, or whoever made the journal again found none. It is made again from
// another one. Nothing is left to be decided about such batches, so one that cannot be helped stops
// nobody; kept rows without any copy are read again.
void Settler::RepairCopies(const PassToSettle& pass, SettleResult* result) {
  std::set<SegmentId> damaged;
  for (const SegmentInfo& segment : services_.journal.ListSegments(pass.pass.id)) {
    if (segment.state == SegmentState::kDamaged) damaged.insert(segment.id);
  }
  for (const BatchInfo& batch : services_.journal.ListBatches(pass.pass.id)) {
    const bool settled = (batch.state == BatchState::kDeleted && !batch.copies.empty()) ||
                         (batch.state == BatchState::kVerified && batch.settled);
    if (!settled) continue;
    StoredBatch stored{pass.run, pass.pass, batch};
    // One damaged byte leaves the other batches of a file whole, and they may be the only copies.
    std::vector<CopyLocation> aside;
    std::erase_if(stored.batch.copies, [&](const CopyLocation& copy) {
      if (!damaged.contains(copy.segment)) return false;
      aside.push_back(copy);
      return true;
    });
    bool missing = !aside.empty();
    for (const CopyTarget& target : pass.targets) {
      const auto is_there = [&](const CopyLocation& copy) { return copy.target == target; };
      missing = missing ||
                (FindDestination(services_.destinations, target) != nullptr &&
                 std::none_of(stored.batch.copies.begin(), stored.batch.copies.end(), is_there));
    }
    if (!missing) continue;
    try {
      CompleteCopies(services_, reader_, &stored, aside);
    } catch (const NoCopyWhole& error) {
      result->damage.emplace_back(error.what());
      if (batch.state != BatchState::kVerified || batch.delete_begun) continue;
      result->damage.back() += "; nothing of it was deleted, and its rows are archived again";
      services_.journal.MarkForgotten(batch.id);
    } catch (const IntegrityError& error) {
      // A copy is whole and could not be made again elsewhere.
      result->damage.emplace_back(error.what());
    } catch (const CopyOutOfReach& error) {
      result->failures.push_back(WithHint(error.what(), error.hint()));
    }
  }
}

// In a file that was put aside one damaged byte leaves the other batches whole.
bool Settler::IsAside(const CopyLocation& copy) const {
  if (copy.segment == 0) return false;
  const auto segment = services_.journal.FindSegment(copy.segment);
  return segment && segment->state == SegmentState::kDamaged;
}

Settler::Proven Settler::Prove(const PassToSettle& pass, const BatchInfo& batch) {
  Proven proven;
  const TableDefinition definition = DefinitionFromJson(pass.pass.definition);
  std::size_t everywhere = 0;
  for (std::size_t i = 0; i < services_.destinations.size(); ++i) {
    Destination& destination = *services_.destinations[i];
    bool in_place = false;
    for (const FoundCopy& copy : pass.surveys[i].copies) {
      if (copy.number != batch.batch.number || in_place) continue;
      try {
        RowBatch rows = verifier_.ReadProven(
            destination, {pass.run.name, pass.pass.key, copy.number, copy.location}, definition,
            batch.batch.digest, batch.batch.rows);
        if (!proven.rows) proven.rows = std::move(rows);
        if (!copy.behind_journal) {
          proven.in_place.push_back(copy.location);
          in_place = true;
        }
      } catch (const IntegrityError& error) {
        LogError(error.what());
      }
    }
    if (in_place) ++everywhere;
  }
  for (const CopyLocation& copy : batch.copies) {
    if (FindDestination(services_.destinations, copy.target) == nullptr || IsAside(copy))
      proven.elsewhere.push_back(copy);
  }
  if (!proven.rows) {
    CopyReader::Outcome found =
        reader_.Read({pass.run, pass.pass.key, definition, batch.batch}, proven.elsewhere);
    for (const std::string& damage : found.damaged) LogError(damage);
    proven.rows = std::move(found.rows);
    proven.unread = std::move(found.unread);
  }
  if (proven.rows) {
    proven.found = everywhere == services_.destinations.size() ? Found::kEverywhere : Found::kSome;
  }
  return proven;
}

}  // namespace osarchiver
