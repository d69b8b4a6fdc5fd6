// Reads archived batches back from an archive database, by the keys in their control entries.
#pragma once

#include <cstdint>
#include <string>

#include "destination/control_table.h"
#include "formats/row_batch.h"
#include "formats/table_definition.h"
#include "mariadb/catalogue.h"
#include "mariadb/connection.h"

namespace osarchiver {

// Appends the rows of `entry` under `definition`, the one it was archived with. A row whose place a
// newer version took is read from the newer batch's entry. Returns the digest of the rows as read.
// Throws IntegrityError when a row is neither there nor there, naming its key.
Hash ReadEntry(Connection& connection, const ControlTable& control, const ControlEntry& entry,
               const TableDefinition& definition, RowBatch* rows);

// Rows of `table` with keys [begin, end) of `keys`, under `definition`, as `rows`; `lock` is
// appended to the SELECT (" FOR UPDATE").
void ReadByKeys(Connection& connection, const TableName& table, const TableDefinition& definition,
                const RowBatch& keys, std::size_t begin, std::size_t end, std::string_view lock,
                RowBatch* rows);

}  // namespace osarchiver
