// The keys of one archived batch, each with the short hash of its row: what the control table
// keeps, so that a batch can be read back row by row, and an earlier version of a row be told from
// a row that is somebody else's.
//
// Bytes, inside one zstd frame: a version byte (1), then for each row the canonical bytes of its
// key columns and the first 8 bytes of its row hash.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/row_batch.h"
#include "formats/table_definition.h"

namespace osarchiver {

struct ArchivedKeys {
  RowBatch keys;                         // key columns only
  std::vector<std::int64_t> row_hashes;  // ShortHash of the row that belongs to each key
};

std::string EncodeKeys(const std::vector<std::size_t>& key, const RowBatch& rows,
                       const std::vector<Hash>& row_hashes);
// Throws IntegrityError when the bytes are not what EncodeKeys made.
ArchivedKeys DecodeKeys(std::string_view blob, std::size_t key_columns);

// "`id` IN (1,2)" or "(`a`,`b`) IN ((1,2),(3,4))" for keys [begin, end) of `keys`; two lists joined
// by OR where one would mix numbers and texts.
std::string KeyListCondition(const TableDefinition& definition, const RowBatch& keys,
                             std::size_t begin, std::size_t end);
// The end of the longest range of keys from `begin` whose condition stays handy: at most 1000 keys
// and about `limit_bytes` of text.
std::size_t KeyRangeEnd(const RowBatch& keys, std::size_t begin, std::size_t limit_bytes);

// Whether `row` is whole canonical bytes of `columns` values: for bytes that come from outside.
bool IsCanonical(std::string_view row, std::size_t columns);

}  // namespace osarchiver
