// The reader of a format (OSARCHIVER_FUZZ_FORMAT) on any text. What it takes, it must be able to
// write and read again as the same rows; everything else is an IntegrityError and nothing else.
#include <cstddef>
#include <cstdint>
#include <string>

#include "formats/format.h"
#include "fuzz_table.h"
#include "util/error.h"

namespace osarchiver {
namespace {

class StringSink final : public TextSink {
 public:
  void Write(std::string_view text) override { text_ += text; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void ReadAndWrite(const Format& format, const TableDefinition& table, std::string_view text,
                  bool has_prologue) {
  RowBatch rows(table.columns.size());
  try {
    format.ReadRows(table, text, has_prologue, &rows);
  } catch (const IntegrityError&) {
    return;
  }
  StringSink sink;
  format.WriteRows(table, rows, sink);
  RowBatch again(table.columns.size());
  try {
    format.ReadRows(table, sink.text(), false, &again);
  } catch (const IntegrityError&) {
    Broken();
  }
  if (!SameRows(rows, again)) Broken();
}

}  // namespace
}  // namespace osarchiver

// The first byte decides whether a prologue is expected.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace osarchiver;
  if (size == 0) return 0;
  static const TableDefinition table = FuzzTable();
  static const Format& format = *FindFormat(OSARCHIVER_FUZZ_FORMAT);
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  ReadAndWrite(format, table, text, data[0] == '1');
  return 0;
}
