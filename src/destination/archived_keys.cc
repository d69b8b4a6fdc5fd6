#include "destination/archived_keys.h"

#include <cstring>
#include <map>

#include "formats/compress.h"
#include "mariadb/quote.h"
#include "util/error.h"

namespace osarchiver {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kHashBytes = 8;
constexpr std::size_t kMaxKeys = 1000;
// Far above what a batch holds; a damaged size must not make us take all memory.
constexpr std::uint64_t kMaxBytes = std::uint64_t{4} << 30;

std::uint64_t LoadLittleEndian(const char* bytes) {
  std::uint64_t number = 0;
  for (int i = 7; i >= 0; --i) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

void AppendLittleEndian(std::uint64_t number, std::string* bytes) {
  for (int i = 0; i < 8; ++i, number >>= 8) bytes->push_back(static_cast<char>(number & 0xff));
}

// Bytes of the `columns` values that begin at `bytes`; npos when they are not whole.
std::size_t CanonicalSize(std::string_view bytes, std::size_t columns) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < columns; ++i) {
    if (at >= bytes.size()) return std::string_view::npos;
    const auto kind = static_cast<ValueKind>(bytes[at++]);
    if (kind == ValueKind::kNull || kind == ValueKind::kEnumError) continue;
    if (kind != ValueKind::kBytes || bytes.size() - at < 8) return std::string_view::npos;
    const std::uint64_t size = LoadLittleEndian(bytes.data() + at);
    at += 8;
    if (size > bytes.size() - at) return std::string_view::npos;
    at += size;
  }
  return at;
}

}  // namespace

bool IsCanonical(std::string_view row, std::size_t columns) {
  return CanonicalSize(row, columns) == row.size();
}

std::string EncodeKeys(const std::vector<std::size_t>& key, const RowBatch& rows,
                       const std::vector<Hash>& row_hashes) {
  std::string bytes(1, kVersion);
  for (std::size_t i = 0; i < rows.row_count(); ++i) {
    bytes += KeyBytes(rows.row(i), key);
    AppendLittleEndian(static_cast<std::uint64_t>(ShortHash(row_hashes[i])), &bytes);
  }
  return Compress(bytes);
}

ArchivedKeys DecodeKeys(std::string_view blob, std::size_t key_columns) {
  const std::string bytes = Decompress(blob, kMaxBytes);
  std::string_view rest(bytes);
  if (rest.empty() || rest[0] != kVersion || key_columns == 0) {
    throw IntegrityError("a list of archived keys is damaged, or of a newer version");
  }
  rest.remove_prefix(1);
  ArchivedKeys result{RowBatch(key_columns), {}};
  while (!rest.empty()) {
    const std::size_t size = CanonicalSize(rest, key_columns);
    if (size == std::string_view::npos || rest.size() - size < kHashBytes) {
      throw IntegrityError("a list of archived keys is damaged");
    }
    result.keys.AppendRow(rest.substr(0, size));
    result.row_hashes.push_back(static_cast<std::int64_t>(LoadLittleEndian(rest.data() + size)));
    rest.remove_prefix(size + kHashBytes);
  }
  return result;
}

std::string KeyListCondition(const TableDefinition& definition, const RowBatch& keys,
                             std::size_t begin, std::size_t end) {
  const bool composite = definition.key.size() > 1;
  std::string columns = composite ? "(" : "";
  for (std::size_t i = 0; i < definition.key.size(); ++i) {
    if (i > 0) columns += ",";
    columns += QuoteIdentifier(definition.columns[definition.key[i]].name);
  }
  columns += composite ? ") IN (" : " IN (";
  // One list, unless some rows have numbers where others have texts.
  std::map<std::vector<bool>, std::string> lists;
  for (std::size_t row = begin; row < end; ++row) {
    std::vector<bool> numbers;
    std::string tuple = composite ? "(" : "";
    ValueCursor values(keys.row(row));
    for (std::size_t i = 0; i < definition.key.size(); ++i) {
      const Column& column = definition.columns[definition.key[i]];
      const Value value = values.Next();
      if (i > 0) tuple += ",";
      if (composite) numbers.push_back(IsNumberAmongTexts(column, value));
      AppendKeyLiteral(column, value, &tuple, composite ? KeyForm::kInTuple : KeyForm::kAlone);
    }
    std::string& list = lists[numbers];
    if (!list.empty()) list += ",";
    list += composite ? tuple + ")" : tuple;
  }
  std::string sql = lists.size() > 1 ? "(" : "";
  for (const auto& [numbers, list] : lists) {
    if (sql.size() > 1) sql += " OR ";
    sql += columns + list + ")";
  }
  return lists.size() > 1 ? sql + ")" : sql;
}

std::size_t KeyRangeEnd(const RowBatch& keys, std::size_t begin, std::size_t limit_bytes) {
  std::size_t end = begin, bytes = 0;
  while (end < keys.row_count() && end - begin < kMaxKeys) {
    // Escaping at most doubles a key.
    bytes += 2 * keys.row(end).size() + 4;
    if (end > begin && bytes > limit_bytes) break;
    ++end;
  }
  return end;
}

}  // namespace osarchiver
