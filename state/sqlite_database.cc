#include "state/sqlite_database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "util/clock.h"
#include "util/error.h"
#include "util/failpoint.h"

namespace osarchiver {
namespace {

constexpr int kBusyTimeoutMs = 5000;
constexpr int kBusyPauseMs = 2;

constexpr char kDamagedHint[] =
    "restore the journal's copy from the archives' root, or make it again with osarchiver "
    "rebuild-journal";

// A path as a URI filename: only what would end or change the path needs a disguise.
std::string ImmutableUri(const std::filesystem::path& path) {
  std::string uri = "file:";
  for (char c : path.string()) {
    switch (c) {
      case '%':
        uri += "%25";
        break;
      case '?':
        uri += "%3f";
        break;
      case '#':
        uri += "%23";
        break;
      default:
        uri += c;
    }
  }
  return uri + "?immutable=1";
}

// The copied header asks for a write-ahead log, which cannot be made everywhere where the copy may
// be read: the file format's write and read version, 1 without one. PRAGMA journal_mode does the
// same after parsing the whole schema.
void LeaveNoWriteAheadLog(const std::filesystem::path& path) {
  constexpr std::string_view kVersions("\1\1");
  constexpr off_t kVersionsOffset = 18;
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const bool written = descriptor >= 0 &&
                       ::pwrite(descriptor, kVersions.data(), kVersions.size(), kVersionsOffset) ==
                           static_cast<ssize_t>(kVersions.size());
  const int error = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!written) {
    throw IoError(error,
                  "cannot write the journal's copy " + path.string() + ": " + std::strerror(error));
  }
}

// SQLite's own handler comes back every 100 ms only. The gap between two transactions of a busy
// process is far shorter than that, so of several archivers one would starve.
int WaitForOthers(void*, int attempt) {
  if (attempt * kBusyPauseMs >= kBusyTimeoutMs) return 0;
  SystemClock().Sleep(std::chrono::milliseconds(kBusyPauseMs));
  return 1;
}

}  // namespace

struct Statement::Cached {
  sqlite3_stmt* handle = nullptr;
  bool borrowed = false;

  Cached() = default;
  Cached(const Cached&) = delete;
  Cached& operator=(const Cached&) = delete;
  ~Cached() { sqlite3_finalize(handle); }
};

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_), cached_(std::exchange(other.cached_, nullptr)) {}

Statement::~Statement() {
  if (cached_ == nullptr) return;
  // The result repeats the error of the last step, which was thrown already.
  sqlite3_reset(cached_->handle);
  sqlite3_clear_bindings(cached_->handle);
  cached_->borrowed = false;
}

bool Statement::Step() {
  const int code = sqlite3_step(cached_->handle);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  database_->Fail(code);
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(cached_->handle, column) == SQLITE_NULL;
}

std::int64_t Statement::Int(int column) const {
  return sqlite3_column_int64(cached_->handle, column);
}

std::string Statement::Text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(cached_->handle, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(cached_->handle, column))};
}

void Statement::Reset() { sqlite3_reset(cached_->handle); }

void Statement::BindInt(int index, std::int64_t value) {
  if (const int code = sqlite3_bind_int64(cached_->handle, index, value)) database_->Fail(code);
}

void Statement::BindNull(int index) {
  if (const int code = sqlite3_bind_null(cached_->handle, index)) database_->Fail(code);
}

void Statement::BindBytes(int index, std::string_view value, bool is_text) {
  // A null pointer would be bound as NULL.
  const char* data = value.data() != nullptr ? value.data() : "";
  const int code =
      is_text ? sqlite3_bind_text64(cached_->handle, index, data, value.size(), SQLITE_TRANSIENT,
                                    SQLITE_UTF8)
              : sqlite3_bind_blob64(cached_->handle, index, data, value.size(), SQLITE_TRANSIENT);
  if (code != SQLITE_OK) database_->Fail(code);
}

Database::Database(std::filesystem::path path, Access access) : path_(std::move(path)) {
  std::string name = path_.string();
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  switch (access) {
    case Access::kReadWrite:
      flags |= SQLITE_OPEN_READWRITE;
      break;
    case Access::kRead:
      flags |= SQLITE_OPEN_READONLY;
      break;
    case Access::kImmutable:
      flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
      name = ImmutableUri(path_);
      break;
    case Access::kMemory:
      flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY;
      name = ":memory:";
      break;
  }
  const int code = sqlite3_open_v2(name.c_str(), &handle_, flags, nullptr);
  try {
    if (code != SQLITE_OK) Fail(code);
    sqlite3_busy_handler(handle_, WaitForOthers, nullptr);
    // Neither a damaged schema nor a slip of ours may turn into a file that only looks like a
    // journal.
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    if (access == Access::kReadWrite) {
      sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    }
    RunScript(
        "PRAGMA foreign_keys = ON;"
        // INSERT OR REPLACE must meet the triggers that forbid deleting.
        "PRAGMA recursive_triggers = ON;"
        "PRAGMA cell_size_check = ON;");
  } catch (...) {
    Close();
    throw;
  }
}

Database::~Database() { Close(); }

void Database::Close() {
  statements_.clear();
  sqlite3_close(handle_);
  handle_ = nullptr;
}

void Database::TakeLogOverOnClose() {
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
}

void Database::RunScript(const std::string& sql) {
  if (const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr)) Fail(code);
}

