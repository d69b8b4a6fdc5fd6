// A format turns rows to text and back. To add one: one file with a class, one line in kFormats
// (format.cc), and the contract suite in tests/unit/formats/format_contract_test.cc runs over it by
// itself.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "formats/row_batch.h"
#include "formats/table_definition.h"

namespace osarchiver {

// Takes text piece by piece, so that a row of 64 MiB never needs a second or third copy of itself.
class TextSink {
 public:
  virtual ~TextSink() = default;
  virtual void Write(std::string_view text) = 0;
};

class Format {
 public:
  virtual ~Format() = default;
  // "sql", "csv": the configuration's word and the file name's ending before ".zst".
  virtual std::string_view name() const = 0;
  // What stands once, before the first batch of a file (CSV header line; SQL settings and CREATE
  // TABLE IF NOT EXISTS).
  virtual void WritePrologue(const TableDefinition& definition, TextSink& out) const = 0;
  // The rows, in order, in pieces of about 64 KiB (a single larger value may come whole).
  virtual void WriteRows(const TableDefinition& definition, const RowBatch& rows,
                         TextSink& out) const = 0;
  // Parses what WritePrologue (when `has_prologue`) and WriteRows wrote, appending to `rows`. The
  // parser is strict: text that this format would not have written throws IntegrityError naming the
  // byte offset. Values come back bit for bit.
  virtual void ReadRows(const TableDefinition& definition, std::string_view text, bool has_prologue,
                        RowBatch* rows) const = 0;
};

// Nothing known by that name: nullptr.
const Format* FindFormat(std::string_view name);
std::vector<std::string> FormatNames();

}  // namespace osarchiver
