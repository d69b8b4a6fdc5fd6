// What the parts of a file destination share: one format of one root.
#pragma once

#include <filesystem>

#include "state/journal.h"
#include "util/file_system.h"

namespace osarchiver {

struct FileTarget {
  FileSystem& files;
  std::filesystem::path root;
  CopyTarget target;

  // Paths in the journal are relative to the root.
  std::filesystem::path PathOf(const SegmentInfo& segment) const { return root / segment.path; }
};

}  // namespace osarchiver
