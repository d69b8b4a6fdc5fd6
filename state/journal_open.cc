// Opening a journal. A new one is made beside its final place and linked there complete, so a file
// that is empty or half a journal is never a crash of ours but damage, and is reported as such.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "state/journal_state.h"
#include "state/owner.h"
#include "state/row_marks.h"
#include "state/schema.h"
#include "util/error.h"
#include "util/failpoint.h"
#include "util/file_system.h"
#include "util/hash.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kJournalMode = 0640;
// About 5 s per GiB: a larger journal would delay every command that writes for too long.
constexpr std::uint64_t kWholeCheckLimitBytes = std::uint64_t{2} << 30;
// Takes as long again, and finds what `check` finds as well.
constexpr std::uint64_t kMarksCheckLimitBytes = std::uint64_t{128} << 20;
constexpr std::int64_t kRowMarksVersion = 2;
constexpr std::uint64_t kSmallestDatabaseBytes = 512;
constexpr int kCacheKibibytes = 32768;
// A batch of kept rows touches thousands of pages, which the next batch touches again: taken over
// from the log every 64 MiB they are written once instead of each time.
constexpr int kCheckpointPages = 16384;
constexpr int kLogLimitBytes = 64 << 20;

constexpr char kDamagedHint[] =
    "restore the journal's copy from the archives' root, or make it again with osarchiver "
    "rebuild-journal";

bool Exists(const fs::path& path) { return PosixFileSystem().Exists(path); }

fs::path WriteAheadLog(const fs::path& path) { return path.string() + "-wal"; }

std::uint64_t SizeOf(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return static_cast<std::uint64_t>(status.st_size);
  if (errno == ENOENT) return 0;
  throw IoError(errno, "cannot stat " + path.string() + ": " + std::strerror(errno),
                "check owner and permissions");
}

// The bytes of a journal in which nothing happened yet.
std::string NewJournal(const fs::path& path, std::string_view id) {
  Database db(path, Database::Access::kMemory);
  Migrate(db);
  Transaction transaction(db);
  db.Run("INSERT INTO journal (one, id, created_at, created_by) VALUES (1, ?, ?, ?)", id, UtcNow(),
         "osarchiver " OSARCHIVER_VERSION);
  transaction.Commit();
  std::string bytes = db.Serialize();
  // The file format's write and read version: 2 is WAL. Said from birth, because two processes that
  // open a new journal at the same moment would quarrel over who may change it.
  bytes.at(18) = bytes.at(19) = 2;
  return bytes;
}

void Create(const fs::path& path, const std::string& id) {
  FileSystem& files = PosixFileSystem();
  const fs::path directory = path.has_parent_path() ? path.parent_path() : fs::path(".");
  files.CreateDirectories(directory);
  // Would be applied to the new file, page by page.
  if (SizeOf(WriteAheadLog(path)) > 0 && !Exists(path)) {
    throw IntegrityError(
        "the journal " + path.string() + " is gone, but its write-ahead log is still there",
        "put the journal back; if it is lost, move " + WriteAheadLog(path).string() +
            " away and make the journal again with osarchiver rebuild-journal");
  }
  const fs::path temporary = path.string() + ".new-" + RandomHex(4);
  const std::string journal = NewJournal(path, id);
  {
    const auto file = files.Create(temporary, kJournalMode);
    file->Append(journal);
    file->Sync();
    file->DropCache();
  }
  // A damaged journal that stands in its place stops every run; one that never got there does not.
  if (ReadWholeFile(files, temporary, journal.size()) != journal) {
    files.Remove(temporary);
    throw IntegrityError("the new journal " + path.string() + " reads back differently",
                         "check the disk, then run again");
  }
  // Unlike a rename, a link never takes the place of a journal that another process made meanwhile.
  Failpoint("journal-create-before");
  const int linked = ::link(temporary.c_str(), path.c_str());
  const int error = errno;
  Failpoint("journal-create-after");
  files.Remove(temporary);
  if (linked != 0 && error != EEXIST) {
    throw IoError(error,
                  "cannot create the journal " + path.string() + ": " + std::strerror(error));
  }
  files.SyncDirectory(directory);
}

