// A unit whose copies are proven: rows to delete, and which batch each row belongs to.
#pragma once

#include <cstdint>
#include <vector>

#include "source/deletable_rows.h"
#include "source/deleter.h"
#include "state/journal.h"

namespace osarchiver {

struct VerifiedUnit {
  // One per table, in delete order.
  std::vector<DeletableRows> parts;
  // [part][row]: index into `batches`.
  std::vector<std::vector<std::uint32_t>> owners;
  struct Batch {
    BatchId id = 0;
    ReleaseId release = 0;  // not 0: archived by an earlier run; this deletes what it kept
    bool unarchived = false;
    bool may_replace = false;  // earlier versions of its rows may be kept rows
    std::vector<KeptRow> held;  // its rows that are in no part, because somebody asked for them
  };
  std::vector<Batch> batches;
  std::size_t bytes = 0;

  // Rows join the part of their table, if it has their shape.
  void Add(DeletableRows rows, Batch batch);
  // Into the order in which the tables are worked: rows that an earlier run archived may refer to
  // rows of today's batches, and the other way round.
  void SortParts(const std::vector<const TablePlan*>& tables);
};

// What the journal says of the unit's batches is durable on return: before any of its rows is
// deleted.
void EnsureDurable(Journal& journal, const VerifiedUnit& unit);

// A unit that is dealt with at the source; the journal does not know yet.
struct DeletedUnit {
  VerifiedUnit unit;
  DeleteOutcome outcome;
};

}  // namespace osarchiver
