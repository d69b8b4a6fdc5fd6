// Whether a table is still what it was when its rows were archived. A column added since would be
// deleted unarchived (PITFALLS 21).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "formats/table_definition.h"
#include "mariadb/catalogue.h"
#include "mariadb/connection.h"

namespace osarchiver {

// The first difference that SameRowShape() sees, for people: "column `flavor` was added". Empty
// when there is none.
std::string DescribeDifference(const TableDefinition& archived, const TableDefinition& current);

// SHOW CREATE TABLE without the AUTO_INCREMENT counter, which changes with every INSERT.
std::string WithoutCounter(std::string create_sql);

// Loads a table's definition again where SHOW CREATE TABLE shows that it may have changed, which is
// one cheap statement instead of several on information_schema.
class DefinitionCheck {
 public:
  // Precondition: the table's metadata lock is held by this connection's transaction. Throws Error
  // naming the difference; the returned definition is the current one, valid until the next call
  // for this table and as long as `archived`.
  const TableDefinition& Require(Connection& connection, const TableName& name,
                                 const TableDefinition& archived);

 private:
  struct Seen {
    std::string create_sql;
    TableDefinition definition;
  };
  std::map<TableName, Seen> seen_;
};

}  // namespace osarchiver
