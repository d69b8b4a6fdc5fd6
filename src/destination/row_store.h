// Puts the rows of one batch into an archive table, inside the caller's transaction. Decides what a
// row means whose key is there already:
//   same bytes                                   it is stored; left out of the INSERT
//   an earlier version that this journal archived   the new version takes its place; the old one is
//                                                   handed back, to be kept in the control entry
//   a later version of it (the batch is stored late, at a destination that was added)
//                                                the batch's row itself is handed back instead
//   anything else                                a conflict; the batch is not stored
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "destination/control_table.h"
#include "destination/destination.h"
#include "destination/superseded_rows.h"
#include "mariadb/catalogue.h"
#include "mariadb/connection.h"

namespace osarchiver {

class RowStore {
 public:
  // All outlive the store. `max_packet_bytes`: the server's max_allowed_packet.
  RowStore(Connection& connection, const ControlTable& control, const TableName& table,
           const PassContext& pass, std::size_t max_packet_bytes);

  // Returns the versions that are not in the table. Throws BatchConflict, DatabaseError, and an
  // Error for a warning: the caller rolls back.
  std::vector<SupersededVersion> Insert(const BatchToStore& batch);

 private:
  struct Statement {
    std::string sql;
    std::vector<std::size_t> rows;
    std::size_t enum_errors = 0;
    std::size_t end = 0;   // the first row that is not looked at
    bool is_bulk = false;  // the rows are in bulk_
  };
  // A row of the archive whose key a row of the batch has, with other bytes.
  struct Mismatch {
    std::size_t row = 0;
    std::string key;
    std::string existing;  // canonical, under the batch's definition
    // What is known of the existing row.
    enum class Origin { kUnknown, kEarlier, kLater } origin = Origin::kUnknown;
  };

  // A batch of this journal that holds the key of a mismatch.
  struct Candidate {
    std::string run_name;
    std::uint64_t number = 0;
    std::int64_t row_hash = 0;
    std::size_t mismatch = 0;
  };

  // Rows from `begin` on as parameters, as far as they may be sent so: none where the first of them
  // may not.
  Statement BuildBulk(const RowBatch& rows, std::size_t begin);
  // As literals.
  Statement BuildInsert(const RowBatch& rows, std::size_t begin) const;
  void Execute(const Statement& statement) const;
  void ResolveDuplicates(const BatchToStore& batch, const Statement& statement);
  void Locate(const BatchToStore& batch, const std::vector<std::size_t>& batch_rows,
              std::vector<Mismatch>* mismatches);
  void ProveByControlEntries(const BatchToStore& batch, std::vector<Mismatch>* mismatches);
  std::vector<Candidate> FindCandidates(const std::vector<Mismatch>& mismatches) const;
  // The existing row under the columns of the candidate's batch; nothing when they cannot be read.
  std::optional<std::string> ReadUnder(const TableDefinition& definition,
                                       const Mismatch& mismatch) const;
  void KeepVersion(SupersededVersion version);
  void ProveByJournal(const BatchToStore& batch, std::vector<Mismatch>* mismatches);
  void Settle(const BatchToStore& batch, const std::vector<Mismatch>& mismatches);

  Connection& connection_;
  const ControlTable& control_;
  const TableName& table_;
  const PassContext& pass_;
  std::size_t max_packet_bytes_;
  std::size_t max_statement_bytes_;
  bool has_generated_ = false;
  std::string insert_head_;
  std::optional<BulkRows> bulk_;  // where server and columns allow it
  std::string table_id_;
  std::vector<bool> done_;  // rows of the batch that need no INSERT (any more)
  std::vector<SupersededVersion> superseded_;
  std::vector<std::size_t> conflicts_;
};

}  // namespace osarchiver
