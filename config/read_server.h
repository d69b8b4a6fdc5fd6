// The settings that reach a server, alike for sources, database destinations and replicas.
#pragma once

#include "config/section.h"
#include "config/settings.h"

namespace osarchiver {

void ReadServer(Section& section, ServerSettings* server);

// One entry of `replicas`: a host name, or a map of server settings. Credentials and TLS come from
// `source`, unless the replica has an option file of its own.
void ReadReplica(const ConfigNode& node, const ServerSettings& source, Problems* problems,
                 std::vector<ServerSettings>* replicas);

}  // namespace osarchiver
