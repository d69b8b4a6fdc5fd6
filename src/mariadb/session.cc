#include "mariadb/session.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <string>
#include <string_view>

#include "mariadb/quote.h"
#include "mariadb/variables.h"

namespace osarchiver {
namespace {

struct Variable {
  std::string_view name;
  std::string_view value;
};

// Set where the server has them (and lets a session set them): versions differ. What must exist
// everywhere is checked below.
constexpr auto kVariables = std::to_array<Variable>({
    {"time_zone", "'+00:00'"},
    // Results unconverted: bytes as stored. utf8mb4 would say '?' for what it does not know, and
    // the value would be lost.
    {"character_set_results", "NULL"},
    {"sql_mode", ""},  // kSqlMode
    {"autocommit", "1"},
    {"completion_type", "0"},
    {"foreign_key_checks", "1"},
    {"unique_checks", "1"},
    // READ COMMITTED: a delete by keys locks the rows it names and no gaps between them.
    {"tx_isolation", "'READ-COMMITTED'"},
    {"transaction_isolation", "'READ-COMMITTED'"},
    {"tx_read_only", "0"},
    {"transaction_read_only", "0"},
    // The default lets a DELETE wait a day behind an ALTER, and everybody else behind the DELETE.
    {"lock_wait_timeout", "10"},
    {"innodb_lock_wait_timeout", "5"},
    {"max_statement_time", "0"},
    // Longer than the client's own read timeout needs: a destination may be slow while a result is
    // open.
    {"net_read_timeout", "600"},
    {"net_write_timeout", "600"},
    {"wait_timeout", "28800"},
    // 'utf8' in an old_mode means three bytes; an empty one has none of the oddities.
    {"old_mode", "''"},
    // A long IN list as it stands uses the index; converted to a subquery it may not.
    {"in_predicate_conversion_threshold", "0"},
    {"sql_safe_updates", "0"},
    {"sql_big_selects", "1"},
    // DEFAULT would be the global value.
    {"sql_select_limit", "18446744073709551615"},
    {"sql_auto_is_null", "0"},
    {"sql_quote_show_create", "1"},
    {"sql_notes", "1"},
    {"max_error_count", "64"},
    // What is read back must come from the table.
    {"query_cache_type", "0"},
    // A "timestamp NOT NULL" of an archive table must not become ON UPDATE CURRENT_TIMESTAMP.
    {"explicit_defaults_for_timestamp", "1"},
    // Messages are masked by their English words.
    {"lc_messages", "'en_US'"},
});

// A session of somebody's own making would break promises with these.
constexpr auto kReserved = std::to_array<std::string_view>({"time_zone",
                                                            "character_set_results",
                                                            "character_set_client",
                                                            "character_set_connection",
                                                            "collation_connection",
                                                            "names",
                                                            "sql_mode",
                                                            "autocommit",
                                                            "completion_type",
                                                            "foreign_key_checks",
                                                            "unique_checks",
                                                            "tx_isolation",
                                                            "transaction_isolation",
                                                            "tx_read_only",
                                                            "transaction_read_only",
                                                            "old_mode",
                                                            "sql_select_limit",
                                                            "sql_auto_is_null",
                                                            "sql_notes",
                                                            "max_error_count",
                                                            "in_predicate_conversion_threshold",
                                                            "sql_quote_show_create",
                                                            "wsrep_on",
                                                            "timestamp"});

// As SQL: a number, a quoted literal or a bare word stays as it is, anything else is text.
std::string VariableValue(const std::string& value) {
  const bool bare = !value.empty() && std::all_of(value.begin(), value.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-' || c == '+';
  });
  if (bare) return value;
  if (value.size() >= 2 && value.front() == '\'' && value.back() == '\'' &&
      value.find_first_of("'\\", 1) == value.size() - 1) {
    return value;
  }
  return QuoteText(value);
}

std::string ConfiguredVariables(const ServerAddress& address) {
  std::string sql;
  for (const auto& [name, value] : address.session) {
    std::string lower;
    for (const char c : name)
      lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const bool is_name =
        !lower.empty() && std::all_of(lower.begin(), lower.end(), [](unsigned char c) {
          return std::isalnum(c) != 0 || c == '_' || c == '.';
        });
    if (!is_name) throw ConfigError("session: '" + name + "' is no variable's name");
    if (std::find(kReserved.begin(), kReserved.end(), lower) != kReserved.end()) {
      throw ConfigError("session: " + name + " is set by osarchiver itself");
    }
    sql += sql.empty() ? "SET SESSION " : ", SESSION ";
    sql += lower + " = " + VariableValue(value);
  }
  return sql;
}

// READ COMMITTED and statement-based logging do not go together (error 1665 at the first write).
void LeaveStatementFormat(Connection& connection) {
  try {
    connection.Execute("SET SESSION binlog_format = 'ROW'");
  } catch (const DatabaseError& error) {
    if (!connection.usable()) throw;
    throw DatabaseError(
        error.code(), error.sqlstate(),
        connection.endpoint() +
            " has binlog_format=STATEMENT and refuses ROW for this session: " + error.what(),
        "set binlog_format=ROW (or MIXED) on the server, or grant the account BINLOG ADMIN");
  }
}

void RefuseUnwritable(Connection& connection, const std::map<std::string, std::string>& variables) {
  const auto host = variables.find("hostname");
  const std::string node =
      connection.endpoint() + (host == variables.end() ? "" : " (node " + host->second + ")");
  const auto read_only = variables.find("read_only");
  // Beside ON there are stricter values since 12.0.
  if (read_only != variables.end() && read_only->second != "OFF" && read_only->second != "0") {
    throw DatabaseError(1290, "HY000", node + " is read-only", "name the writable node first");
  }
  if (!IsSwitchedOn(variables, "wsrep_on")) return;
  std::string state = "unknown", ready = "unknown";
  for (const auto& row : connection.Query("SHOW GLOBAL STATUS WHERE Variable_name IN "
                                          "('wsrep_local_state_comment','wsrep_ready')")) {
    (row[0] == "wsrep_ready" ? ready : state) = row[1].value_or("");
  }
  if (state != "Synced" || ready != "ON") {
    throw DatabaseError(1047, "08S01",
                        node + " is a Galera node in state " + state + ", not Synced",
                        "wait until it has joined, or name another node");
  }
  // The first read waits for what the cluster has committed before, so that a run that moves to
  // another node sees the deletes of the last one.
  connection.Execute("SET SESSION wsrep_sync_wait = 1");
}

}  // namespace

