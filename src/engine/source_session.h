// Connections of a run to its source: the first one picks the node, the others follow it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config/settings.h"
#include "destination/destination.h"
#include "engine/pass_archive.h"
#include "mariadb/catalogue.h"
#include "source/table_plan.h"
#include "util/clock.h"

namespace osarchiver {

// Opens the first connection of a run to `source`. The server must be writable when something is to
// be deleted.
std::unique_ptr<Connection> ConnectSource(const SourceSettings& source);
// A function that opens further connections to the node that `first` reached.
std::function<std::unique_ptr<Connection>()> FollowingConnections(const Connection& first);

// Says on the server that `archiver` works on `source`, for as long as `connection` lives. Who has
// said so already ("" when nobody): a run on another host, with a journal of its own. Only for a
// warning: each node of a cluster has locks of its own, so that safety never depends on them.
std::string OtherRunOn(Connection& connection, const std::string& archiver,
                       const std::string& source);

// Throws ConfigError when the server's clock is more than 10 minutes from this host's: a wrong
// "now" archives what should stay.
void CheckClock(const std::string& source, std::int64_t server_unix_seconds,
                std::int64_t host_unix_seconds);

// The plan of one source of an archiver: '*' leaves the archive databases of this configuration
// out. Destinations are told about the source first (Destination::UseSource).
SourcePlan PlanSource(Connection& connection, const Settings& settings,
                      const SourceSettings& source, const std::vector<TableName>& only);

// "10.11.19-MariaDB db1 cluster 5f3c..": what segment headers say of the server.
std::string DescribeServer(const ServerInfo& server);

}  // namespace osarchiver
