// What the journal adds up over the kept and the held rows of each table, so that it shows on
// opening when one is no longer as it was written. A row with another hash would be archived a
// second time. Any one changed bit changes the sum, since no power of two is a multiple of an odd
// prime. Sums are stored: a mark never changes without a new version of the schema.
#pragma once

#include <cstdint>
#include <string>

namespace osarchiver {

constexpr std::int64_t KeptMark(std::int64_t key_hash, std::int64_t row_hash, std::int64_t batch) {
  return key_hash % 2147483629 + 2 * (row_hash % 2147483587) + batch;
}
inline constexpr char kKeptMarkSql[] =
    "(key_hash % 2147483629 + 2 * (row_hash % 2147483587) + batch_id)";

constexpr std::int64_t HeldMark(std::int64_t key_hash, std::int64_t reason) {
  return key_hash % 2147483629 + reason;
}
inline constexpr char kHeldMarkSql[] = "(key_hash % 2147483629 + reason)";

enum class Compare : std::uint8_t { kNumbers, kMarks };

// A query for the names ("database.table") of tables whose kept or held rows are not as many as
// were counted, or, with kMarks, not those. kMarks reads all of them: 0.13 s per million.
std::string RowsNotAsCountedSql(Compare what);

}  // namespace osarchiver
