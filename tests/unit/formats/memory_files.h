// A file system in memory: no waiting for a disk where a test looks at ten thousand damaged files.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "util/file_system.h"

namespace osarchiver {

class MemoryFileSystem final : public FileSystem {
 public:
  std::unique_ptr<File> Create(const std::filesystem::path& path, unsigned mode) override;
  std::unique_ptr<File> OpenForAppend(const std::filesystem::path& path) override;
  std::unique_ptr<File> OpenForRead(const std::filesystem::path& path) override;
  void SyncDirectory(const std::filesystem::path&) override {}
  void CreateDirectories(const std::filesystem::path&) override {}
  void Rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  void Remove(const std::filesystem::path& path) override;
  bool Exists(const std::filesystem::path& path) override;
  std::vector<std::string> ListFiles(const std::filesystem::path& directory) override;
  std::uint64_t FreeBytes(const std::filesystem::path&) override;

  // Files by path. An open file follows what is put here.
  std::map<std::filesystem::path, std::string> contents;
};

}  // namespace osarchiver
