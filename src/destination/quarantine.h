// Putting damaged segments aside.
#pragma once

#include <string_view>

#include "destination/file_target.h"

namespace osarchiver {

// What a file that was put aside ends in, behind its own name.
inline constexpr std::string_view kDamagedEnding = ".damaged";

// Renames the segment to *.damaged, when it is there, and tells the journal. Its bytes stay. Safe
// to repeat. The journal's copies in it stay as they are: the next run makes them again elsewhere.
void PutAside(const FileTarget& target, const SegmentInfo& segment, Journal& journal);

}  // namespace osarchiver
