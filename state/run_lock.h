// One run per archiver at a time: an flock on "<journal>.<archiver>.lock". The kernel drops it with the process, so no stale lock
// ever blocks; the file stays and means nothing by itself.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

namespace osarchiver {

class RunLock {
 public:
  // Throws LockedError naming the process that holds it, IoError when the file cannot be made.
  static RunLock Acquire(const std::filesystem::path& journal, std::string_view archiver);
  // Whether some process holds it now. Takes nothing. False when the file does not exist.
  static bool IsHeld(const std::filesystem::path& journal, std::string_view archiver);
  RunLock(RunLock&& other) noexcept;
  RunLock& operator=(RunLock&& other) noexcept;
  ~RunLock();

 private:
  explicit RunLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace osarchiver
