// The journal's copy at the archives' root.

#include "state/journal_state.h"
#include "util/file_system.h"
#include "util/hash.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

// Removes what an error leaves half done.
class Temporary {
 public:
  explicit Temporary(fs::path path) : path_(std::move(path)) {}
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    // Renamed away when all went well.
    std::error_code ignored;
    fs::remove(path_, ignored);
    fs::remove(path_.string() + "-journal", ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

void Journal::CopyTo(const fs::path& path) {
  fs::path journal;
  {
    const std::lock_guard lock(state_->mutex);
    journal = state_->db->path();
  }
  FileSystem& files = PosixFileSystem();
  // Two archivers may copy the same journal to the same root at the same time.
  const Temporary temporary(path.string() + ".new-" + RandomHex(4));
  files.Create(temporary.path(), 0640);
  {
    // A connection of its own reads one snapshot while the run goes on.
    Database source(journal, Database::Access::kRead);
    source.BackupTo(temporary.path());
  }
  files.OpenForAppend(temporary.path())->Sync();
  files.Rename(temporary.path(), path);
  files.SyncDirectory(path.has_parent_path() ? path.parent_path() : fs::path("."));
}

}  // namespace osarchiver
