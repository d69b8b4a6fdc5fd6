#include "mariadb/variables.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>
#include <vector>

#include "util/error.h"

namespace osarchiver {
namespace {

constexpr auto kNames = std::to_array<std::string_view>({
    "autocommit",
    "binlog_format",
    "character_set_results",
    "completion_type",
    "datadir",
    "explicit_defaults_for_timestamp",
    "foreign_key_checks",
    "gtid_binlog_state",
    "gtid_slave_pos",
    "hostname",
    "in_predicate_conversion_threshold",
    "innodb_flush_log_at_trx_commit",
    "innodb_lock_wait_timeout",
    "lc_messages",
    "lock_wait_timeout",
    "log_bin",
    "lower_case_table_names",
    "max_allowed_packet",
    "max_error_count",
    "max_statement_time",
    "net_read_timeout",
    "net_write_timeout",
    "old_mode",
    "port",
    "query_cache_type",
    "read_only",
    "server_id",
    "server_uid",
    "sql_auto_is_null",
    "sql_big_selects",
    "sql_mode",
    "sql_notes",
    "sql_quote_show_create",
    "sql_safe_updates",
    "sql_select_limit",
    "time_zone",
    "transaction_isolation",
    "transaction_read_only",
    "tx_isolation",
    "tx_read_only",
    "unique_checks",
    "wait_timeout",
    "wsrep_max_ws_rows",
    "wsrep_max_ws_size",
    "wsrep_on",
});

void RequireNamed(std::string_view name) {
  if (std::find(kNames.begin(), kNames.end(), name) == kNames.end())
    throw StateError("variables.cc does not name " + std::string(name));
}

std::shared_ptr<const KnownVariables> Ask(Connection& connection) {
  std::string names;
  for (const std::string_view name : kNames)
    names += (names.empty() ? "'" : ", '") + std::string(name) + "'";
  auto known = std::make_shared<KnownVariables>();
  for (const auto& row :
       connection.Query("SELECT LOWER(VARIABLE_NAME), VARIABLE_SCOPE, READ_ONLY FROM "
                        "information_schema.SYSTEM_VARIABLES WHERE VARIABLE_NAME IN (" +
                        names + ")")) {
    const bool in_session = row[1].value_or("").starts_with("SESSION");
    known->Add(row[0].value_or(""), in_session && row[2] != "YES");
  }
  return known;
}

}  // namespace

bool KnownVariables::Has(std::string_view name) const {
  RequireNamed(name);
  return settable_in_session_.contains(name);
}

bool KnownVariables::IsSettableInSession(std::string_view name) const {
  RequireNamed(name);
  const auto found = settable_in_session_.find(name);
  return found != settable_in_session_.end() && found->second;
}

void KnownVariables::Add(std::string name, bool settable_in_session) {
  settable_in_session_.emplace(std::move(name), settable_in_session);
}

std::shared_ptr<const KnownVariables> KnowVariables(Connection& connection) {
  static std::mutex mutex;
  static std::map<std::pair<std::string, std::string>, std::shared_ptr<const KnownVariables>>
      remembered;
  const std::pair key(connection.endpoint(), connection.server_version());
  {
    const std::lock_guard lock(mutex);
    if (const auto found = remembered.find(key); found != remembered.end()) return found->second;
  }
  auto known = Ask(connection);
  const std::lock_guard lock(mutex);
  return remembered[key] = std::move(known);
}

std::map<std::string, std::string> ReadVariables(Connection& connection, VariableScope scope,
                                                 std::initializer_list<std::string_view> names) {
  const auto known = KnowVariables(connection);
  std::string sql;
  std::vector<std::string_view> asked;
  for (const std::string_view name : names) {
    if (!known->Has(name)) continue;
    sql += sql.empty() ? "SELECT " : ", ";
    sql += scope == VariableScope::kGlobal ? "@@GLOBAL." : "@@";
    sql += name;
    asked.push_back(name);
  }
  std::map<std::string, std::string> values;
  if (asked.empty()) return values;
  const Table table = connection.Query(sql);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    values.emplace(asked[i], table.front()[i].value_or(""));
  }
  return values;
}

bool IsSwitchedOn(const std::map<std::string, std::string>& variables, const std::string& name) {
  const auto found = variables.find(name);
  return found != variables.end() && (found->second == "1" || found->second == "ON");
}

}  // namespace osarchiver
