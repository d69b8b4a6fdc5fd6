// Files as osarchiver uses them: append, sync, read elsewhere, cut. Behind an interface so that
// tests can forget what was not synced and fail any call. Every function throws IoError (with
// errno, the path and what was tried) unless it says otherwise; interrupted and short writes are
// continued inside.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace osarchiver {

// An open file. Closing is the destructor's business and reports nothing: what must be durable was
// synced before.
class File {
 public:
  virtual ~File() = default;
  // Writes all of `bytes` at the end of the file. Nothing is durable before Sync().
  virtual void Append(std::string_view bytes) = 0;
  // Makes data and length durable (fsync). After a failure the kernel may have dropped the dirty
  // pages and a second call would lie: the caller abandons the file and writes its content
  // elsewhere.
  virtual void Sync() = 0;
  // Cuts the file to `size_bytes`; durable after Sync().
  virtual void Truncate(std::uint64_t size_bytes) = 0;
  virtual std::uint64_t Size() = 0;
  // Reads up to `size` bytes at `offset`; returns how many, less than `size` only at the end of the
  // file.
  virtual std::size_t ReadAt(std::uint64_t offset, char* buffer, std::size_t size) = 0;
  // Tells the page cache to forget the file, so that the next read comes from the disk
  // (posix_fadvise DONTNEED). Best effort: pages that are not yet synced stay.
  virtual void DropCache() = 0;
  // Asks the kernel to read this part into the page cache, in one go, for the small reads that
  // follow (posix_fadvise WILLNEED). Best effort, too.
  virtual void ReadAhead(std::uint64_t offset, std::uint64_t bytes) = 0;
  // Changes the permission bits.
  virtual void SetMode(unsigned mode) = 0;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // Creates a new file for appending and reading; fails if the path exists (EEXIST). The directory
  // entry is durable after SyncDirectory() of its parent.
  virtual std::unique_ptr<File> Create(const std::filesystem::path& path, unsigned mode) = 0;
  // Opens an existing file for appending and reading.
  virtual std::unique_ptr<File> OpenForAppend(const std::filesystem::path& path) = 0;
  virtual std::unique_ptr<File> OpenForRead(const std::filesystem::path& path) = 0;
  virtual void SyncDirectory(const std::filesystem::path& path) = 0;
  // Creates the directory and its missing parents, mode 0750, and syncs every parent that got a new
  // entry.
  virtual void CreateDirectories(const std::filesystem::path& path) = 0;
  // Both sides of the rename are durable after SyncDirectory().
  virtual void Rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  virtual void Remove(const std::filesystem::path& path) = 0;
  virtual bool Exists(const std::filesystem::path& path) = 0;
  // Names of the regular files directly in `directory`, sorted; empty when the directory does not
  // exist.
  virtual std::vector<std::string> ListFiles(const std::filesystem::path& directory) = 0;
  // Bytes that this user may still write on the file system that holds `path`.
  virtual std::uint64_t FreeBytes(const std::filesystem::path& path) = 0;
};

// The real one. Lives as long as the process.
FileSystem& PosixFileSystem();

// The whole content of a file of at most `limit_bytes`; throws IoError (EFBIG) when it is larger.
std::string ReadWholeFile(FileSystem& files, const std::filesystem::path& path,
                          std::uint64_t limit_bytes);
// Replaces `path` in one step: temporary name, write, sync, read back, rename, sync of the
// directory. Readers see old or new. Where several processes write one file, `writer` is a word for each, so that they
// do not meet at the temporary name (`path.writer.tmp`); one that was killed left it there, and
// writes over it the next time. Threads of one process wait for each other.
void WriteWholeFile(FileSystem& files, const std::filesystem::path& path, std::string_view content,
                    unsigned mode, std::string_view writer = {});
// The same for what can be made again: neither read back nor, after a loss of power, surely the new
// one.
void ReplaceFile(FileSystem& files, const std::filesystem::path& path, std::string_view content,
                 unsigned mode, std::string_view writer);

}  // namespace osarchiver
