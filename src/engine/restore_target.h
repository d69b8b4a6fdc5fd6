// The server that a restore writes to: its one connection, and whether its tables take what was
// archived.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "formats/table_definition.h"
#include "mariadb/catalogue.h"
#include "mariadb/connection.h"

namespace osarchiver {

// Not thread-safe.
class RestoreTarget {
 public:
  // `connect` opens a connection to the server; called again when one was lost. One connection
  // serves all tables: a schema may have more tables than the server takes connections.
  explicit RestoreTarget(std::function<std::unique_ptr<Connection>()> connect)
      : connect_(std::move(connect)) {}

  // A new one when the last one was lost: what was not committed on that is gone.
  Connection& connection();
  // The length that one INSERT should stay below: about 1 MiB, and well inside the server's
  // max_allowed_packet.
  std::size_t statement_bytes();

 private:
  void Reopen();

  const std::function<std::unique_ptr<Connection>()> connect_;
  std::unique_ptr<Connection> connection_;
  std::size_t statement_bytes_ = 0;
};

// Throws Error, with both definitions, when `target` cannot hold each archived value as it was: a
// column that is missing, narrower or of another kind, another key. Columns that became wider, and
// new ones with a default or NULL, are fine. Returns whether the table still has the CHECKs that it
// had: then a row that was there once may violate them again.
bool RequireFits(const TableDefinition& archived, const TableName& target, Connection& connection);

// Makes `target` for the archived rows when it is missing, its database too. `definition` may come
// out of an archive file that anybody wrote: what is no plain type, character set or collation
// becomes part of no statement (Error).
void CreateRestoreTable(const TableDefinition& definition, const TableName& target,
                        Connection& connection);

}  // namespace osarchiver
