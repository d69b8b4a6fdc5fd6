// The journal's copy at the archives' root.

#include "state/journal_state.h"
#include "util/file_system.h"
#include "util/hash.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

// Removes what an error leaves half done, and what a copier that was killed left.
class Temporary {
 public:
  explicit Temporary(fs::path path) : path_(std::move(path)) { Remove(); }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  // Renamed away when all went well.
  ~Temporary() { Remove(); }
  const fs::path& path() const { return path_; }

 private:
  void Remove() const {
    std::error_code ignored;
    for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {
      fs::remove(path_.string() + suffix, ignored);
    }
  }

  fs::path path_;
};

}  // namespace

void Journal::CopyTo(const fs::path& path, std::string_view copier) {
  fs::path journal;
  {
    const State::Call call(*state_);
    // A copy that survives a loss of power which its journal's last steps do not would be taken for
    // the newer one.
    state_->Sync();
    journal = state_->db->path();
  }
  FileSystem& files = PosixFileSystem();
  const Temporary temporary(path.string() + ".new-" + std::string(copier));
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
