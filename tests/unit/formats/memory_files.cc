#include "memory_files.h"

#include <algorithm>
#include <cerrno>
#include <limits>

#include "util/error.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

class MemoryFile final : public File {
 public:
  explicit MemoryFile(std::string* content) : content_(content) {}
  void Append(std::string_view bytes) override { content_->append(bytes); }
  void Sync() override {}
  void Truncate(std::uint64_t size_bytes) override { content_->resize(size_bytes); }
  std::uint64_t Size() override { return content_->size(); }
  std::size_t ReadAt(std::uint64_t offset, char* buffer, std::size_t size) override {
    if (offset >= content_->size()) return 0;
    return content_->copy(buffer, size, offset);
  }
  void DropCache() override {}
  void ReadAhead(std::uint64_t, std::uint64_t) override {}
  void SetMode(unsigned) override {}

 private:
  std::string* content_;
};

}  // namespace

std::unique_ptr<File> MemoryFileSystem::Create(const fs::path& path, unsigned) {
  if (Exists(path)) throw IoError(EEXIST, "cannot create " + path.string());
  return std::make_unique<MemoryFile>(&contents[path]);
}

std::unique_ptr<File> MemoryFileSystem::OpenForAppend(const fs::path& path) {
  return OpenForRead(path);
}

std::unique_ptr<File> MemoryFileSystem::OpenForRead(const fs::path& path) {
  if (!Exists(path)) throw IoError(ENOENT, "cannot open " + path.string());
  return std::make_unique<MemoryFile>(&contents[path]);
}

void MemoryFileSystem::Rename(const fs::path& from, const fs::path& to) {
  contents[to] = std::move(contents.at(from));
  contents.erase(from);
}

void MemoryFileSystem::Remove(const fs::path& path) { contents.erase(path); }

bool MemoryFileSystem::Exists(const fs::path& path) { return contents.contains(path); }

std::vector<std::string> MemoryFileSystem::ListFiles(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& [path, content] : contents) {
    if (path.parent_path() == directory) names.push_back(path.filename().string());
  }
  return names;
}

std::uint64_t MemoryFileSystem::FreeBytes(const fs::path&) {
  return std::numeric_limits<std::uint64_t>::max();
}

}  // namespace osarchiver
