// What a server says about its tables. Plain queries on information_schema and SHOW CREATE TABLE;
// every call asks anew.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/table_definition.h"
#include "mariadb/connection.h"

namespace osarchiver {

struct TableName {
  std::string database;
  std::string table;
  auto operator<=>(const TableName&) const = default;
};
// "database.table" for messages, names as they are.
std::string ToText(const TableName& name);
// `database`.`table`
std::string Quoted(const TableName& name);

struct TableInfo {
  TableName name;
  std::string type;    // "BASE TABLE", "VIEW", "SYSTEM VERSIONED", "SEQUENCE", ...
  std::string engine;  // "InnoDB", "" for views
  std::uint64_t rows_estimate = 0;
  std::uint64_t data_bytes = 0;
  std::uint64_t average_row_bytes = 0;
};

// Names of all databases but information_schema, performance_schema, mysql and sys.
std::vector<std::string> ListDatabases(Connection& connection);
std::vector<TableInfo> ListTables(Connection& connection, const std::string& database);
// Column names and types of every table of a database in one query: (table, column, data_type).
struct ColumnInfo {
  std::string table, column, data_type, column_type;
};
std::vector<ColumnInfo> ListColumns(Connection& connection, const std::string& database);

// Triggers that a DELETE starts, by table, the first of each. The server shows them without the
// TRIGGER privilege, too [tried].
std::map<std::string, std::string> ListDeleteTriggers(Connection& connection,
                                                      const std::string& database);

// Nothing when there is no such table. A table without a usable key has an empty `key`; why is in
// `no_key_reason`.
struct LoadedTable {
  TableDefinition definition;
  TableInfo info;
  std::string no_key_reason;
};
std::optional<LoadedTable> LoadTable(Connection& connection, const TableName& name);

// Every foreign key that is declared by a table of any database of the server and refers to a table
// of `databases`, or is declared in one of them.
std::vector<ForeignKey> LoadForeignKeys(Connection& connection,
                                        const std::vector<std::string>& databases);
// Whether LoadForeignKeys can know all of them. The server hides the foreign keys of tables on
// which the account has no privilege, and one with ON DELETE CASCADE deletes rows that nobody saw:
// the account needs PROCESS, or SELECT on *.*.
bool SeesAllForeignKeys(Connection& connection);

// Facts about the server and the node.
struct ServerInfo {
  std::string version;       // "10.11.19-MariaDB-log"
  std::string host;          // @@hostname
  std::string server_uid;    // what tells two servers apart: hostname, port, datadir, server_id,
                             // @@server_uid; never a DNS name
  std::string cluster_uuid;  // wsrep_cluster_state_uuid, "" without Galera
  bool wsrep_on = false;
  std::string wsrep_state;  // "Synced"
  bool read_only = false;
  std::string now_utc;  // "2026-11-23 02:00:00"
  int flush_log_at_trx_commit = 1;
  std::uint64_t max_allowed_packet = 0;
  int lower_case_table_names = 0;
  bool supports_returning = false;  // DELETE ... RETURNING: MariaDB 10.0.5 and later, not MySQL
};
ServerInfo LoadServerInfo(Connection& connection);
// Whether both connections reach the same server or cluster, asked of the servers themselves (a
// lock taken on one is seen on the other; cluster uuids equal), never concluded from host names.
bool SameServer(Connection& a, Connection& b);
// Whether one of the two servers is, or was, a replica of the other, directly or through others: a
// row deleted from a table of one goes from the table of the same name of the other. Told by their
// GTID positions, which every account may read; servers that share a domain and a server_id by
// chance may be taken for kin.
bool Replicates(Connection& a, Connection& b);

}  // namespace osarchiver