Statement Database::Borrow(std::string_view sql) {
  auto it = statements_.find(sql);
  if (it == statements_.end()) {
    auto cached = std::make_unique<Statement::Cached>();
    const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &cached->handle, nullptr);
    if (code != SQLITE_OK) Fail(code);
    it = statements_.emplace(sql, std::move(cached)).first;
  }
  assert(!it->second->borrowed);
  it->second->borrowed = true;
  return Statement(this, it->second.get());
}

std::int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }

std::int64_t Database::changes() const { return sqlite3_changes64(handle_); }

bool Database::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

std::string Database::Serialize() {
  sqlite3_int64 size = 0;
  const std::unique_ptr<unsigned char, void (*)(void*)> bytes(
      sqlite3_serialize(handle_, "main", &size, 0), sqlite3_free);
  if (!bytes) Fail(SQLITE_NOMEM);
  return {reinterpret_cast<const char*>(bytes.get()), static_cast<std::size_t>(size)};
}

void Database::BackupTo(const std::filesystem::path& path) {
  struct CloseHandle {
    void operator()(sqlite3* handle) const { sqlite3_close(handle); }
  };
  const auto fail = [&path](int code, const char* text) {
    throw IoError(0, "cannot copy the journal to " + path.string() + ": " + text,
                  (code & 0xff) == SQLITE_FULL ? "free space on this file system" : "");
  };
  sqlite3* raw = nullptr;
  const int opened =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<sqlite3, CloseHandle> target(raw);
  if (opened != SQLITE_OK) fail(opened, sqlite3_errmsg(target.get()));
  const auto set = [&target, &fail](const char* pragma) {
    const int done = sqlite3_exec(target.get(), pragma, nullptr, nullptr, nullptr);
    if (done != SQLITE_OK) fail(done, sqlite3_errmsg(target.get()));
  };
  // A copy that was not finished is thrown away, so that nothing in it needs a way back.
  set("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF");
  sqlite3_backup* backup = sqlite3_backup_init(target.get(), "main", handle_, "main");
  if (backup == nullptr) fail(SQLITE_ERROR, sqlite3_errmsg(target.get()));
  // All pages in one step: one snapshot, however busy the writers are.
  const int copied = sqlite3_backup_step(backup, -1);
  sqlite3_backup_finish(backup);
  if ((copied & 0xff) == SQLITE_CORRUPT || (copied & 0xff) == SQLITE_NOTADB) Fail(copied);
  if (copied != SQLITE_DONE) fail(copied, sqlite3_errstr(copied));
  target.reset();
  LeaveNoWriteAheadLog(path);
}

void Database::Fail(int code) {
  const std::string text = handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  const std::string name = "the journal " + path_.string();
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
      throw IntegrityError(name + " is damaged: " + text, kDamagedHint);
    case SQLITE_NOTADB:
      throw IntegrityError(name + " is damaged, or no journal at all: " + text, kDamagedHint);
    case SQLITE_CONSTRAINT:
      throw StateError(name + " refused a step: " + text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw StateError(name + " was held by another process for more than 5 s",
                       "look for a process that writes to it for long, and start again");
    case SQLITE_FULL:
      throw StateError(
          "cannot write to " + name + ": the disk is full",
          "free space on its file system; the next run continues where this one stopped");
    case SQLITE_IOERR:
      broken_ = text;
      throw StateError("cannot read or write " + name + ": " + text,
                       "look for disk errors in the kernel's log, and for free space; the next run "
                       "continues where this "
                       "one stopped");
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      throw StateError("cannot open or write " + name + ": " + text,
                       "check the owner and the permissions of the file and of its directory");
    default:
      throw StateError(name + ": " + text);
  }
}

// In a write-ahead log what is synced later is whole up to there, so that a commit that waited is
// never without the ones before it.
void Database::SyncCommits(bool each) {
  if (syncs_commits_ == each) return;
  RunScript(each ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  syncs_commits_ = each;
}

std::int64_t Database::pages_written() const {
  int written = 0, unused = 0;
  (void)sqlite3_db_status(handle_, SQLITE_DBSTATUS_CACHE_WRITE, &written, &unused, 0);
  return written;
}

Transaction::Transaction(Database& database, Kind kind) : database_(database), kind_(kind) {
  if (kind != Kind::kRead && !database.broken_.empty()) {
    throw StateError("the journal " + database.path_.string() +
                         " is not written any more after an earlier failure: " + database.broken_,
                     "the next run continues where this one stopped");
  }
  if (kind != Kind::kRead) database_.SyncCommits(kind == Kind::kWrite);
  pages_before_ = database_.pages_written();
  database_.Run(kind == Kind::kRead ? "BEGIN" : "BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  // Some errors have rolled back already.
  if (!open_ || !database_.in_transaction()) return;
  // Nothing can be done about a failure: SQLite undoes what is not committed when the file is next
  // opened.
  (void)sqlite3_exec(database_.handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::Commit() {
  Failpoint("journal-commit-before");
  database_.Run("COMMIT");
  open_ = false;
  if (kind_ != Kind::kRead) ++database_.commits_;
  // One sync of the log is good for all that it holds; but what changes no byte is not synced.
  if (kind_ == Kind::kWrite && database_.pages_written() > pages_before_)
    database_.durable_commits_ = database_.commits_;
  Failpoint("journal-commit-after");
}

}  // namespace osarchiver
