#include "engine/source_session.h"

#include <fmt/format.h>

#include <cstdlib>

#include "destination/control_table.h"
#include "destination/registry.h"
#include "mariadb/connection.h"
#include "mariadb/quote.h"
#include "util/hash.h"

namespace osarchiver {
namespace {

constexpr std::int64_t kMaxClockDifference = 600;

// The databases of the source's server that destinations of this configuration write to, there or
// on one whose changes come here by replication, and those that hold archives already: of an
// earlier configuration, or of another one.
std::vector<std::string> ArchiveDatabases(Connection& connection, const Settings& settings) {
  std::vector<std::string> names;
  for (auto& row : connection.Query(
           "SELECT DISTINCT TABLE_SCHEMA FROM information_schema.TABLES WHERE TABLE_NAME = " +
           QuoteText(kControlTableName))) {
    names.push_back(row[0].value_or(""));
  }
  for (const auto& [name, destination] : settings.destinations) {
    if (destination.backend != "mariadb") continue;
    bool same_server = false;
    try {
      const auto archive = Connection::Open(AddressOf(destination.mariadb.server));
      same_server = SameServer(connection, *archive) || Replicates(connection, *archive);
    } catch (const Error&) {
      // A destination that cannot be reached now is reported where it is used. Should it be this
      // server after all, its databases must still not be taken for sources.
      same_server = true;
    }
    if (!same_server) continue;
    for (const std::string& database : ListDatabases(connection)) {
      for (const auto& [source_name, other] : settings.sources) {
        names.push_back(
            ArchiveDatabaseName(destination.mariadb, settings.site, source_name, database, true));
      }
    }
  }
  return names;
}

}  // namespace

std::unique_ptr<Connection> ConnectSource(const SourceSettings& source) {
  ServerAddress address = AddressOf(source.server);
  address.must_be_writable = source.table.delete_rows;
  for (const TableOverride& override : source.overrides) {
    address.must_be_writable = address.must_be_writable || override.settings.delete_rows;
  }
  return Connection::Open(address);
}

std::function<std::unique_ptr<Connection>()> FollowingConnections(const Connection& first) {
  return [address = first.address()] { return Connection::Open(address); };
}

std::string OtherRunOn(Connection& connection, const std::string& archiver,
                       const std::string& source) {
  // A lock's name has at most 64 characters.
  const std::string lock =
      QuoteText("osarchiver-run-" + Hex(Sha256{}.Of(archiver + '\0' + source)).substr(0, 32));
  // A run that was killed just now may still have its session.
  if (connection.QueryValue("SELECT GET_LOCK(" + lock + ", 1)") == "1") return {};
  const auto host = connection.QueryValue(
      "SELECT CONCAT('connection ', ID, ' of ', USER, ' from ', HOST) FROM "
      "information_schema.PROCESSLIST WHERE ID = IS_USED_LOCK(" +
      lock + ")");
  return host.value_or("a connection that this account may not see");
}

void CheckClock(const std::string& source, std::int64_t server_unix_seconds,
                std::int64_t host_unix_seconds) {
  const std::int64_t difference = server_unix_seconds - host_unix_seconds;
  if (std::llabs(difference) <= kMaxClockDifference) return;
  throw Error(
      fmt::format("source {}: the server's clock is {} {} this host's", source,
                  HumanDuration(std::llabs(difference)), difference > 0 ? "ahead of" : "behind"),
      "set the clocks right; what is old enough is decided by the server's");
}

SourcePlan PlanSource(Connection& connection, const Settings& settings,
                      const SourceSettings& source, const std::vector<TableName>& only) {
  PlanRequest request;
  request.source = &source;
  request.archive_databases = ArchiveDatabases(connection, settings);
  request.only = only;
  SourcePlan plan = MakePlan(connection, request);
  bool deletes = false;
  for (const auto& table : plan.tables) deletes = deletes || table->settings.delete_rows;
  if (deletes && !SeesAllForeignKeys(connection)) {
    plan.errors.push_back(
        "the account may not see the foreign keys of all tables, and an unseen ON DELETE CASCADE "
        "would delete rows that "
        "nobody archived: GRANT PROCESS ON *.* to it; until then its tables are not worked");
    // Nothing is deleted on the strength of a plan that may miss a cascade.
    std::erase_if(plan.tables, [](const auto& table) { return table->settings.delete_rows; });
  }
  return plan;
}

std::string DescribeServer(const ServerInfo& server) {
  std::string text = server.version + " " + server.host;
  if (!server.cluster_uuid.empty()) text += " cluster " + server.cluster_uuid;
  return text;
}

}  // namespace osarchiver
