// What refers to rows that are about to be deleted: nothing may vanish by CASCADE or be edited by
// SET NULL (PITFALLS 7, 19).
//
// A child's INSERT locks its parent's record in the index of the referenced key and no other. So
// the rows are locked through that index, and whoever looks for children afterwards, in a new
// statement, sees every child that was inserted before and knows that none follows. Adding a
// foreign key waits for no lock of ours [tried on 10.11], so the list of them is asked for again
// before COMMIT.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/table_definition.h"
#include "mariadb/catalogue.h"
#include "mariadb/connection.h"
#include "source/deletable_rows.h"
#include "source/delete_statement.h"

namespace osarchiver {

// The foreign keys that refer to a table, kept between transactions.
class Referrers {
 public:
  // The foreign keys, of any database, that refer to the table: as remembered, or asked for. Throws
  // Error when the server has one that it does not describe: its children could not be looked for.
  const std::vector<ForeignKey>& Of(Connection& connection, const TableName& name);
  // Whether what Of() returned is still the server's answer; forgets it otherwise. One cheap
  // statement where complete() says so; elsewhere the server opens all its tables for the answer.
  bool StillTrue(Connection& connection, const TableName& name);
  void Forget(const TableName& name) { known_.erase(name); }
  // False when the account lacks PROCESS: foreign keys of tables on which it has no privilege are
  // hidden from it.
  bool complete() const { return can_ask_innodb_; }

 private:
  struct Known {
    std::vector<ForeignKey> keys;
    std::string signature;
  };
  // Everything about the foreign keys that refer to the table, in one text, and how many they are.
  std::string Signature(Connection& connection, const TableName& name, std::size_t* count);
  // The same out of InnoDB's dictionary; nothing when the account lacks PROCESS.
  static std::optional<std::string> InnodbSignature(Connection& connection, const TableName& name,
                                                    std::size_t* count);

  std::map<TableName, Known> known_;
  bool can_ask_innodb_ = true;
};

// How many tables the session has opened. A DELETE opens one, and those that CASCADE and SET NULL
// may touch, seen by the account or not [tried]. Nothing when the server does not count.
std::optional<std::uint64_t> OpenedTables(Connection& connection);

// Whether a DELETE of the parent would touch the child.
bool TouchesChildren(const ForeignKey& key);

// SELECT ... FOR UPDATE of `rows` through every index that leads with the referenced columns (one
// of them is the one that a child's INSERT locks). Empty when no row can be referred to. Throws
// Error when a referenced column is generated.
std::vector<std::string> LockStatements(const DeletableRows& part, const TableDefinition& current,
                                        const ForeignKey& key,
                                        const std::vector<std::uint32_t>& rows);

// SELECT key of those rows of `rows` to which a child refers by one of `keys`; a row that refers to
// itself is not its own child.
std::string ReferredRowsStatement(const DeletableRows& part, const std::vector<ForeignKey>& keys,
                                  std::string_view key_list);

}  // namespace osarchiver
