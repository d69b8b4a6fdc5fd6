// LoadServerInfo, SameServer and Replicates.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include "mariadb/catalogue.h"
#include "mariadb/quote.h"
#include "mariadb/variables.h"
#include "util/hash.h"

namespace osarchiver {
namespace {

std::uint64_t ToNumber(const std::string& text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// DELETE ... RETURNING came with MariaDB 10.0.5. MySQL has none in any version.
bool KnowsReturning(const std::string& version) {
  if (version.find("MariaDB") == std::string::npos) return false;
  int major = 0, minor = 0, patch = 0;
  const char* end = version.data() + version.size();
  auto result = std::from_chars(version.data(), end, major);
  if (result.ptr < end) result = std::from_chars(result.ptr + 1, end, minor);
  if (result.ptr < end) std::from_chars(result.ptr + 1, end, patch);
  return std::tie(major, minor, patch) >= std::make_tuple(10, 0, 5);
}

// The "domain-server" pairs of a GTID position or state such as "0-1-100,0-2-7".
std::set<std::string> Origins(const std::string& position) {
  std::set<std::string> origins;
  for (std::size_t at = 0; at < position.size();) {
    const std::size_t end = std::min(position.find(',', at), position.size());
    const std::string gtid = position.substr(at, end - at);
    if (const std::size_t dash = gtid.rfind('-'); dash != std::string::npos) {
      origins.insert(gtid.substr(0, dash));
    }
    at = end + 1;
  }
  return origins;
}

struct ReplicationFacts {
  std::set<std::string> logged;   // whose changes its binary log has
  std::set<std::string> applied;  // whose changes it applied as a replica
};

ReplicationFacts LoadReplicationFacts(Connection& connection) {
  auto variables =
      ReadVariables(connection, VariableScope::kGlobal, {"gtid_binlog_state", "gtid_slave_pos"});
  return {Origins(variables["gtid_binlog_state"]), Origins(variables["gtid_slave_pos"])};
}

bool Overlap(const std::set<std::string>& a, const std::set<std::string>& b) {
  return std::any_of(a.begin(), a.end(), [&b](const std::string& x) { return b.count(x) != 0; });
}

bool IsUuid(const std::string& text) { return text.find_first_not_of("0-") != std::string::npos; }

void LoadClusterFacts(Connection& connection, ServerInfo* info) {
  for (const auto& row :
       connection.Query("SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_state_uuid', "
                        "'wsrep_local_state_comment')")) {
    const std::string value = row[1].value_or("");
    if (row[0] == "wsrep_local_state_comment") {
      info->wsrep_state = value;
    } else if (IsUuid(value)) {
      info->cluster_uuid = value;
    }
  }
}

}  // namespace

ServerInfo LoadServerInfo(Connection& connection) {
  auto variables = ReadVariables(
      connection, VariableScope::kGlobal,
      {"hostname", "port", "datadir", "server_id", "server_uid", "read_only", "wsrep_on",
       "innodb_flush_log_at_trx_commit", "max_allowed_packet", "lower_case_table_names"});
  ServerInfo info;
  info.version = connection.server_version();
  info.host = variables["hostname"];
  info.server_uid = variables["hostname"] + "|" + variables["port"] + "|" + variables["datadir"] +
                    "|" + variables["server_id"] + "|" + variables["server_uid"];
  info.wsrep_on = IsSwitchedOn(variables, "wsrep_on");
  if (info.wsrep_on) LoadClusterFacts(connection, &info);
  info.read_only = variables["read_only"] != "OFF" && variables["read_only"] != "0";
  info.now_utc = connection.QueryValue("SELECT UTC_TIMESTAMP()").value_or("");
  info.flush_log_at_trx_commit =
      static_cast<int>(ToNumber(variables["innodb_flush_log_at_trx_commit"]));
  info.max_allowed_packet = ToNumber(variables["max_allowed_packet"]);
  info.lower_case_table_names = static_cast<int>(ToNumber(variables["lower_case_table_names"]));
  info.supports_returning = KnowsReturning(info.version);
  return info;
}

bool SameServer(Connection& a, Connection& b) {
  const std::string lock = QuoteText("osarchiver-" + RandomHex(16));
  const std::optional<std::string> taken = a.QueryValue("SELECT GET_LOCK(" + lock + ", 0)");
  if (taken != "1") {
    throw DatabaseError(0, "HY000",
                        a.endpoint() + ": a lock with a name of its own was not granted");
  }
  const bool seen = b.QueryValue("SELECT IS_USED_LOCK(" + lock + ")").has_value();
  a.QueryValue("SELECT RELEASE_LOCK(" + lock + ")");
  if (seen) return true;
  const ServerInfo one = LoadServerInfo(a), other = LoadServerInfo(b);
  if (!one.cluster_uuid.empty() && one.cluster_uuid == other.cluster_uuid) return true;
  // A proxy may have sent the question about the lock to another server than the lock itself.
  return one.server_uid == other.server_uid;
}

bool Replicates(Connection& a, Connection& b) {
  const ReplicationFacts one = LoadReplicationFacts(a), other = LoadReplicationFacts(b);
  return Overlap(one.logged, other.applied) || Overlap(other.logged, one.applied);
}

}  // namespace osarchiver
