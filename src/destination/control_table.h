// The table `osarchiver_batches` of one archive database: one row for each batch that is stored
// there whole, written in the transaction that inserts the batch's rows. An entry means stored,
// none means that nothing was stored.
//
// Entries of one run and table form a chain: each holds a hash over itself and the entry that was
// the last one when it was written.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mariadb/connection.h"
#include "state/journal.h"
#include "util/hash.h"

namespace osarchiver {

inline constexpr std::string_view kControlTableName = "osarchiver_batches";

struct ControlEntry {
  std::string run_name;
  std::string table_id;  // TableId() of source, database and table
  std::uint64_t number = 0;
  std::string journal_id, archiver, site;
  PassKey key;
  std::string archive_table;
  std::string definition;  // JSON
  std::uint64_t rows = 0;
  Hash digest{};
  std::string row_keys;        // EncodeKeys
  std::string superseded;      // EncodeSuperseded, "" when the batch supersedes nothing
  std::uint64_t previous = 0;  // number of the entry before it in the chain; 0: it is the first
  std::string chain;           // hex
  std::string stored_at;       // "2026-11-23 02:00:00", UTC
};

// What a chain is computed from, instead of the whole blobs.
struct ControlSummary {
  ControlEntry entry;  // definition, row_keys and superseded are empty
  std::string definition_hash, row_keys_hash, superseded_hash;  // hex SHA-256, "" when empty
};

// Tells tables apart inside the primary key: 32 hexadecimal digits.
std::string TableId(const PassKey& key);

// The chain's hash of `entry` behind an entry whose hash is `previous_chain` ("" for the first).
std::string ChainHash(const ControlSummary& entry, std::string_view previous_chain);
ControlSummary Summarize(const ControlEntry& entry);

// A server answers a statement that is longer than its packets by hanging up, which looks like any
// lost connection: so it is found out before. Throws an Error that names the setting.
void RequirePacket(std::string_view sql, std::size_t max_packet_bytes);

// Holds nothing but a name; what it is given a connection for, happens on that connection.
class ControlTable {
 public:
  explicit ControlTable(std::string database);

  const std::string& database() const { return database_; }
  bool Exists(Connection& connection) const;
  void Create(Connection& connection) const;
  std::optional<ControlEntry> Find(Connection& connection, const std::string& run_name,
                                   const std::string& table_id, std::uint64_t number) const;
  // By number.
  std::vector<ControlSummary> List(Connection& connection, const std::string& run_name,
                                   const std::string& table_id) const;
  bool HasEntries(Connection& connection, const std::string& run_name,
                  const std::string& table_id) const;
  // Fills `previous` and `chain` in; in the transaction that stores the rows.
  void Insert(Connection& connection, ControlEntry entry, std::size_t max_packet_bytes) const;
  // Every entry of an archiver of a site, whichever journal wrote it, by run, table and number;
  // without the blobs.
  std::vector<ControlEntry> ListOf(Connection& connection, const std::string& site,
                                   const std::string& archiver) const;
  // Of this journal and archiver; nothing when it wrote none here.
  std::optional<std::string> NewestRun(Connection& connection, const std::string& journal_id,
                                       const std::string& archiver) const;
  // Another journal than `journal_id` of which there are entries of this archiver of this site.
  std::optional<std::string> OtherJournal(Connection& connection, const std::string& journal_id,
                                          const std::string& site,
                                          const std::string& archiver) const;
  // The tables of which the run has entries: identity and name.
  std::vector<std::pair<std::string, PassKey>> TablesOf(Connection& connection,
                                                        const std::string& run_name) const;
  // Every entry of the table that this journal wrote, newest first, with run_name, number and
  // row_keys only.
  void ForEachKeys(Connection& connection, const std::string& table_id,
                   const std::string& journal_id,
                   const std::function<void(const ControlEntry&)>& on_entry) const;
  // The `superseded` of every entry of the table that has any.
  std::vector<std::string> ListSuperseded(Connection& connection,
                                          const std::string& archive_table) const;

 private:
  std::string database_;
  std::string name_;  // quoted and qualified
};

}  // namespace osarchiver
