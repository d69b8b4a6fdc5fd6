// A few open segments, so that reading batch after batch does not open and parse the header each
// time. A reader that somebody uses is not in the pool, so any number of threads may read.
#pragma once

#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

#include "formats/segment_reader.h"

namespace osarchiver {

class SegmentReaderPool {
 public:
  // Throws what SegmentReader::Open throws.
  std::unique_ptr<SegmentReader> Take(FileSystem& files, const std::filesystem::path& path);
  // The least recently used one goes when there are more than four.
  void Give(const std::filesystem::path& path, std::unique_ptr<SegmentReader> reader);
  void Forget(const std::filesystem::path& path);

 private:
  static constexpr std::size_t kReaders = 4;
  std::mutex mutex_;
  // Guarded by mutex_; most recently used first.
  std::list<std::pair<std::filesystem::path, std::unique_ptr<SegmentReader>>> readers_;
};

}  // namespace osarchiver
