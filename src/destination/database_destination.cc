#include "destination/database_destination.h"

#include <fmt/format.h>

#include <set>

#include "config/effective.h"
#include "destination/archive_table.h"
#include "destination/database_inventory.h"
#include "destination/database_names.h"
#include "destination/database_reader.h"
#include "destination/database_table_writer.h"
#include "destination/database_verify.h"
#include "destination/named_error.h"
#include "destination/older_journal.h"
#include "destination/registry.h"
#include "mariadb/quote.h"
#include "mariadb/retry.h"
#include "util/clock.h"

namespace osarchiver {
namespace {

ServerAddress WritableAddress(const MariadbDestinationSettings& settings) {
  ServerAddress address = AddressOf(settings.server);
  address.must_be_writable = true;
  return address;
}

// No such database, table or column: what was stored is not there.
bool IsGone(const DatabaseError& error) {
  return error.code() == 1049 || error.code() == 1146 || error.code() == 1054 ||
         error.code() == 1932;
}

}  // namespace

DatabaseDestination::DatabaseDestination(const std::string& name,
                                         const MariadbDestinationSettings& settings)
    : settings_(settings), target_{name, ""}, connections_(WritableAddress(settings)) {}

void DatabaseDestination::UseSource(const std::string& source, Connection& connection) {
  std::optional<ConnectionPool::Lease> own;
  try {
    own.emplace(connections_.Take());
  } catch (const DatabaseError&) {
    return;  // Check() and Open() meet the same and say it better
  }
  const Relation relation{SameServer(connection, **own), Replicates(connection, **own)};
  const std::lock_guard lock(mutex_);
  relations_[source] = relation;
}

std::optional<DatabaseDestination::Relation> DatabaseDestination::RelationTo(
    const std::string& source) {
  const std::lock_guard lock(mutex_);
  const auto found = relations_.find(source);
  return found == relations_.end() ? std::nullopt : std::optional(found->second);
}

std::string DatabaseDestination::NotDurable(Connection& connection) const {
  const ServerInfo info = LoadServerInfo(connection);
  if (info.flush_log_at_trx_commit == 1 || settings_.accept_non_durable) return {};
  return fmt::format(
      "destination {}: {} has innodb_flush_log_at_trx_commit={}, so that a commit may be lost "
      "after "
      "its rows were deleted from the source",
      target_.destination, connection.endpoint(), info.flush_log_at_trx_commit);
}

std::vector<std::string> DatabaseDestination::Check(const RunContext& run, const Journal* journal) {
  (void)run;
  (void)journal;
  std::vector<std::string> problems;
  try {
    auto connection = connections_.Take();
    const std::string not_durable = NotDurable(*connection);
    if (!not_durable.empty()) problems.push_back(not_durable);
    // Privileges that come with a role are not in these views.
    if (connection->QueryValue("SELECT CURRENT_ROLE()")) return problems;
    for (const char* privilege : {"SELECT", "INSERT", "DELETE", "CREATE", "ALTER"}) {
      // An account that may read everything sees everybody's privileges.
      const std::string condition =
          " WHERE PRIVILEGE_TYPE = " + QuoteText(privilege) +
          " AND (GRANTEE LIKE '%PUBLIC%' OR REPLACE(GRANTEE, '\\'', '') = CURRENT_USER())";
      if (connection->QueryValue("SELECT 1 FROM information_schema.USER_PRIVILEGES" + condition +
                                 " UNION SELECT 1 FROM information_schema.SCHEMA_PRIVILEGES" +
                                 condition + " LIMIT 1")) {
        continue;
      }
      problems.push_back(fmt::format("destination {}: the account has {} on no database of {}",
                                     target_.destination, privilege, connection->endpoint()));
    }
  } catch (const DatabaseError& error) {
    problems.push_back(fmt::format("destination {}: {}", target_.destination, error.what()));
  }
  return problems;
}

TableName DatabaseDestination::NameFor(Connection& connection, const std::string& site,
                                       const std::string& source, const TableDefinition& definition,
                                       Relation relation) const {
  TableName name{
      ArchiveDatabaseName(settings_, site, source, definition.database, relation.same_server),
      ArchiveTableName(settings_, definition.table)};
  if (relation.same_server || relation.replicates) {
    RefuseOwnTable({definition.database, definition.table}, name,
                   LoadServerInfo(connection).lower_case_table_names,
                   relation.same_server
                       ? "are one server"
                       : "replicate from each other (@@gtid_slave_pos), deletions included");
  }
  return name;
}

std::vector<std::string> DatabaseDestination::CheckTable(const std::string& site,
                                                         const std::string& source,
                                                         const TableDefinition& definition) {
  const std::optional<Relation> relation = RelationTo(source);
  if (!relation) return {};  // the server cannot be reached, which Check() says
  auto connection = connections_.Take();
  const TableName name = NameFor(*connection, site, source, definition, *relation);
  return CheckArchiveTable(*connection, name, definition, settings_.schema_changes);
}

void DatabaseDestination::Open(const RunContext& run, Journal& journal) {
  (void)run;
  (void)journal;  // the control tables are asked by RequireJournal()
  const std::string not_durable = Named("destination " + target_.destination, [this] {
    auto connection = connections_.Take();
    return NotDurable(*connection);
  });
  if (!not_durable.empty()) {
    throw ConfigError(not_durable,
                      "set it to 1 there, or accept_non_durable: true for this destination");
  }
}

// Also when nothing is left to archive: a run that then said that all is well would be believed.
void DatabaseDestination::RequireJournal(const RunContext& run, const std::vector<PassKey>& tables,
                                         const Journal* journal) {
  std::set<std::string> databases;
  for (const PassKey& key : tables) {
    for (std::string& name : Databases(settings_, run.site, key)) databases.insert(std::move(name));
  }
  if (databases.empty()) return;
  const std::string what = "asking the archives at " + target_.destination;
  Named(what, [&] {
    Retry({}, SystemClock(), what, [&] {
      auto connection = connections_.Take();
      for (const std::string& database : databases) {
        const ControlTable control(database);
        if (!control.Exists(*connection)) continue;
        RequireJournalOf(*connection, control, run, journal);
      }
    });
  });
}

void DatabaseDestination::RequireJournalOf(Connection& connection, const ControlTable& control,
                                           const RunContext& run, const Journal* journal) const {
  RequireOwnJournal(connection, control, run, journal);
  if (journal != nullptr) RequireKnownRuns(connection, control, run.archiver, *journal);
}

void DatabaseDestination::RequireKnownRuns(Connection& connection, const ControlTable& control,
                                           const std::string& archiver,
                                           const Journal& journal) const {
  const auto newest = control.NewestRun(connection, journal.id(), archiver);
  if (!newest || journal.HasRunNamed(*newest)) return;
  throw OlderJournalError(
      fmt::format("the journal is older than the archives in {}.{}: it does not know run {}, which "
                  "wrote there",
                  control.database(), kControlTableName, *newest),
      "put the newest journal back, or run osarchiver rebuild-journal");
}

// What a root's marker says of files: a journal that knows nothing of this destination cannot be
// the one that these entries are of. Where there are files too, their root is asked; hosts with a
// root each may share a database.
void DatabaseDestination::RequireOwnJournal(Connection& connection, const ControlTable& control,
                                            const RunContext& run, const Journal* journal) const {
  if (!run.databases_only) return;
  if (journal != nullptr && journal->KnowsDestination(target_.destination)) return;
  const auto other = control.OtherJournal(connection, run.journal_id, run.site, run.archiver);
  if (!other) return;
  throw ConfigError(
      fmt::format("{}.{} holds archives of archiver '{}' of this site by another journal ({}), and "
                  "this journal has written nothing there",
                  control.database(), kControlTableName, run.archiver, *other),
      "if the journal was lost, put it back or run osarchiver rebuild-journal; if it is another "
      "installation's, give this one another site or archiver name");
}

std::unique_ptr<TableWriter> DatabaseDestination::OpenTable(const PassContext& pass,
                                                            Journal& journal) {
  const TableDefinition& definition = pass.definition;
  TableName name;
  const std::string what = fmt::format("preparing the archive of {}.{} at {}", definition.database,
                                       definition.table, target_.destination);
  // Each step looks first at what is there, so a second try goes on where the first one stopped.
  Named(what, [&] {
    Retry({}, SystemClock(), what, [&] {
      auto connection = connections_.Take();
      name = NameOfPass(*connection, pass, journal);
      Prepare(*connection, name, pass, journal);
    });
  });
  return std::make_unique<DatabaseTableWriter>([this] { return connections_.Open(); }, target_,
                                               name, pass);
}

TableName DatabaseDestination::NameOfPass(Connection& connection, const PassContext& pass,
                                          const Journal& journal) {
  const std::string& source = pass.run.source;
  const std::optional<Relation> relation = RelationTo(source);
  TableName name{"", ArchiveTableName(settings_, pass.definition.table)};
  if (relation) name = NameFor(connection, pass.run.site, source, pass.definition, *relation);
  RunInfo run;
  run.name = pass.run.run_name;
  run.site = pass.run.site;
  const PassKey key{source, pass.definition.database, pass.definition.table};
  if (relation && DatabasesOf(run, key, journal) == Databases(settings_, run.site, key))
    return name;
  const auto control = FindControl(connection, run, key, journal);
  if (control && control->HasEntries(connection, run.name, TableId(key))) {
    name.database = control->database();
  } else if (!relation) {
    throw Error(
        fmt::format("destination {}: whether source '{}' is the same server decides which database "
                    "the rows of run {} go into, and the source cannot be asked",
                    target_.destination, source, run.name),
        fmt::format("name source '{}' once more for one run, while it can be reached", source));
  }
  return name;
}

void DatabaseDestination::Prepare(Connection& connection, const TableName& name,
                                  const PassContext& pass, Journal& journal) {
  const ControlTable control(name.database);
  PrepareArchiveDatabase(connection, name.database);
  if (control.Exists(connection)) {
    RequireJournalOf(connection, control, pass.run, &journal);
  } else {
    control.Create(connection);
  }
  PrepareArchiveTable(connection, name, pass.definition, settings_.schema_changes);
}

std::vector<std::string> DatabaseDestination::Databases(const MariadbDestinationSettings& settings,
                                                        const std::string& site,
                                                        const PassKey& key) {
  std::vector<std::string> names;
  const std::optional<Relation> relation = RelationTo(key.source);
  for (const bool assumed : {true, false}) {
    if (relation && relation->same_server != assumed) continue;
    std::string name = ArchiveDatabaseName(settings, site, key.source, key.database, assumed);
    if (names.empty() || names.back() != name) names.push_back(std::move(name));
  }
  return names;
}

std::vector<std::string> DatabaseDestination::DatabasesOf(const RunInfo& run, const PassKey& key,
                                                          const Journal& journal) {
  const auto recorded = NamesIn(journal.ConfigurationOf(run.name), target_.destination);
  return Databases(recorded.value_or(settings_), run.site, key);
}

std::optional<ControlTable> DatabaseDestination::FindControl(Connection& connection,
                                                             const RunInfo& run, const PassKey& key,
                                                             const Journal& journal) {
  std::optional<ControlTable> first;
  std::set<std::string> seen;
  // The one with entries among databases that were not looked at yet.
  const auto find = [&](const std::vector<std::string>& names,
                        bool expected) -> std::optional<ControlTable> {
    for (const std::string& name : names) {
      if (!seen.insert(name).second) continue;
      ControlTable control(name);
      if (!control.Exists(connection)) continue;
      if (control.HasEntries(connection, run.name, TableId(key))) return control;
      if (expected && !first) first = std::move(control);
    }
    return std::nullopt;
  };
  if (auto control = find(DatabasesOf(run, key, journal), true)) return control;
  if (auto control = find(Databases(settings_, run.site, key), false)) return control;
  for (const std::string& configuration : journal.ListConfigurations()) {
    const auto names = NamesIn(configuration, target_.destination);
    if (!names) continue;
    if (auto control = find(Databases(*names, run.site, key), false)) return control;
  }
  return first;
}

Hash DatabaseDestination::ReadOnce(const CopyReference& copy, const TableDefinition& definition,
                                   const RunInfo& run, const Journal& journal, RowBatch* rows) {
  auto connection = connections_.Take();
  const std::string what =
      fmt::format("batch {} of {}.{} (run {}) at {}", copy.number, copy.key.database,
                  copy.key.table, copy.run_name, target_.destination);
  const auto control = FindControl(*connection, run, copy.key, journal);
  if (!control) throw IntegrityError(what + ": there is no " + std::string(kControlTableName));
  const auto entry = control->Find(*connection, copy.run_name, TableId(copy.key), copy.number);
  if (!entry) {
    throw IntegrityError(
        fmt::format("{} is not in {}.{}", what, control->database(), kControlTableName));
  }
  if (!SameRowShape(DefinitionFromJson(entry->definition), definition)) {
    throw IntegrityError(what +
                         ": its entry has another table definition than it was archived with");
  }
  return ReadEntry(*connection, *control, *entry, definition, rows);
}

// `known` is of no use here: each row is hashed to tell its version from others of the same key.
Hash DatabaseDestination::ReadBack(const CopyReference& copy, const TableDefinition& definition,
                                   Journal& journal, const DigestedRows*, RowBatch* rows) {
  RunInfo run;
  if (auto known = journal.FindRun(copy.run_name)) run = *std::move(known);
  run.name = copy.run_name;
  RowBatch read(definition.columns.size());
  Hash digest{};
  Retry({}, SystemClock(),
        fmt::format("reading batch {} of {}.{} back from {}", copy.number, copy.key.database,
                    copy.key.table, target_.destination),
        [&] {
          read.Clear();
          try {
            digest = ReadOnce(copy, definition, run, journal, &read);
          } catch (const DatabaseError& error) {
            if (!IsGone(error)) throw;
            throw IntegrityError(fmt::format("batch {} of {}.{} (run {}) is not at {}: {}",
                                             copy.number, copy.key.database, copy.key.table,
                                             copy.run_name, target_.destination, error.what()));
          }
        });
  if (rows->row_count() == 0) {
    *rows = std::move(read);
    return digest;
  }
  for (std::size_t i = 0; i < read.row_count(); ++i) rows->AppendRow(read.row(i));
  return digest;
}

std::vector<std::string> DatabaseDestination::FindUnknown(const RunInfo& run, Journal& journal) {
  std::set<std::string> known;
  for (const PassInfo& pass : journal.ListPasses(run.id)) known.insert(TableId(pass.key));
  std::vector<std::string> unknown;
  auto connection = connections_.Take();
  for (const std::string& database : ListDatabases(*connection)) {
    const ControlTable control(database);
    if (!control.Exists(*connection)) continue;
    for (const auto& [id, key] : control.TablesOf(*connection, run.name)) {
      if (known.contains(id)) continue;
      unknown.push_back(
          fmt::format("{}.{} has batches of {}.{} in run {}, of which the journal knows nothing",
                      database, kControlTableName, key.database, key.table, run.name));
    }
  }
  return unknown;
}

Survey DatabaseDestination::SurveyPass(const RunInfo& run, const PassInfo& pass, Journal& journal) {
  Survey survey;
  std::map<std::uint64_t, BatchInfo> batches;
  for (BatchInfo& batch : journal.ListBatches(pass.id)) {
    batches[batch.batch.number] = std::move(batch);
  }
  auto connection = connections_.Take();
  const auto control = FindControl(*connection, run, pass.key, journal);
  if (!control) return survey;
  try {
    RequireKnownRuns(*connection, *control, run.archiver, journal);
  } catch (const IntegrityError& error) {
    survey.journal_is_older.push_back(error.what());
  }
  for (const ControlSummary& found : control->List(*connection, run.name, TableId(pass.key))) {
    const ControlEntry& entry = found.entry;
    const auto known = batches.find(entry.number);
    const bool same = known != batches.end() && known->second.batch.digest == entry.digest &&
                      known->second.batch.rows == entry.rows;
    if (!same) {
      survey.journal_is_older.push_back(fmt::format(
          "{}.{} has {}batch {} of {}.{} in run {}, which the journal does not know",
          control->database(), kControlTableName, known == batches.end() ? "" : "another ",
          entry.number, pass.key.database, pass.key.table, run.name));
      continue;
    }
    FoundCopy copy;
    copy.number = entry.number;
    copy.location.target = target_;
    copy.digest = entry.digest;
    copy.rows = entry.rows;
    copy.behind_journal = true;
    for (const CopyLocation& journaled : known->second.copies) {
      if (journaled.target == target_) copy.behind_journal = false;
    }
    survey.copies.push_back(std::move(copy));
  }
  return survey;
}

Inventory DatabaseDestination::TakeInventory(const std::string& site, const std::string& archiver) {
  auto connection = connections_.Take();
  return TakeDatabaseInventory(*connection, site, archiver);
}

std::vector<VerifyFinding> DatabaseDestination::Verify(const RunInfo& run, const PassInfo& pass,
                                                       Journal& journal, double sample,
                                                       std::uint64_t seed) {
  std::vector<VerifyFinding> findings;
  Retry({}, SystemClock(), "verifying archived batches of " + pass.key.table, [&] {
    auto connection = connections_.Take();
    const auto control = FindControl(*connection, run, pass.key, journal);
    findings = VerifyDatabasePass(*connection, control, DatabasesOf(run, pass.key, journal).front(),
                                  target_, run, pass, journal, sample, seed);
  });
  return findings;
}

}  // namespace osarchiver
