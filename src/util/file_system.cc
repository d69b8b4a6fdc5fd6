#include "util/file_system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "util/error.h"
#include "util/failpoint.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Fail(int error_number, const char* what, const fs::path& path) {
  std::string hint;
  if (error_number == ENOSPC || error_number == EDQUOT) hint = "free space on this file system";
  if (error_number == EACCES || error_number == EPERM) hint = "check owner and permissions";
  if (error_number == EROFS) hint = "the file system is mounted read-only";
  throw IoError(
      error_number,
      std::string("cannot ") + what + " " + path.string() + ": " + std::strerror(error_number),
      hint);
}

class PosixFile final : public File {
 public:
  PosixFile(fs::path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;
  ~PosixFile() override { ::close(descriptor_); }

  void Append(std::string_view bytes) override {
    Failpoint("file-write-before");
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) Fail(errno, "write to", path_);
      // A file system that takes nothing and reports nothing would spin for ever.
      if (written == 0) Fail(EIO, "write to", path_);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    Failpoint("file-write-after");
  }

  void Sync() override {
    Failpoint("file-sync-before");
    // EINTR is an answer like any other failure: what happened to the pages is unknown.
    if (::fsync(descriptor_) != 0) Fail(errno, "sync", path_);
    Failpoint("file-sync-after");
  }

  void Truncate(std::uint64_t size_bytes) override {
    Failpoint("file-truncate-before");
    while (::ftruncate(descriptor_, static_cast<off_t>(size_bytes)) != 0) {
      if (errno != EINTR) Fail(errno, "truncate", path_);
    }
    Failpoint("file-truncate-after");
  }

  std::uint64_t Size() override {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) Fail(errno, "stat", path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

  std::size_t ReadAt(std::uint64_t offset, char* buffer, std::size_t size) override {
    std::size_t done = 0;
    while (done < size) {
      const ssize_t count =
          ::pread(descriptor_, buffer + done, size - done, static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) Fail(errno, "read", path_);
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    return done;
  }

  void DropCache() override {
    // Advice: a file system that ignores it (tmpfs) has no disk to read from either.
    (void)::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_DONTNEED);
  }

  void ReadAhead(std::uint64_t offset, std::uint64_t bytes) override {
    (void)::posix_fadvise(descriptor_, static_cast<off_t>(offset), static_cast<off_t>(bytes),
                          POSIX_FADV_WILLNEED);
  }

  void SetMode(unsigned mode) override {
    Failpoint("file-mode-before");
    if (::fchmod(descriptor_, mode) != 0) Fail(errno, "change the mode of", path_);
    Failpoint("file-mode-after");
  }

 private:
  fs::path path_;
  int descriptor_;
};

int OpenOrFail(const fs::path& path, int flags, unsigned mode, const char* what) {
  for (;;) {
    const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    if (descriptor >= 0) return descriptor;
    if (errno != EINTR) Fail(errno, what, path);
  }
}

class RealFileSystem final : public FileSystem {
 public:
  std::unique_ptr<File> Create(const fs::path& path, unsigned mode) override {
    Failpoint("file-create-before");
    auto file = std::make_unique<PosixFile>(
        path, OpenOrFail(path, O_CREAT | O_EXCL | O_RDWR | O_APPEND, mode, "create"));
    Failpoint("file-create-after");
    return file;
  }
  std::unique_ptr<File> OpenForAppend(const fs::path& path) override {
    return std::make_unique<PosixFile>(path, OpenOrFail(path, O_RDWR | O_APPEND, 0, "open"));
  }
  std::unique_ptr<File> OpenForRead(const fs::path& path) override {
    return std::make_unique<PosixFile>(path, OpenOrFail(path, O_RDONLY, 0, "open"));
  }

  void SyncDirectory(const fs::path& path) override {
    Failpoint("directory-sync-before");
    PosixFile directory(path, OpenOrFail(path, O_RDONLY | O_DIRECTORY, 0, "open"));
    directory.Sync();
    Failpoint("directory-sync-after");
  }

