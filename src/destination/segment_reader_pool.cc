#include "destination/segment_reader_pool.h"

namespace osarchiver {

std::unique_ptr<SegmentReader> SegmentReaderPool::Take(FileSystem& files,
                                                       const std::filesystem::path& path) {
  {
    const std::lock_guard lock(mutex_);
    for (auto it = readers_.begin(); it != readers_.end(); ++it) {
      if (it->first != path) continue;
      std::unique_ptr<SegmentReader> reader = std::move(it->second);
      readers_.erase(it);
      return reader;
    }
  }
  return SegmentReader::Open(files, path);
}

void SegmentReaderPool::Give(const std::filesystem::path& path,
                             std::unique_ptr<SegmentReader> reader) {
  const std::lock_guard lock(mutex_);
  readers_.emplace_front(path, std::move(reader));
  if (readers_.size() > kReaders) readers_.pop_back();
}

void SegmentReaderPool::Forget(const std::filesystem::path& path) {
  const std::lock_guard lock(mutex_);
  readers_.remove_if([&](const auto& entry) { return entry.first == path; });
}

}  // namespace osarchiver
