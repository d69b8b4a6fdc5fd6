#include "formats/row_batch.h"

#include <algorithm>
#include <cassert>

#include "formats/utf8.h"

namespace osarchiver {
namespace {

constexpr std::size_t kKeyTextCharacters = 200;

// Whether a terminal shows these bytes as they are.
bool IsPrintable(std::string_view text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  return std::none_of(text.begin(), text.end(), is_control) && IsUtf8(text);
}

// At most kKeyTextCharacters characters of valid UTF-8, the last three of them dots when cut.
std::string CutForPeople(std::string text) {
  std::size_t characters = 0;
  std::size_t cut = 0;
  for (std::size_t at = 0; at < text.size(); ++characters) {
    if (characters == kKeyTextCharacters - 3) cut = at;
    if (characters == kKeyTextCharacters) {
      text.resize(cut);
      return text + "...";
    }
    at += std::max<std::size_t>(1, Utf8CharacterSize(std::string_view(text).substr(at)));
  }
  return text;
}

#ifndef NDEBUG
std::size_t CountValues(std::string_view row) {
  std::size_t count = 0;
  for (ValueCursor values(row); !values.AtEnd(); ++count) values.Next();
  return count;
}
#endif

}  // namespace

void RowBatch::Append(const Value& value) {
  if (value.kind == ValueKind::kBytes) {
    AppendBytes(value.bytes);
  } else {
    arena_.push_back(static_cast<char>(value.kind));
  }
}

void RowBatch::EndRow() {
  assert(CountValues(std::string_view(arena_).substr(byte_count())) == column_count_);
  ends_.push_back(arena_.size());
}

void RowBatch::AppendRow(std::string_view canonical) {
  arena_.append(canonical);
  EndRow();
}

void RowBatch::AbandonRow() { arena_.resize(byte_count()); }

void RowBatch::Truncate(std::size_t row_count) {
  ends_.resize(row_count);
  arena_.resize(byte_count());
}

void RowBatch::Clear() {
  arena_.clear();
  ends_.clear();
}

void RowBatch::Reserve(std::size_t bytes) {
  // A string that has memory would take at least twice as much, and copy into it.
  if (arena_.empty() && arena_.capacity() < bytes) std::string().swap(arena_);
  arena_.reserve(bytes);
}

void RowBatch::Restart(std::size_t column_count) {
  Clear();
  column_count_ = column_count;
}

std::string_view RowBatch::row(std::size_t index) const {
  const std::size_t start = index == 0 ? 0 : ends_[index - 1];
  return std::string_view(arena_).substr(start, ends_[index] - start);
}

std::string_view RowBatch::RowsFrom(std::size_t first) const {
  const std::size_t start = first == 0 ? 0 : ends_[first - 1];
  return std::string_view(arena_).substr(start, byte_count() - start);
}

Value RowBatch::value(std::size_t row_index, std::size_t column_index) const {
  ValueCursor values(row(row_index));
  for (std::size_t i = 0; i < column_index; ++i) values.Next();
  return values.Next();
}

std::vector<Hash> RowHashes(const RowBatch& rows) {
  Sha256 sha256;
  std::vector<Hash> hashes;
  hashes.reserve(rows.row_count());
  for (std::size_t i = 0; i < rows.row_count(); ++i) hashes.push_back(sha256.Of(rows.row(i)));
  return hashes;
}

Hash BatchDigest(std::vector<Hash> row_hashes) {
  std::sort(row_hashes.begin(), row_hashes.end());
  Sha256 sha256;
  for (const Hash& hash : row_hashes) {
    sha256.Update({reinterpret_cast<const char*>(hash.data()), hash.size()});
  }
  return sha256.Finish();
}

std::string KeyBytes(std::string_view row, const std::vector<std::size_t>& key) {
  const std::size_t last = key.empty() ? 0 : *std::max_element(key.begin(), key.end());
  std::vector<Value> values;
  for (ValueCursor cursor(row); !cursor.AtEnd() && values.size() <= last;) {
    values.push_back(cursor.Next());
  }
  RowBatch bytes(key.size());
  for (const std::size_t position : key) bytes.Append(values.at(position));
  bytes.EndRow();
  return std::string(bytes.row(0));
}

std::string WholeKeyText(std::string_view key_bytes) {
  std::string text;
  bool first = true;
  for (ValueCursor values(key_bytes); !values.AtEnd(); first = false) {
    const Value value = values.Next();
    if (!first) text += ',';
    if (value.kind == ValueKind::kNull) {
      text += "NULL";
    } else if (IsPrintable(value.bytes)) {
      text += value.bytes;
    } else {
      text += "0x" + Hex(value.bytes);
    }
  }
  return text;
}

std::string KeyText(std::string_view key_bytes) { return CutForPeople(WholeKeyText(key_bytes)); }

}  // namespace osarchiver
