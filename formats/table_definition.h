// What a table looked like when its rows were read: enough to write, parse, store and restore them
// without the source. Plain data; src/mariadb/catalogue makes it, segment records and the control
// table keep it as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace osarchiver {

// How a column's bytes are written in SQL and CSV.
enum class ValueClass {
  kNumber,  // bare in both: integers, DECIMAL, FLOAT and DOUBLE (read as DOUBLE), YEAR
  kText,    // quoted UTF-8: text in utf8mb3, utf8mb4 or ascii, dates and times, INET4/6, UUID, ENUM
            // and SET of those charsets
  kBytes,   // hexadecimal: BIT, BINARY, BLOB, GEOMETRY, and text (ENUM, SET too) in any other
            // character set
};

// A stored (not generated) column. Its position in TableDefinition::columns is its position in the
// canonical bytes.
struct Column {
  std::string name;
  std::string type;  // COLUMN_TYPE as the server says it: "varchar(255)", "enum('a','b')", "int(11)
                     // unsigned"
  std::string data_type;  // DATA_TYPE: "varchar", "enum", "int"; lower case
  std::string charset;    // CHARACTER_SET_NAME, "" when the type has none
  std::string collation;  // COLLATION_NAME, "" when the type has none
  ValueClass value_class = ValueClass::kText;
  bool nullable = false;
  bool invisible = false;
  bool auto_increment = false;
  // The ENUM has a member '', so the text alone cannot tell it from the error value with index 0.
  bool has_empty_member = false;
  std::string default_sql;  // COLUMN_DEFAULT as SQL text; "" when there is none
  bool operator==(const Column&) const = default;
};

// Read by nobody and inserted by nobody; kept so that an archive table computes it as the source
// does.
struct GeneratedColumn {
  std::string name;
  std::string type;
  std::string charset;
  std::string collation;
  std::string expression;  // GENERATION_EXPRESSION
  bool stored = false;
  std::size_t before_column =
      0;  // stands before columns[before_column]; columns.size(): at the end
  bool operator==(const GeneratedColumn&) const = default;
};

struct IndexPart {
  std::string column;               // may be a generated column's name
  std::uint32_t prefix_length = 0;  // characters; 0: the whole column
  bool descending = false;
  bool operator==(const IndexPart&) const = default;
};

struct Index {
  std::string name;  // "PRIMARY" for the primary key
  bool unique = false;
  std::string type;  // "BTREE", "FULLTEXT", "SPATIAL", "HASH"
  std::vector<IndexPart> parts;
  bool operator==(const Index&) const = default;
};

// What happens to the referring row when the referenced one goes (DELETE_RULE).
enum class DeleteRule { kRestrict, kCascade, kSetNull };

struct ForeignKey {
  std::string name;
  std::string database, table;  // the referring (child) table
  std::vector<std::string> columns;
  std::string referenced_database, referenced_table;
  std::vector<std::string> referenced_columns;
  DeleteRule on_delete = DeleteRule::kRestrict;
  bool operator==(const ForeignKey&) const = default;
};

// Whether the server takes them for the same column: ASCII letters without regard to case.
bool SameName(std::string_view a, std::string_view b);

struct TableDefinition {
  std::string database;
  std::string table;
  std::vector<Column> columns;  // table order, generated ones left out
  std::vector<GeneratedColumn> generated;
  std::vector<Index> indexes;
  std::vector<std::size_t>
      key;  // positions in `columns`: the primary key, or the unique key that orders the table
  std::string key_name;  // its index's name
  std::string charset;   // the table's default
  std::string collation;
  std::string row_format;                // "" when not given
  std::string create_sql;                // SHOW CREATE TABLE, for people and for the record
  std::vector<ForeignKey> foreign_keys;  // those that this table declares
  bool operator==(const TableDefinition&) const = default;
};

// The JSON form that segment records and the control table keep. The inverse throws IntegrityError
// on anything else.
std::string DefinitionToJson(const TableDefinition& definition);
TableDefinition DefinitionFromJson(std::string_view json);

// True when rows read under `a` mean the same under `b`: same stored columns (name, type, character
// set, nullability, order), generated columns and key. Indexes, defaults and foreign keys may
// differ.
bool SameRowShape(const TableDefinition& a, const TableDefinition& b);

// `name` in backticks, backticks doubled.
std::string QuoteIdentifier(std::string_view name);

// CREATE TABLE for an archive of `definition`: InnoDB, without foreign keys, AUTO_INCREMENT and
// CHECKs, without partitions, secondary UNIQUE keys made plain (two rows that were unique at
// different times may both be archived), compressed columns kept. `name` is already quoted and
// qualified as wanted. With `if_not_exists`, says so.
std::string ArchiveCreateTable(const TableDefinition& definition, std::string_view quoted_name,
                               bool if_not_exists);

}  // namespace osarchiver
