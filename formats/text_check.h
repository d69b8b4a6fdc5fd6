// Whether bytes are text of their character set as the server understands it. Old servers and
// careless tools leave others, and no server takes those again: not from a file, not into an
// archive database.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "formats/row_batch.h"
#include "formats/table_definition.h"

namespace osarchiver {

// The rules of MariaDB 10.6 to 11. Character sets of one byte, and unknown ones, hold any bytes.
bool IsTextOf(std::string_view charset, std::string_view bytes);

// A value that is no text of its column's character set.
struct InvalidText {
  std::size_t row = 0;
  std::size_t column = 0;
};
// The first one in `rows`; nothing when all are text.
std::optional<InvalidText> FindInvalidText(const TableDefinition& definition, const RowBatch& rows);

}  // namespace osarchiver
