// SQL that a plain client loads: a preamble with session settings and CREATE TABLE IF NOT EXISTS,
// then INSERT statements of about 1 MiB that may be loaded twice. formats/README.md has every
// rendering.
#pragma once

#include "formats/format.h"

namespace osarchiver {

class SqlFormat final : public Format {
 public:
  std::string_view name() const override { return "sql"; }
  void WritePrologue(const TableDefinition& definition, TextSink& out) const override;
  void WriteRows(const TableDefinition& definition, const RowBatch& rows,
                 TextSink& out) const override;
  void ReadRows(const TableDefinition& definition, std::string_view text, bool has_prologue,
                RowBatch* rows) const override;
};

}  // namespace osarchiver
