// The key of a table as SQL: where a walk stands, the conditions "behind it" and "up to it", and
// the order, all such that the key's own index is used and nothing is sorted. SQL text only,
// nothing is executed here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/table_definition.h"
#include "mariadb/connection.h"

namespace osarchiver {

// The alias of the walked table in every statement: unlikely enough not to be meant by a configured
// `where`.
inline constexpr std::string_view kRowAlias = "`osa`";

// A place in key order: the values of the first one or more key columns, as KeyOrder reads them.
// With fewer than all columns it stands behind all rows that begin with these values.
struct KeyCursor {
  std::vector<std::string> values;
  bool operator==(const KeyCursor&) const = default;
};

class KeyOrder {
 public:
  // Precondition: the definition has a key. The definition must outlive this.
  explicit KeyOrder(const TableDefinition& definition);
  // The order of another index, its columns followed by the key's. Nothing when it cannot order
  // rows: one of its columns but the first may be NULL, is generated, or is held by a prefix only.
  // `within` bounds every walk, and leaves out rows whose first column is NULL.
  static std::optional<KeyOrder> ByIndex(const TableDefinition& definition,
                                         const std::string& index_name, const std::string& within);

  // "`db`.`t` AS `osa` FORCE INDEX (`PRIMARY`)". Without the hint a filter on another column can
  // tempt the optimizer away from the key, and then it sorts.
  const std::string& from() const { return from_; }
  // The key's columns as a cursor wants them: as the canonical bytes have them, but ENUM and SET as
  // numbers, because they are ordered by number and their text compares as text.
  const std::string& expressions() const { return expressions_; }
  std::string OrderBy() const;

  // From the cells of expressions(), which begin at `first`.
  KeyCursor FromCells(const Row& row, std::size_t first) const;

  // "(a, b)" and a cursor's values to compare it with.
  std::string TupleColumns() const;
  std::string Tuple(const KeyCursor& cursor) const;
  // Rows behind `cursor`; rows up to it, itself included.
  std::string After(const KeyCursor& cursor) const;
  std::string UpTo(const KeyCursor& cursor) const;
  // Rows between the two, within the walk's bounds.
  std::string Between(const std::optional<KeyCursor>& after,
                      const std::optional<KeyCursor>& up_to) const;

  // The columns' positions in the definition.
  const std::vector<std::size_t>& positions() const { return positions_; }
  // ENUM or SET among the columns: a row's own values are no cursor, expressions() must be read.
  bool has_numbers() const;
  // The first key column is an integer in ascending order: arithmetic on it gives windows.
  bool leads_with_integer() const { return leads_with_integer_; }
  bool single_column() const { return columns_.size() == 1; }
  // The first key column, qualified.
  const std::string& leading() const { return columns_[0].sql; }

  // A cursor as text that holds the key's definition too: a position under another key is no
  // position. Nothing for text that is none.
  std::string ToText(const KeyCursor& cursor) const;
  std::optional<KeyCursor> FromText(std::string_view text) const;

 private:
  struct KeyColumn {
    const Column* column;
    std::string sql;  // `osa`.`id`
    bool descending = false;
    bool by_number = false;   // ENUM, SET
    std::size_t members = 0;  // of an ENUM
  };
  enum class Side { kBehind, kBefore };

  KeyOrder(const TableDefinition& definition, const std::string& index_name,
           std::vector<std::size_t> positions, std::string within);

  std::string Literal(const KeyColumn& column, const std::string& value) const;
  std::string Beyond(const KeyColumn& column, const std::string& value, Side side) const;
  std::string Expand(const KeyCursor& cursor, Side side) const;

  std::vector<KeyColumn> columns_;
  std::vector<std::size_t> positions_;
  std::string within_;
  std::string from_;
  std::string expressions_;
  std::string fingerprint_;
  bool leads_with_integer_ = false;
};

}  // namespace osarchiver
