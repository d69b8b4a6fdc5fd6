#include "state/row_marks.h"

#include <fmt/format.h>

namespace osarchiver {

std::string RowsNotAsCountedSql(Compare what) {
  const bool marks = what == Compare::kMarks;
  return fmt::format(
      "SELECT t.database_name || '.' || t.table_name FROM tables t"
      " LEFT JOIN (SELECT table_id, count(*) AS rows, {} AS mark FROM kept GROUP BY table_id) k"
      " ON k.table_id = t.id"
      " LEFT JOIN (SELECT table_id, count(*) AS rows, {} AS mark FROM holds GROUP BY table_id) h"
      " ON h.table_id = t.id"
      " WHERE t.kept_rows <> coalesce(k.rows, 0) OR t.held_rows <> coalesce(h.rows, 0){}",
      marks ? fmt::format("sum({})", kKeptMarkSql) : "0",
      marks ? fmt::format("sum({})", kHeldMarkSql) : "0",
      marks ? " OR t.kept_mark <> coalesce(k.mark, 0) OR t.held_mark <> coalesce(h.mark, 0)" : "");
}

}  // namespace osarchiver
