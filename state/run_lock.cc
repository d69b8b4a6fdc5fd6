#include "state/run_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string>
#include <utility>

#include "state/owner.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/file_system.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

// IsHeld() of another process holds the lock for an instant; a run holds it for longer than all
// these.
constexpr int kAttempts = 20;
constexpr std::chrono::milliseconds kPause{10};

// The archiver's name is free text; anything that could leave the directory is encoded.
fs::path LockPath(const fs::path& journal, std::string_view archiver) {
  std::string path = journal.string() + ".";
  for (const char c : archiver) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-';
    path += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return path + ".lock";
}

[[noreturn]] void Fail(int error, const char* what, const fs::path& path) {
  throw IoError(
      error,
      fmt::format("cannot {} the lock file {}: {}", what, path.string(), std::strerror(error)),
      error == EACCES || error == EPERM ? "check owner and permissions" : "");
}

// False when somebody else holds it.
bool TryLock(int descriptor, int kind, const fs::path& path) {
  while (::flock(descriptor, kind | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) Fail(errno, "lock", path);
  }
  return true;
}

std::string Holder(int descriptor) {
  std::array<char, 512> text{};
  const ssize_t size = ::pread(descriptor, text.data(), text.size(), 0);
  std::string holder(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!holder.empty() && holder.back() == '\n') holder.pop_back();
  const std::size_t space = holder.rfind(' ');
  if (space == std::string::npos) return "a process that did not say which";
  return "process " + holder.substr(space + 1) + " on " + holder.substr(0, space);
}

std::string HostName() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data())
                                                          : std::string("localhost");
}

}  // namespace

RunLock RunLock::Acquire(const fs::path& journal, std::string_view archiver) {
  // A lock file of another user would lock the owner out.
  CheckOwner(journal);
  const fs::path path = LockPath(journal, archiver);
  PosixFileSystem().CreateDirectories(path.has_parent_path() ? path.parent_path() : fs::path("."));
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (descriptor < 0) Fail(errno, "open", path);
  RunLock lock(descriptor);
  for (int attempt = 1; !TryLock(descriptor, LOCK_EX, path); ++attempt) {
    if (attempt == kAttempts) {
      throw LockedError(fmt::format("another run of archiver '{}' holds the lock: {}", archiver,
                                    Holder(descriptor)),
                        "wait for it to end, or look at osarchiver status");
    }
    SystemClock().Sleep(kPause);
  }
  // For people only; the lock is the kernel's.
  const std::string content = fmt::format("{} {}\n", HostName(), ::getpid());
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, content.data(), content.size(), 0) !=
                                             static_cast<ssize_t>(content.size())) {
    Fail(errno, "write", path);
  }
  return lock;
}

bool RunLock::IsHeld(const fs::path& journal, std::string_view archiver) {
  const fs::path path = LockPath(journal, archiver);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    Fail(errno, "open", path);
  }
  const RunLock closes(descriptor);
  return !TryLock(descriptor, LOCK_SH, path);
}

RunLock::RunLock(RunLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

RunLock& RunLock::operator=(RunLock&& other) noexcept {
  if (this != &other) {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = std::exchange(other.descriptor_, -1);
  }
  return *this;
}

RunLock::~RunLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace osarchiver