  void CreateDirectories(const fs::path& path) override {
    if (fs::is_directory(path)) return;
    const fs::path parent = path.parent_path();
    if (!parent.empty() && parent != path) CreateDirectories(parent);
    Failpoint("directory-create-before");
    if (::mkdir(path.c_str(), 0750) != 0 && errno != EEXIST) Fail(errno, "create directory", path);
    if (!fs::is_directory(path)) Fail(ENOTDIR, "create directory", path);
    Failpoint("directory-create-after");
    if (!parent.empty()) SyncDirectory(parent);
  }

  void Rename(const fs::path& from, const fs::path& to) override {
    Failpoint("file-rename-before");
    if (::rename(from.c_str(), to.c_str()) != 0) Fail(errno, "rename", from);
    Failpoint("file-rename-after");
  }

  void Remove(const fs::path& path) override {
    Failpoint("file-remove-before");
    if (::unlink(path.c_str()) != 0) Fail(errno, "remove", path);
    Failpoint("file-remove-after");
  }

  bool Exists(const fs::path& path) override {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    Fail(errno, "stat", path);
  }

  std::vector<std::string> ListFiles(const fs::path& directory) override {
    std::error_code error;
    std::vector<std::string> names;
    for (fs::directory_iterator it(directory, error), end; !error && it != end;
         it.increment(error)) {
      if (it->is_regular_file()) names.push_back(it->path().filename().string());
    }
    if (error && error != std::errc::no_such_file_or_directory)
      Fail(error.value(), "list", directory);
    std::sort(names.begin(), names.end());
    return names;
  }

  std::uint64_t FreeBytes(const fs::path& path) override {
    struct statvfs status {};
    if (::statvfs(path.c_str(), &status) != 0) Fail(errno, "ask for the free space of", path);
    return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
  }
};

}  // namespace

FileSystem& PosixFileSystem() {
  static RealFileSystem files;
  return files;
}

std::string ReadWholeFile(FileSystem& files, const fs::path& path, std::uint64_t limit_bytes) {
  const auto file = files.OpenForRead(path);
  const std::uint64_t size = file->Size();
  if (size > limit_bytes) Fail(EFBIG, "read", path);
  std::string content(size, '\0');
  content.resize(file->ReadAt(0, content.data(), content.size()));
  return content;
}

namespace {

// Threads of one process wait for each other.
std::mutex& OneAtATime() {
  static std::mutex mutex;
  return mutex;
}

fs::path WriteTemporary(FileSystem& files, const fs::path& path, std::string_view content,
                        unsigned mode, std::string_view writer) {
  const std::string word = writer.empty() ? std::string() : "." + std::string(writer);
  const fs::path temporary = path.string() + word + ".tmp";
  if (files.Exists(temporary)) files.Remove(temporary);
  const auto file = files.Create(temporary, mode);
  file->Append(content);
  file->Sync();
  file->DropCache();
  return temporary;
}

}  // namespace

void ReplaceFile(FileSystem& files, const fs::path& path, std::string_view content, unsigned mode,
                 std::string_view writer) {
  const std::lock_guard lock(OneAtATime());
  files.Rename(WriteTemporary(files, path, content, mode, writer), path);
}

void WriteWholeFile(FileSystem& files, const fs::path& path, std::string_view content,
                    unsigned mode, std::string_view writer) {
  const std::lock_guard lock(OneAtATime());
  const fs::path temporary = WriteTemporary(files, path, content, mode, writer);
  // What was there is worth more than what did not arrive.
  if (ReadWholeFile(files, temporary, content.size()) != content) {
    files.Remove(temporary);
    throw IoError(EIO, path.string() + " reads back differently than it was written",
                  "check the disk");
  }
  files.Rename(temporary, path);
  files.SyncDirectory(path.parent_path().empty() ? fs::path(".") : path.parent_path());
}

}  // namespace osarchiver
