#include "engine/unit_outcome.h"

#include "engine/batch_verifier.h"

namespace osarchiver {
namespace {

struct Tally {
  DeleteCounts counts;
  std::vector<KeptRow> kept;
  std::vector<std::int64_t> gone;
};

void Add(RowOutcome outcome, DeleteCounts* counts) {
  switch (outcome) {
    case RowOutcome::kDeleted:
      ++counts->deleted;
      break;
    case RowOutcome::kAbsent:
      ++counts->absent;
      break;
    case RowOutcome::kChanged:
      ++counts->changed;
      break;
    case RowOutcome::kBlocked:
      ++counts->blocked;
      break;
  }
}

std::vector<Tally> TallyBatches(const VerifiedUnit& unit, const DeleteOutcome& outcome) {
  std::vector<Tally> tallies(unit.batches.size());
  for (std::size_t i = 0; i < tallies.size(); ++i) {
    tallies[i].kept = unit.batches[i].held;
    tallies[i].counts.blocked = tallies[i].kept.size();
  }
  for (std::size_t part = 0; part < unit.parts.size(); ++part) {
    const DeletableRows& rows = unit.parts[part];
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::uint32_t owner = unit.owners[part][i];
      const RowOutcome answer = outcome.rows[part][i];
      Add(answer, &tallies[owner].counts);
      const bool stays = answer == RowOutcome::kChanged || answer == RowOutcome::kBlocked;
      // Only rows that stay, and rows that the journal may list as kept, need their key hashed.
      if (!stays && unit.batches[owner].release == 0) continue;
      const std::int64_t key_hash = KeyHash(rows.row(i), rows.definition().key);
      if (stays) {
        tallies[owner].kept.push_back({key_hash, ShortHash(rows.hash(i)), unit.batches[owner].id});
      } else {
        tallies[owner].gone.push_back(key_hash);
      }
    }
  }
  return tallies;
}

// Kept rows are in the source. Where a row is gone, the earlier version that a batch replaced is
// history. Where it stayed, MarkDeleted puts the new version in the place of the earlier one.
void RemoveReplaced(Journal& journal, const std::string& archiver, const std::string& source,
                    const VerifiedUnit& unit, const DeleteOutcome& outcome) {
  for (std::size_t part = 0; part < unit.parts.size(); ++part) {
    const DeletableRows& rows = unit.parts[part];
    std::vector<std::int64_t> gone;
    for (std::size_t row = 0; row < rows.size(); ++row) {
      const RowOutcome answer = outcome.rows[part][row];
      if (answer == RowOutcome::kChanged || answer == RowOutcome::kBlocked) continue;
      if (!unit.batches[unit.owners[part][row]].may_replace) continue;
      gone.push_back(KeyHash(rows.row(row), rows.definition().key));
    }
    const TableName& name = rows.table().name;
    if (!gone.empty()) journal.RemoveKept(archiver, {source, name.database, name.table}, gone);
  }
}

}  // namespace

DeleteCounts RecordOutcome(Journal& journal, const std::string& archiver, const std::string& source,
                           const VerifiedUnit& unit, const DeleteOutcome& outcome) {
  std::vector<Tally> tallies = TallyBatches(unit, outcome);
  std::vector<Journal::DeletedBatch> deleted;
  DeleteCounts total;
  for (std::size_t i = 0; i < unit.batches.size(); ++i) {
    const VerifiedUnit::Batch& batch = unit.batches[i];
    Tally& tally = tallies[i];
    total.deleted += tally.counts.deleted;
    total.absent += tally.counts.absent;
    total.changed += tally.counts.changed;
    total.blocked += tally.counts.blocked;
    if (batch.release != 0) {
      journal.AddReleased(batch.release, tally.counts, tally.gone);
    } else if (batch.unarchived) {
      // Its changed and blocked rows are archived nowhere, so nothing of them is kept.
      journal.MarkDeletedUnarchived({batch.id, tally.counts, {}});
    } else {
      deleted.push_back({batch.id, tally.counts, std::move(tally.kept)});
    }
  }
  // First, for a crash between the two leaves batches that are settled again, and this with them.
  RemoveReplaced(journal, archiver, source, unit, outcome);
  if (!deleted.empty()) journal.MarkDeleted(deleted);
  return total;
}

}  // namespace osarchiver
