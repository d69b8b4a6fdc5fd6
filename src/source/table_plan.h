// What a run will do with each table of a source, decided before anything is read: which tables, in
// which order, under which condition, and what is refused or left out and why. `check` and
// `--dry-run` print it, `run` follows it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "formats/table_definition.h"
#include "mariadb/catalogue.h"

namespace osarchiver {

struct TablePlan {
  TableName name;
  LoadedTable loaded;
  TableSettings settings;
  bool has_deleted_column = true;  // false: archived only as a dependent of its parents
  bool has_flag_column = false;
  std::string cutoff;  // "2025-11-23 02:00:00": computed by the server from the run's `now` and the
                       // retention
  std::string now;     // the same notation
  // The configured `where` with placeholders replaced, as it goes into the segment header.
  std::string where;
  std::vector<ForeignKey> referrers;  // every foreign key, of any database, that refers to this
                                      // table (self references too)
  // Tables of one component refer to each other in a cycle; numbered children first. Tables of one
  // component are worked in rounds until nothing more is free.
  std::uint32_t component = 0;
  bool in_cycle = false;  // the component has more than one table
  bool refers_to_itself = false;
  // Components that must be worked before this one: those of tables that refer to this one.
  std::vector<std::uint32_t> after;
  std::string order_reason;              // "before `instances`, which it refers to"
  bool index_on_deleted_column = false;  // an index leads with it
  std::string deleted_index;             // its name

  const TableDefinition& definition() const { return loaded.definition; }
};

// A table that is not worked, and why.
struct LeftOutTable {
  enum class Reason {
    kExcluded,  // the configuration says so
    kNoColumn,  // no soft-delete column: the normal case, reported by `check` only
    kRefused,   // has the column and cannot be worked: view, engine, key, type, system-versioned
  };
  TableName name;
  Reason reason;
  std::string detail;
};

struct SourcePlan {
  std::string source;
  std::string now;  // "2026-11-23 02:00:00" of the server's UTC clock
  std::int64_t now_unix = 0;
  ServerInfo server;
  std::vector<std::unique_ptr<TablePlan>> tables;  // children first; addresses are stable
  std::vector<std::unique_ptr<TablePlan>>
      dependents;  // tables reached only by `dependents: archive`
  std::vector<LeftOutTable> left_out;
  std::vector<std::string> warnings;     // patterns that match nothing ...
  std::vector<std::string> advice;       // tables where an index would pay, with the statement: for
                                         // `check`, not for every night
  std::vector<ForeignKey> foreign_keys;  // all that touch the source's databases
  std::vector<std::string> errors;  // a literal database or table that does not exist, a `where`
                                    // that the server refuses ...

  const TablePlan* Find(const TableName& name) const;  // in tables, then dependents; nullptr
};

// Two tables of a plan that may be worked at the same time: no chain of foreign keys leads from one
// to the other, and no dependent goes with rows of both.
bool Independent(const SourcePlan& plan, const TablePlan& a, const TablePlan& b);

struct PlanRequest {
  const SourceSettings* source = nullptr;
  std::string now;                             // "": ask the server
  std::vector<std::string> archive_databases;  // on this server: '*' leaves them out
  std::vector<TableName> only;                 // --table; empty: all
};

// Asks the catalogue only, reads no rows. Throws DatabaseError when the server cannot be asked;
// everything else is in the plan.
SourcePlan MakePlan(Connection& connection, const PlanRequest& request);

}  // namespace osarchiver