// SQLite reads what is missing of the last page as zeros, which may even be what was there. While
// there is a log a page may be half written, and comes from there.
void RefuseTornPage(Database& db, std::uint64_t size_bytes) {
  const auto page_bytes = static_cast<std::uint64_t>(db.QueryInt("PRAGMA page_size"));
  if (size_bytes % page_bytes == 0) return;
  throw IntegrityError(
      fmt::format("the journal {} is damaged: it ends within a page, after {} bytes",
                  db.path().string(), size_bytes),
      kDamagedHint);
}

// SQLite takes a file without a whole header for a new database.
void RefuseStump(const fs::path& path) {
  const std::uint64_t size = SizeOf(path);
  if (size >= kSmallestDatabaseBytes) return;
  const std::string what = size == 0 ? "an empty file" : fmt::format("{} bytes", size);
  throw IntegrityError(
      fmt::format("the journal {} is damaged, or no journal at all: {}", path.string(), what),
      kDamagedHint);
}

// Damage that is found now is damage on which nothing was built yet. Not the quick check: that one
// does not see two pages of one tree in each other's place, where every search goes astray.
void RequireWhole(Database& db, std::uint64_t size_bytes, std::int64_t version) {
  // Kept rows are most of a large journal, and losing one only archives a row twice.
  static constexpr const char* kEssential[] = {
      "PRAGMA integrity_check('runs')",    "PRAGMA integrity_check('passes')",
      "PRAGMA integrity_check('tables')",  "PRAGMA integrity_check('segments')",
      "PRAGMA integrity_check('targets')", "PRAGMA integrity_check('releases')"};
  const auto check = [&db](const char* pragma) {
    Statement finding = db.Query(pragma);
    if (finding.Step() && finding.Text(0) != "ok") {
      throw IntegrityError("the journal " + db.path().string() + " is damaged: " + finding.Text(0),
                           kDamagedHint);
    }
  };
  // The structure is what fails on its own; evaluating every constraint again takes three times as
  // long and is left to Check().
  db.RunScript("PRAGMA ignore_check_constraints = ON");
  if (size_bytes <= kWholeCheckLimitBytes) {
    check("PRAGMA integrity_check(1)");
    // Also: two tables of the same shape look whole with each other's rows.
    const bool marks = version >= kRowMarksVersion && size_bytes <= kMarksCheckLimitBytes;
    Statement other = db.Query(RowsNotAsCountedSql(marks ? Compare::kMarks : Compare::kNumbers));
    if (other.Step()) {
      throw IntegrityError("the journal " + db.path().string() + " is damaged: the kept rows of " +
                               other.Text(0) + " are not those that were counted",
                           kDamagedHint);
    }
  } else {
    for (const char* pragma : kEssential) check(pragma);
  }
  db.RunScript("PRAGMA ignore_check_constraints = OFF");
  // Definitions and configurations: what is read by them would be another table's.
  Sha256 sha;
  Statement text = db.Query("SELECT sha256, text FROM texts");
  while (text.Step()) {
    const Hash hash = sha.Of(text.Text(1));
    if (text.Text(0) == std::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()))
      continue;
    throw IntegrityError("the journal " + db.path().string() +
                             " is damaged: a text in it is not the one that was written",
                         kDamagedHint);
  }
}

void UseWriteAheadLog(Database& db) {
  Statement mode = db.Query("PRAGMA journal_mode = WAL");
  if (mode.Step() && mode.Text(0) == "wal") return;
  throw StateError("the journal " + db.path().string() + " cannot use a write-ahead log here",
                   "keep the journal on a local file system");
}

std::unique_ptr<Database> OpenForWriting(const fs::path& path) {
  if (!Exists(path)) Create(path, RandomHex(16));
  CheckOwner(path);
  RefuseStump(path);
  const bool complete = SizeOf(WriteAheadLog(path)) == 0;
  auto db = std::make_unique<Database>(path, Database::Access::kReadWrite);
  // Before anything is written to what may be somebody else's database.
  const std::int64_t version = CheckIdentity(*db);
  if (complete) RefuseTornPage(*db, SizeOf(path));
  UseWriteAheadLog(*db);
  db->RunScript(
      fmt::format("PRAGMA synchronous = FULL; PRAGMA cache_size = -{}; PRAGMA wal_autocheckpoint = "
                  "{}; PRAGMA journal_size_limit = {};",
                  kCacheKibibytes, kCheckpointPages, kLogLimitBytes));
  RequireWhole(*db, SizeOf(path), version);
  db->TakeLogOverOnClose();
  Migrate(*db);
  return db;
}

