// Rows in one arena, as canonical bytes (DESIGN.md section 6): what is hashed is what is held, so a
// row's hash is one call over one slice, and no value is allocated by itself.
//
// A value is one mark byte (ValueKind); kBytes is followed by the length as 8 bytes little endian
// and the bytes.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "util/hash.h"

namespace osarchiver {

enum class ValueKind : unsigned char {
  kNull = 0,
  kBytes = 1,
  kEnumError = 2,  // ENUM index 0, which reads as '' and is no member
};

struct Value {
  ValueKind kind = ValueKind::kNull;
  std::string_view bytes;  // empty unless kBytes; points into the batch
  bool operator==(const Value&) const = default;
};

// Walks the values of one row's canonical bytes in column order.
class ValueCursor {
 public:
  explicit ValueCursor(std::string_view row) : rest_(row) {}
  bool AtEnd() const { return rest_.empty(); }
  // Precondition: not AtEnd() and the bytes are canonical (they came from a RowBatch).
  Value Next() {
    const auto kind = static_cast<ValueKind>(rest_.front());
    if (kind != ValueKind::kBytes) {
      rest_.remove_prefix(1);
      return {kind, {}};
    }
    std::uint64_t size;
    std::memcpy(&size, rest_.data() + 1, sizeof size);
    const std::string_view bytes = rest_.substr(1 + sizeof size, size);
    rest_.remove_prefix(1 + sizeof size + size);
    return {kind, bytes};
  }

 private:
  static_assert(std::endian::native == std::endian::little);
  std::string_view rest_;
};

// Append-only; views into it are valid until the next append or Clear(). Movable. Not thread-safe.
class RowBatch {
 public:
  explicit RowBatch(std::size_t column_count = 0) : column_count_(column_count) {}

  void Append(const Value& value);
  void AppendNull() { arena_.push_back('\0'); }
  void AppendBytes(std::string_view bytes) {
    BeginBytes();
    arena_.append(bytes);
    EndBytes();
  }
  // Builds one kBytes value in place, piece by piece: BeginBytes, any number of AddPiece and
  // AddSpace, EndBytes.
  void BeginBytes() {
    arena_.append("\1\0\0\0\0\0\0\0\0", kBytesHead);
    value_start_ = arena_.size();
  }
  void AddPiece(std::string_view piece) { arena_.append(piece); }
  // `size` more bytes, for the caller to fill before the next call.
  char* AddSpace(std::size_t size) {
    arena_.resize(arena_.size() + size);
    return arena_.data() + arena_.size() - size;
  }
  void EndBytes() {
    const std::uint64_t size = arena_.size() - value_start_;
    std::memcpy(arena_.data() + value_start_ - sizeof size, &size, sizeof size);
  }
  // Ends the row; the caller appended exactly column_count() values (asserted in debug builds).
  void EndRow();
  // Appends a whole row of canonical bytes of the same columns.
  void AppendRow(std::string_view canonical);
  // Drops what was appended since the last EndRow().
  void AbandonRow();
  // Drops all rows but the first `row_count`.
  void Truncate(std::size_t row_count);
  void Clear();
  // Empty and of `column_count` columns, as if new, in the memory that it has.
  void Restart(std::size_t column_count);
  void Reserve(std::size_t bytes);
  // Gives memory beyond the content back.
  void ShrinkToFit() { arena_.shrink_to_fit(); }

  // Bytes that its rows may take before more memory is needed.
  std::size_t capacity() const { return arena_.capacity(); }

  std::size_t column_count() const { return column_count_; }
  std::size_t row_count() const { return ends_.size(); }
  // Canonical bytes of all whole rows.
  std::size_t byte_count() const { return ends_.empty() ? 0 : ends_.back(); }
  // Canonical bytes of one row.
  std::string_view row(std::size_t index) const;
  // Canonical bytes of all rows from one on.
  std::string_view RowsFrom(std::size_t first) const;
  // One value; walks the row from its start.
  Value value(std::size_t row_index, std::size_t column_index) const;

 private:
  static constexpr std::size_t kBytesHead = 9;  // mark and length

  std::size_t column_count_;
  std::size_t value_start_ = 0;
  std::string arena_;
  std::vector<std::size_t> ends_;
};

// SHA-256 of each row's canonical bytes, in row order.
std::vector<Hash> RowHashes(const RowBatch& rows);
// SHA-256 over the row hashes in ascending byte order: independent of the order of rows.
Hash BatchDigest(std::vector<Hash> row_hashes);

// Rows whose digest was computed over these very bytes: rows that are equal byte for byte have it
// too, and comparing costs a tenth of hashing.
struct DigestedRows {
  const RowBatch& rows;
  Hash digest{};
};

// The key columns' values of one row, as canonical bytes (a row of definition.key's columns).
std::string KeyBytes(std::string_view row, const std::vector<std::size_t>& key);
// A key for people and JSON: values joined by ',', bytes that are not printable UTF-8 as 0x
// hexadecimal, cut at 200 characters.
std::string KeyText(std::string_view key_bytes);
// The same uncut.
std::string WholeKeyText(std::string_view key_bytes);

}  // namespace osarchiver
