// The SQL of the delete: text only, nothing is executed here. Always by key list (PITFALLS 4, 5, 6,
// 47).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "source/deletable_rows.h"

namespace osarchiver {

// "`t`.`a`" or "(`t`.`a`,`t`.`b`)": what is compared with a list of values. `alias` is quoted; ""
// for none.
std::string ColumnTuple(const TableDefinition& definition, const std::vector<std::size_t>& columns,
                        std::string_view alias);
// "1,2,3" or "(1,'x'),(2,'y')": the values that `rows` have in `columns`, without rows where one is
// NULL. Empty when none is left.
std::string ValueList(const DeletableRows& part, const std::vector<std::uint32_t>& rows,
                      const std::vector<std::size_t>& columns);

// The expressions that read the key, comma-separated: their cells are a row of the key's columns.
std::string ReadKey(const TableDefinition& definition, std::string_view alias);

// SELECT all columns of the rows with these keys.
std::string SelectByKeys(const DeletableRows& part, std::string_view key_list);

// Rows of one part and level that one DELETE statement takes.
struct KeyedRows {
  std::uint32_t part = 0;
  std::uint32_t level = 0;
  std::vector<std::uint32_t> rows;  // in the part
  std::string keys;                 // ValueList of the key
};

enum class KeysAs {
  kList,  // key IN (every key)
  // Long runs of integers as BETWEEN. The same keys, and faster; but where the last key of a run is
  // gone, the server looks at the record behind it and waits for its lock.
  kRuns,
};
// The condition that holds for these rows' keys and no others.
std::string KeyCondition(const DeletableRows& part, const KeyedRows& list, KeysAs form);
// DELETE ... RETURNING all columns of the rows that fulfil `condition`, which is of `row_count`
// keys.
std::string DeleteStatement(const DeletableRows& part, std::string_view condition,
                            std::size_t row_count);

// Cuts `rows`, which are of one level, into lists of at most `max_bytes` (one row may exceed it)
// and as many keys as the optimizer takes for ranges of an index.
void AppendKeyedRows(const DeletableRows& part, std::uint32_t part_number, std::uint32_t level,
                     const std::vector<std::uint32_t>& rows, std::size_t max_bytes,
                     std::vector<KeyedRows>* lists);

}  // namespace osarchiver
