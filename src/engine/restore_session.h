// The part of a restore that runs and files share: tables, postponed rows, counts.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "engine/restore.h"
#include "engine/row_restorer.h"

namespace osarchiver {

class RestoreSession {
 public:
  ~RestoreSession();
  RestoreSession(const RestoreRequest& request,
                 std::function<std::unique_ptr<Connection>()> connect, Clock& clock,
                 RestoreReport* report);

  // Makes the table of `--to` when it is missing; nothing without --to.
  void PrepareTarget(const TableDefinition& definition);
  TableName TargetOf(const TableDefinition& definition) const;
  // Puts one proven batch back (or only looks, in a dry run). `may_differ` says of a row whether
  // the journal knows that the source's version is another one, so that it is no conflict. Rows
  // whose parent is not there yet are tried again by Finish().
  void Restore(const TableDefinition& definition, RowBatch rows,
               const std::function<bool(std::size_t)>& may_differ);
  // Tries rows without parents until nothing more goes in, and reports what is left.
  void Finish();

 private:
  struct Table;
  struct Postponed;
  Table& TableFor(const TableDefinition& definition);
  RowBatch Wanted(Table& table, const TableDefinition& definition, const RowBatch& rows);
  void Report(const std::string& problem);

  const RestoreRequest& request_;
  const std::function<std::unique_ptr<Connection>()> connect_;
  Clock& clock_;
  RestoreReport* report_;
  std::vector<std::unique_ptr<Table>> tables_;
  std::deque<Postponed> postponed_;
};

}  // namespace osarchiver
