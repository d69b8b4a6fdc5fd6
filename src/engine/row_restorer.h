// Puts archived rows back into one table, a batch a transaction: rows that are there with the same
// bytes are fine, rows with other bytes are conflicts and stay, and what was inserted is read back
// and compared before COMMIT. Values are quoted by us; archived text is never run as SQL.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "formats/row_batch.h"
#include "formats/table_definition.h"
#include "mariadb/catalogue.h"
#include "mariadb/connection.h"
#include "util/clock.h"

namespace osarchiver {

struct RestoreOutcome {
  std::uint64_t inserted = 0;
  std::uint64_t identical = 0;  // there already with the same bytes
  std::vector<std::size_t>
      conflicts;  // rows that are there with other bytes, or whose unique key is taken
  std::vector<std::size_t> without_parent;  // rows that refer to one that is not there (yet)
};

class RowRestorer {
 public:
  // `definition` is what the rows were archived under. Throws Error with both definitions when the
  // table cannot take them. `connect` opens further connections to the same server.
  RowRestorer(std::function<std::unique_ptr<Connection>()> connect, TableName target,
              TableDefinition definition, Clock& clock);

  // One transaction; safe to repeat. Throws IntegrityError when what the table took is not what was
  // archived (a trigger, say): nothing of the batch stays then.
  RestoreOutcome Restore(const RowBatch& rows);
  // What Restore() would do, by looking only. `without_parent` stays empty.
  RestoreOutcome Look(const RowBatch& rows);

 private:
  struct Existing;
  Existing FindExisting(const RowBatch& rows, bool lock);
  RestoreOutcome TryWhole(const RowBatch& rows);
  RestoreOutcome TrySingly(const RowBatch& rows);
  void Insert(const RowBatch& rows, const std::vector<std::size_t>& which);
  void Compare(const RowBatch& rows, const std::vector<Hash>& hashes,
               const std::vector<std::size_t>& which);

  const std::function<std::unique_ptr<Connection>()> connect_;
  const TableName target_;
  const TableDefinition definition_;
  Clock& clock_;
  std::unique_ptr<Connection> connection_;
  std::size_t statement_bytes_;  // bound of one INSERT
};

}  // namespace osarchiver
