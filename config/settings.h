// The configuration as the rest of the program sees it: typed, checked, defaults applied,
// references resolved. DESIGN.md section 11 has the YAML. Plain data; config/load.h makes it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

namespace osarchiver {

// A shell glob on the whole name, or a /regular expression/ (ECMAScript, searched anywhere unless
// anchored).
class Pattern {
 public:
  // Throws ConfigError when the text is empty, or the expression or a [class] is not valid.
  explicit Pattern(std::string text);
  bool Matches(std::string_view name) const;
  const std::string& text() const { return text_; }
  // True for "*", which never means system schemas nor archive databases.
  bool IsStar() const { return text_ == "*"; }
  // Without wildcards: names one object, so that its absence is an error rather than a warning.
  bool IsLiteral() const;

 private:
  std::string text_;
  std::optional<std::regex> regex_;
};

// How long a soft-deleted row stays. Months are the calendar's, so the database subtracts them, not
// we.
struct Retention {
  enum class Unit { kSeconds, kMonths };
  Unit unit = Unit::kMonths;
  std::int64_t count = 12;
  std::string text = "12 months";  // as configured
  bool operator==(const Retention&) const = default;
};

enum class DependentsPolicy {
  kBlock,    // a row with referrers that stay is left alone and reported
  kArchive,  // referrers are archived and deleted with their parent
};

struct DependentsRule {
  Pattern tables;  // matched against "table" and "database.table"
  DependentsPolicy policy;
};

// `dependents: block|archive` gives `other`; a map gives `rules` (first match wins), the rest is
// kBlock.
struct Dependents {
  DependentsPolicy other = DependentsPolicy::kBlock;
  std::vector<DependentsRule> rules;
};

// What may differ from table to table of one source (`overrides`, first match wins).
struct TableSettings {
  Retention retention;
  bool allow_short_retention = false;
  std::string deleted_column = "deleted_at";
  std::string deleted_flag_column = "deleted";
  std::string where = "{deleted_column} <= {cutoff}";
  bool archive = true;
  bool delete_rows = false;
  bool allow_delete_triggers = false;
  Dependents dependents;
  std::uint64_t batch_rows = 5000;
  std::uint64_t batch_bytes = 16u << 20;
};

struct TableOverride {
  Pattern tables;          // matched against "table" and "database.table"
  TableSettings settings;  // complete: what the override does not set comes from the source
};

// How to reach a server. Either an option file, or the fields; fields win over the file.
struct ServerSettings {
  std::string option_file;
  std::vector<std::string> hosts;
  std::uint16_t port = 0;  // 0: the default
  std::string socket;
  std::string user;
  std::string password;  // never printed, journaled or logged
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
  // Unset: verified when TCP leaves this machine. False must be asked for.
  std::optional<bool> tls_verify;
  std::map<std::string, std::string> session;  // session variables set after our own
  std::uint32_t connect_timeout_s = 10;
  std::uint32_t read_timeout_s = 600;
  std::uint32_t write_timeout_s = 600;
  bool operator==(const ServerSettings&) const = default;
};

struct ThrottleSettings {
  std::uint64_t max_rows_per_second = 0;  // 0: no limit
  std::vector<ServerSettings> replicas;
  std::uint32_t max_replica_lag_s = 10;
  double max_flow_control = 0.05;             // share of time paused
  std::uint32_t max_threads_running = 0;      // 0: not looked at
  std::uint64_t max_history_list_length = 0;  // 0: not looked at
  bool yield = true;                          // to others, where they want the processors
  std::string pause_file;                     // while it exists, nothing new is read
};

struct SourceSettings {
  std::string name;
  ServerSettings server;
  std::vector<Pattern> databases;
  std::vector<Pattern> tables;
  std::vector<Pattern> exclude_databases;
  std::vector<Pattern> exclude_tables;  // matched against "table" and "database.table"
  TableSettings table;
  std::vector<TableOverride> overrides;
  ThrottleSettings throttle;
  std::uint32_t delete_connections = 1;
  std::uint32_t table_workers = 1;
  std::uint32_t delete_target_ms = 250;

  // The settings that hold for one table: the first override that matches, or the source's own.
  const TableSettings& For(std::string_view database, std::string_view table_name) const;
};

enum class SchemaChanges {
  kStop,    // any difference stops the table
  kEvolve,  // additive differences are applied to the archive table
};

struct FileDestinationSettings {
  std::string directory;
  std::string layout = "{archiver}/{date}";
  std::vector<std::string> formats = {"sql", "csv"};
  int compression_level = 2;
  std::uint64_t segment_bytes = 1u << 30;
  std::uint64_t min_free_bytes = 1u << 30;
};

struct MariadbDestinationSettings {
  ServerSettings server;
  std::string database_suffix;  // "" when database_name is used or nothing is configured
  std::string database_name;    // template with {site}, {source}, {database}; "" when not used
  std::string table_suffix;
  SchemaChanges schema_changes = SchemaChanges::kEvolve;
  bool accept_non_durable = false;
};

struct DestinationSettings {
  std::string name;
  std::string backend;  // "file" or "mariadb"
  FileDestinationSettings file;
  MariadbDestinationSettings mariadb;
};

struct ArchiverSettings {
  std::string name;
  std::vector<std::string> sources;
  std::vector<std::string> destinations;
  bool enabled = true;
  std::int64_t max_runtime_s = 0;  // 0: no limit
};

struct LogSettings {
  std::string file;  // "": none
  std::string level = "info";
  std::string format = "text";  // or "json"
};

struct Settings {
  std::string site;
  std::string state;  // the journal's path
  LogSettings log;
  std::map<std::string, SourceSettings> sources;
  std::map<std::string, DestinationSettings> destinations;
  std::vector<ArchiverSettings> archivers;  // in the order of the file
  // The effective configuration as YAML-ish JSON text, without secrets, as a run keeps it.
  std::string effective_json;
  // What is odd and not wrong, each with its place in the file.
  std::vector<std::string> warnings;
};

}  // namespace osarchiver