// Whether another process has the database open: in WAL mode each connection holds a shared lock
// for as long as it lives, on the bytes that SQLite's file format calls PENDING, RESERVED and
// SHARED. Not while this process has it open, whose locks end with the descriptor.
bool IsOpenElsewhere(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = 0x40000000;
  lock.l_len = 2 + 510;
  const bool known = ::fcntl(descriptor, F_GETLK, &lock) == 0;
  ::close(descriptor);
  return !known || lock.l_type != F_UNLCK;
}

std::unique_ptr<Database> OpenReadable(const fs::path& path, Database::Access access) {
  auto db = std::make_unique<Database>(path, access);
  const std::int64_t version = CheckIdentity(*db);
  const auto latest = static_cast<std::int64_t>(Migrations().size());
  if (version < latest) {
    throw StateError(
        fmt::format("the journal {} is of version {}; this osarchiver reads version {}",
                    path.string(), version, latest),
        "the next run brings it up to date");
  }
  return db;
}

std::unique_ptr<Database> OpenForReading(const fs::path& path) {
  if (!Exists(path)) {
    throw StateError("there is no journal at " + path.string(), "the first run makes it");
  }
  RefuseStump(path);
  // Whoever writes has a write-ahead log; without one the file is complete. A reader of another
  // user must not make the log, which the owner could not write then; a reader in a read-only
  // directory cannot.
  const bool complete = SizeOf(WriteAheadLog(path)) == 0;
  struct stat status {};
  const bool own =
      ::stat(path.c_str(), &status) == 0 && (status.st_uid == ::geteuid() || ::geteuid() == 0);
  const fs::path directory = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (complete && !Exists(WriteAheadLog(path)) &&
      (!own || ::access(directory.c_str(), W_OK) != 0)) {
    return OpenReadable(path, Database::Access::kImmutable);
  }
  try {
    return OpenReadable(path, Database::Access::kRead);
  } catch (const StateError&) {
    if (!complete) throw;
  }
  return OpenReadable(path, Database::Access::kImmutable);
}

}  // namespace

std::unique_ptr<Journal> Journal::Open(const fs::path& path, OpenMode mode) {
  const auto open = [&path, mode] {
    switch (mode) {
      case OpenMode::kWrite:
        return OpenForWriting(path);
      case OpenMode::kRead:
        return OpenForReading(path);
      case OpenMode::kAtRest:
        break;
    }
    RefuseStump(path);
    return OpenReadable(path, Database::Access::kImmutable);
  };
  auto state = std::make_unique<State>(open());
  {
    Statement found = state->db->Query("SELECT id FROM journal");
    if (!found.Step())
      throw IntegrityError("the journal " + path.string() + " has lost its identity", kDamagedHint);
    state->id = found.Text(0);
  }
  return std::unique_ptr<Journal>(new Journal(std::move(state)));
}

bool Journal::IsAtRest(const fs::path& path) {
  if (!Exists(path)) return false;
  // A reader, who may not remove the log, leaves an empty one.
  return !Exists(WriteAheadLog(path)) ||
         (SizeOf(WriteAheadLog(path)) == 0 && !IsOpenElsewhere(path));
}

void Journal::CreateAs(const fs::path& path, const std::string& id) {
  if (Exists(path)) throw StateError("there is a journal at " + path.string() + " already");
  Create(path, id);
}

Journal::Journal(std::unique_ptr<State> state) : state_(std::move(state)) {}

Journal::~Journal() = default;

const std::string& Journal::id() const { return state_->id; }

bool Journal::empty() const {
  const State::Call call(*state_);
  return state_->db->QueryInt("SELECT EXISTS (SELECT 1 FROM runs)") == 0;
}

std::chrono::nanoseconds Journal::busy_time() const {
  const std::lock_guard lock(state_->mutex);
  return state_->busy;
}

}  // namespace osarchiver
