// Proving what an archive database holds of one pass against the journal.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "destination/control_table.h"
#include "destination/destination.h"
#include "mariadb/connection.h"

namespace osarchiver {

// As Destination::Verify. `control`: nothing when the archive database has no control table;
// `database` is its name for that case.
std::vector<VerifyFinding> VerifyDatabasePass(Connection& connection,
                                              const std::optional<ControlTable>& control,
                                              const std::string& database, const CopyTarget& target,
                                              const RunInfo& run, const PassInfo& pass,
                                              Journal& journal, double sample, std::uint64_t seed);

}  // namespace osarchiver
