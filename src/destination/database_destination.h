// An archive database (DESIGN.md section 8): one table for each source table, and in every database
// one control table that says which batches are stored whole.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "destination/connection_pool.h"
#include "destination/control_table.h"
#include "destination/destination.h"
#include "mariadb/catalogue.h"

namespace osarchiver {

class DatabaseDestination final : public Destination {
 public:
  // Connects with the first call that needs it.
  DatabaseDestination(const std::string& name, const MariadbDestinationSettings& settings);

  const CopyTarget& target() const override { return target_; }
  void UseSource(const std::string& source, Connection& connection) override;
  std::vector<std::string> Check(const RunContext& run, const Journal* journal) override;
  std::vector<std::string> CheckTable(const std::string& site, const std::string& source,
                                      const TableDefinition& definition) override;
  void Open(const RunContext& run, Journal& journal) override;
  void RequireJournal(const RunContext& run, const std::vector<PassKey>& tables,
                      const Journal* journal) override;
  std::unique_ptr<TableWriter> OpenTable(const PassContext& pass, Journal& journal) override;
  Hash ReadBack(const CopyReference& copy, const TableDefinition& definition, Journal& journal,
                const DigestedRows* known, RowBatch* rows) override;
  std::vector<std::string> FindUnknown(const RunInfo& run, Journal& journal) override;
  bool PutDamagedAside(Journal&) override { return false; }
  Survey SurveyPass(const RunInfo& run, const PassInfo& pass, Journal& journal) override;
  void CloseInterrupted(const RunInfo&, const PassInfo&, Journal&) override {}
  std::vector<VerifyFinding> Verify(const RunInfo& run, const PassInfo& pass, Journal& journal,
                                    double sample, std::uint64_t seed) override;
  Inventory TakeInventory(const std::string& site, const std::string& archiver) override;
  void Quarantine(const CopyLocation&, Journal&) override {}
  void FinishRun(const RunContext&, Journal&) override {}

 private:
  // What the source's server is to this one.
  struct Relation {
    bool same_server = false;
    bool replicates = false;  // in either direction
  };
  // Nothing when nobody asked (verify and restore do not connect to sources).
  std::optional<Relation> RelationTo(const std::string& source);
  // The databases that may hold archives of a source's database under such names, the likeliest
  // first.
  std::vector<std::string> Databases(const MariadbDestinationSettings& names,
                                     const std::string& site, const PassKey& key);
  // Where the run archived to: by the names of the configuration it kept, or by today's.
  std::vector<std::string> DatabasesOf(const RunInfo& run, const PassKey& key,
                                       const Journal& journal);
  // The control table that has entries of the run and table: where the run archived to, by today's
  // names (it was settled under these), by those of any other configuration of this journal. When
  // none has, the first that exists where the run archived to; nothing when none exists.
  std::optional<ControlTable> FindControl(Connection& connection, const RunInfo& run,
                                          const PassKey& key, const Journal& journal);
  // The archive table of a source's table. Throws ConfigError when it would be that table itself.
  TableName NameFor(Connection& connection, const std::string& site, const std::string& source,
                    const TableDefinition& definition, Relation relation) const;
  // Where the pass archives to. A run that is settled under other names than it had, or without its
  // source: what is stored of it now belongs to where its entries of this table are, for they form
  // one chain. Throws what NameFor() throws, Error when the source would have to be asked first.
  TableName NameOfPass(Connection& connection, const PassContext& pass, const Journal& journal);
  void Prepare(Connection& connection, const TableName& name, const PassContext& pass,
               Journal& journal);
  Hash ReadOnce(const CopyReference& copy, const TableDefinition& definition, const RunInfo& run,
                const Journal& journal, RowBatch* rows);
  // Throws ConfigError when the entries are another journal's, IntegrityError when the newest are
  // of a run that the journal does not know.
  void RequireJournalOf(Connection& connection, const ControlTable& control, const RunContext& run,
                        const Journal* journal) const;
  void RequireOwnJournal(Connection& connection, const ControlTable& control, const RunContext& run,
                         const Journal* journal) const;
  void RequireKnownRuns(Connection& connection, const ControlTable& control,
                        const std::string& archiver, const Journal& journal) const;
  std::string NotDurable(Connection& connection) const;

  MariadbDestinationSettings settings_;
  CopyTarget target_;
  ConnectionPool connections_;
  std::mutex mutex_;  // guards what follows
  std::map<std::string, Relation> relations_;
};

}  // namespace osarchiver
