// What a lost journal is made of again, the files' side.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "destination/destination.h"
#include "destination/file_target.h"

namespace osarchiver {

// The target's files below the root, sorted; those that were put aside as *.damaged too.
std::vector<std::filesystem::path> SegmentFiles(const std::filesystem::path& root,
                                                const std::string& format);

// Every segment of the target's format below the root that `archiver` of `site` wrote. What is
// still whole in files that were put aside as *.damaged may be the only copy. Files that are no
// segments are problems.
Inventory TakeFileInventory(const FileTarget& target, const std::string& site,
                            const std::string& archiver);

}  // namespace osarchiver
