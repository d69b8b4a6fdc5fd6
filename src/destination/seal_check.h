// Reads a sealed segment back before the journal says that it is sealed.
#pragma once

#include <string>

#include "destination/file_target.h"

namespace osarchiver {

// From the disk, through another descriptor: every record is whole and chained, up to a footer with
// that hash at the end of the file. Otherwise puts the segment aside, so that the next run makes
// its copies again from others, and throws IntegrityError.
void RequireSealed(const FileTarget& target, const SegmentInfo& segment, std::uint64_t length,
                   const std::string& footer_hash, Journal& journal);

}  // namespace osarchiver
