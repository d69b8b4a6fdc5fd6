// Puts archived rows back into one table, a batch a transaction: rows that are there with the same
// bytes are fine, rows with other bytes are conflicts and stay, and what was inserted is read back
// and compared before COMMIT. Values are quoted by us; archived text is never run as SQL.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/restore_batch.h"
#include "engine/restore_target.h"
#include "util/clock.h"

namespace osarchiver {

struct RestoreOutcome {
  std::uint64_t inserted = 0;
  std::uint64_t identical = 0;  // there already with the same bytes
  // Positions of rows that are there with other bytes, or whose unique key is taken.
  std::vector<std::size_t> conflicts;
  // Rows that refer to one that is not there (yet).
  std::vector<std::size_t> without_parent;
};

class RowRestorer {
 public:
  // `definition` is what the rows were archived under. Throws Error with both definitions when the
  // table cannot take them.
  RowRestorer(RestoreTarget& target, TableName name, TableDefinition definition, Clock& clock);

  // Safe to repeat. One transaction, unless rows are in the way: then halves and quarters, so that
  // such a row keeps no other one out. Throws Error when what the table took is not what was
  // archived (a trigger, say): nothing of that transaction stays then.
  RestoreOutcome Restore(const RestoreBatch& batch);
  // What Restore() would do, by looking only. `without_parent` stays empty.
  RestoreOutcome Look(const RestoreBatch& batch);

 private:
  struct Existing;
  using Positions = std::vector<std::size_t>;
  Existing FindExisting(const RestoreBatch& batch, const Positions& which, bool lock);
  void BeginTransaction();
  bool TryAllNew(const RestoreBatch& batch);
  void TryPart(const RestoreBatch& batch, const Positions& which, RestoreOutcome* outcome);
  void Insert(const std::vector<InsertText>& inserts);
  void Compare(const RestoreBatch& batch, const Positions& which);
  void WithRetry(const std::function<void()>& work);

  RestoreTarget& target_;
  const TableName name_;
  const TableDefinition definition_;
  Clock& clock_;
  bool same_checks_;
};

}  // namespace osarchiver
