// CSV by RFC 4180: a header line, "\n" line ends, text quoted, numbers and NULL bare, bytes as
// quoted hexadecimal, an ENUM's error value as a bare 0. formats/README.md has every rendering.
#pragma once

#include "formats/format.h"

namespace osarchiver {

class CsvFormat final : public Format {
 public:
  std::string_view name() const override { return "csv"; }
  void WritePrologue(const TableDefinition& definition, TextSink& out) const override;
  void WriteRows(const TableDefinition& definition, const RowBatch& rows,
                 TextSink& out) const override;
  void ReadRows(const TableDefinition& definition, std::string_view text, bool has_prologue,
                RowBatch* rows) const override;
};

}  // namespace osarchiver