void MakeReadable(Connection& connection) {
  // Every version knows these.
  connection.Execute(
      "SET SESSION sql_select_limit = 18446744073709551615, sql_big_selects = 1, autocommit = 1, "
      "completion_type = 0, "
      "lc_messages = 'en_US'");
}

void SetUpSession(Connection& connection, const ServerAddress& address) {
  const auto known = KnowVariables(connection);
  for (std::string_view needed :
       {"time_zone", "sql_mode", "character_set_results", "lock_wait_timeout"}) {
    if (!known->Has(needed)) {
      throw DatabaseError(1193, "HY000",
                          connection.endpoint() + " has no variable " + std::string(needed),
                          "osarchiver needs MariaDB 10.3 or later");
    }
  }
  std::string sql = "SET NAMES utf8mb4";
  for (const Variable& variable : kVariables) {
    if (!known->IsSettableInSession(variable.name)) continue;
    // The older name of a pair that means the same is deprecated and would warn.
    if (variable.name.starts_with("tx_") &&
        known->Has("transaction" + std::string(variable.name.substr(2)))) {
      continue;
    }
    sql += ", SESSION " + std::string(variable.name) + " = ";
    sql += variable.name == "sql_mode" ? QuoteText(kSqlMode) : std::string(variable.value);
  }
  connection.Execute(sql);
  const auto variables =
      ReadVariables(connection, VariableScope::kSession,
                    {"binlog_format", "log_bin", "read_only", "wsrep_on", "hostname"});
  const auto format = variables.find("binlog_format");
  if (format != variables.end() && format->second == "STATEMENT" &&
      IsSwitchedOn(variables, "log_bin")) {
    LeaveStatementFormat(connection);
  }
  if (address.must_be_writable) RefuseUnwritable(connection, variables);
  const std::string configured = ConfiguredVariables(address);
  if (!configured.empty()) connection.Execute(configured);
}

}  // namespace osarchiver
