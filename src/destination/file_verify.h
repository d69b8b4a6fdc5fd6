// Proving segments against the journal.
#pragma once

#include <cstdint>
#include <vector>

#include "destination/destination.h"
#include "destination/file_target.h"

namespace osarchiver {

// As Destination::Verify.
std::vector<VerifyFinding> VerifySegments(const FileTarget& target, const PassInfo& pass,
                                          Journal& journal, double sample, std::uint64_t seed);

}  // namespace osarchiver
