// One transaction of the delete (DESIGN.md section 4): metadata lock, definition, children, DELETE
// compared row by row, COMMIT.
#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "source/deletable_rows.h"
#include "source/delete_groups.h"
#include "source/delete_session.h"
#include "source/delete_statement.h"
#include "source/deleter.h"
#include "source/row_index.h"
#include "util/clock.h"
#include "util/hash.h"

namespace osarchiver {

// The rows of one Delete() call and how to find them. Rows are named as DeleteGroups names them.
struct DeleteUnit {
  explicit DeleteUnit(const std::vector<DeletableRows>& the_parts);

  const std::vector<DeletableRows>& parts;
  DeleteGroups groups;
  std::vector<RowIndex> indexes;          // by part
  std::vector<std::uint32_t> part_begin;  // the first row's number, by part
};

// What one transaction came to know. Also when it ends by an exception, up to there.
struct DeleteAttempt {
  enum class End {
    kNone,       // an exception
    kCommitted,  // COMMIT was answered
    kRowsStay,   // rolled back: rows in `changed` or `blocked` must be left out
    kReferred,   // rolled back: the server refused `suspects` for a child that nobody can see (any
                 // more)
    kReferrersChanged,  // rolled back: a foreign key was added or dropped meanwhile
  };
  End end = End::kNone;
  std::vector<std::uint32_t> returned;  // by the DELETEs, all as archived
  std::vector<std::uint32_t> changed;
  std::vector<std::uint32_t> blocked;
  std::vector<std::uint32_t> suspects;
  bool committing =
      false;  // COMMIT was sent: with an exception nobody knows what became of `returned`
  std::chrono::milliseconds duration{0};
};

class DeleteTransaction {
 public:
  DeleteTransaction(DeleteSession& session, const DeleteUnit& unit, Clock& clock);

  // Deletes `rows` or nothing. After an exception the caller rolls back.
  void Run(const std::vector<std::uint32_t>& rows, KeysAs form, DeleteAttempt* attempt);
  // What is in the database of rows that stay: kBlocked (still as archived), kChanged or kAbsent.
  // In no transaction.
  std::vector<RowOutcome> Ask(const std::vector<std::uint32_t>& rows);

 private:
  std::vector<KeyedRows> MakeLists(const std::vector<std::uint32_t>& rows) const;
  void LockTables(const std::vector<KeyedRows>& lists);
  void LockReferencedRows(const std::vector<KeyedRows>& lists);
  // Both: false when the transaction was rolled back.
  bool DeleteLists(const std::vector<KeyedRows>& lists, DeleteAttempt* attempt);
  bool DeleteList(const KeyedRows& list, DeleteAttempt* attempt);
  // DeleteCompared() where foreign keys may be hidden from the account: false, too, when it touched
  // other tables.
  bool DeleteAlone(const KeyedRows& list, DeleteAttempt* attempt);
  bool DeleteCompared(const KeyedRows& list, DeleteAttempt* attempt);
  // The server refused `list` for a child: fills attempt->blocked, or else attempt->suspects.
  void FindReferred(const KeyedRows& list, DeleteAttempt* attempt);
  std::vector<std::uint32_t> ReferredRows(const KeyedRows& list,
                                          const std::vector<ForeignKey>& keys);
  std::vector<ForeignKey> TouchingKeys(const KeyedRows& list);
  enum class Question {
    kWhereCascadesMayHide,  // not where DeleteAlone() has seen that there is none
    kEverywhere,
  };
  bool ReferrersHold(const std::vector<KeyedRows>& lists, Question question);
  void MarkChanged(const KeyedRows& list, const std::vector<std::string>& keys,
                   DeleteAttempt* attempt);
  // Rows of `list` whose key equals another in the database that is other bytes ('abc', 'ABC').
  std::vector<std::uint32_t> RenamedRows(const KeyedRows& list);
  const std::vector<ForeignKey>& ReferrersOf(const KeyedRows& list);
  std::uint32_t Id(const KeyedRows& list, std::uint32_t row) const {
    return unit_.part_begin[list.part] + row;
  }
  const DeletableRows& Part(const KeyedRows& list) const { return unit_.parts[list.part]; }

  DeleteSession& session_;
  const DeleteUnit& unit_;
  Clock& clock_;
  KeysAs form_ = KeysAs::kList;
  Sha256 sha256_;
  std::vector<std::uint32_t>
      list_of_;  // by row: the number of the list that asked for it, 0: none (any more)
  std::uint32_t list_number_ = 0;
  std::set<TableName>
      doubted_;  // a DELETE touched other tables, and their foreign keys were asked for again
  std::vector<const TableDefinition*> current_;  // by part, under the metadata lock
};

}  // namespace osarchiver
