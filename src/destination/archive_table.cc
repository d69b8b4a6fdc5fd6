#include "destination/archive_table.h"

#include <fmt/format.h>

#include "destination/schema_difference.h"
#include "mariadb/quote.h"
#include "util/failpoint.h"
#include "util/log.h"

namespace osarchiver {
namespace {

constexpr unsigned kAlgorithmNotSupported = 1845;
constexpr unsigned kAlgorithmNotSupportedReason = 1846;

bool IsRefusal(const DatabaseError& error) {
  return error.code() == kAlgorithmNotSupported || error.code() == kAlgorithmNotSupportedReason;
}

[[noreturn]] void Refuse(const TableName& name, const TableDefinition& source,
                         const TableDefinition& archive,
                         const std::vector<SchemaDifference>& differences, const std::string& why) {
  std::string message = fmt::format("archive table {} does not fit {}.{}{}:", ToText(name),
                                    source.database, source.table, why);
  std::string clauses;
  for (const SchemaDifference& difference : differences) {
    message += "\n  " + difference.text;
    if (difference.alter.empty()) continue;
    clauses += clauses.empty() ? "" : ", ";
    clauses += difference.alter;
  }
  message += "\nsource:  " + source.create_sql + "\narchive: " + archive.create_sql;
  throw Error(message, clauses.empty() ? ""
                                       : "when the archived rows allow it: ALTER TABLE " +
                                             Quoted(name) + " " + clauses);
}

// Only what needs no rebuild: a rebuild of an archive that has grown for years takes hours, and is
// the operator's to plan.
void Evolve(Connection& connection, const TableName& name, const TableDefinition& source,
            const TableDefinition& archive, const std::vector<SchemaDifference>& differences) {
  std::string clauses;
  for (const SchemaDifference& difference : differences) {
    clauses += clauses.empty() ? "" : ", ";
    clauses += difference.alter;
  }
  const std::string alter = "ALTER TABLE " + Quoted(name) + " " + clauses;
  Failpoint("archive-alter-before");
  try {
    connection.Execute(alter + ", ALGORITHM=INSTANT");
  } catch (const DatabaseError& instant) {
    if (!IsRefusal(instant)) throw;
    try {
      // In place and without a rebuild.
      connection.Execute(alter + ", ALGORITHM=NOCOPY, LOCK=NONE");
    } catch (const DatabaseError& nocopy) {
      if (!IsRefusal(nocopy)) throw;
      Refuse(name, source, archive, differences,
             ", and the server cannot change it without rebuilding it");
    }
  }
  Failpoint("archive-alter-after");
  for (const SchemaDifference& difference : differences) {
    LogInfo(fmt::format("archive table {} was changed: {}", ToText(name), difference.text));
  }
}

LoadedTable Load(Connection& connection, const TableName& name) {
  auto loaded = LoadTable(connection, name);
  if (!loaded) throw Error("archive table " + ToText(name) + " has vanished");
  return *std::move(loaded);
}

// "" for a table that takes part in transactions.
std::string KindProblem(const TableName& name, const TableInfo& info) {
  if (info.type == "BASE TABLE" && info.engine == "InnoDB") return {};
  return fmt::format("archive table {} is a {} {}, and must be an InnoDB base table", ToText(name),
                     info.engine, info.type);
}

std::vector<SchemaDifference> Blocking(const std::vector<SchemaDifference>& all) {
  std::vector<SchemaDifference> blocking;
  for (const SchemaDifference& difference : all) {
    if (difference.kind == DifferenceKind::kBlocking) blocking.push_back(difference);
  }
  return blocking;
}

}  // namespace

void PrepareArchiveTable(Connection& connection, const TableName& name,
                         const TableDefinition& source, SchemaChanges changes) {
  bool created = false;
  if (!LoadTable(connection, name)) {
    Failpoint("archive-create-table");
    connection.Execute(ArchiveCreateTable(source, Quoted(name), true));
    Failpoint("archive-create-table-after");
    LogInfo("archive table " + ToText(name) + " was created");
    created = true;
  }
  // A new table is compared too: the server may have made something else of the statement.
  const LoadedTable archive = Load(connection, name);
  const std::string kind = KindProblem(name, archive.info);
  if (!kind.empty()) throw Error(kind);
  const auto differences = CompareSchemas(source, archive.definition);
  const auto blocking = Blocking(differences);
  if (!blocking.empty()) Refuse(name, source, archive.definition, blocking, "");
  if (changes == SchemaChanges::kStop && !created && !differences.empty()) {
    Refuse(name, source, archive.definition, differences, ", and schema_changes is stop");
  }
  std::vector<SchemaDifference> additive;
  for (const SchemaDifference& difference : differences) {
    if (difference.kind == DifferenceKind::kAdditive) additive.push_back(difference);
  }
  if (additive.empty()) return;
  Evolve(connection, name, source, archive.definition, additive);
  for (const SchemaDifference& difference :
       CompareSchemas(source, Load(connection, name).definition)) {
    if (difference.kind == DifferenceKind::kHarmless) continue;
    throw Error(fmt::format("archive table {} was changed and still does not fit: {}", ToText(name),
                            difference.text));
  }
}

std::vector<std::string> CheckArchiveTable(Connection& connection, const TableName& name,
                                           const TableDefinition& source, SchemaChanges changes) {
  const auto archive = LoadTable(connection, name);
  if (!archive) return {};
  const std::string kind = KindProblem(name, archive->info);
  if (!kind.empty()) return {kind};
  std::vector<std::string> problems;
  const auto differences = CompareSchemas(source, archive->definition);
  for (const SchemaDifference& difference :
       changes == SchemaChanges::kStop ? differences : Blocking(differences)) {
    problems.push_back(fmt::format("archive table {} does not fit {}.{}: {}", ToText(name),
                                   source.database, source.table, difference.text));
  }
  return problems;
}

void PrepareArchiveDatabase(Connection& connection, const std::string& database) {
  if (connection.QueryValue("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = " +
                            QuoteText(database))) {
    return;
  }
  Failpoint("archive-create-database-before");
  try {
    connection.Execute("CREATE DATABASE IF NOT EXISTS " + QuoteIdentifier(database));
  } catch (const DatabaseError& error) {
    if (error.code() != 1044 && error.code() != 1142 && error.code() != 1227) throw;
    throw DatabaseError(error.code(), error.sqlstate(),
                        "cannot create the archive database " + database + ": " + error.what(),
                        "create it, and GRANT SELECT, INSERT, DELETE, CREATE, ALTER ON " +
                            QuoteIdentifier(database) + ".* to this account");
  }
  Failpoint("archive-create-database-after");
  LogInfo("archive database " + database + " was created");
}

}  // namespace osarchiver
