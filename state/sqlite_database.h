// A thin wrapper of SQLite: connection, cached prepared statements, transactions, and the one place
// that turns SQLite's result codes into osarchiver's errors. Not thread-safe; the journal's mutex
// guards it.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace osarchiver {

// Bytes that are no text, to be bound as a BLOB.
struct Blob {
  std::string_view bytes;
};

class Database;

// A prepared statement, borrowed from its database's cache; given back, reset and unbound, when
// destroyed. The same SQL text cannot be borrowed twice at a time.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Starts over with new values, first parameter first. Values are copied.
  template <typename... Values>
  Statement& Rebind(const Values&... values) {
    Reset();
    int index = 0;
    (Bind(++index, values), ...);
    return *this;
  }
  // True while there is a row to read.
  [[nodiscard]] bool Step();

  bool IsNull(int column) const;
  std::int64_t Int(int column) const;
  // A count or size: never negative in the journal.
  std::uint64_t Count(int column) const { return static_cast<std::uint64_t>(Int(column)); }
  bool Flag(int column) const { return Int(column) != 0; }
  // Text or bytes; "" for NULL.
  std::string Text(int column) const;

 private:
  friend class Database;
  struct Cached;
  Statement(Database* database, Cached* cached) : database_(database), cached_(cached) {}

  void Reset();
  void BindInt(int index, std::int64_t value);
  void BindNull(int index);
  void BindBytes(int index, std::string_view value, bool is_text);

  template <std::integral Value>
  void Bind(int index, Value value) {
    BindInt(index, static_cast<std::int64_t>(value));
  }
  void Bind(int index, std::string_view value) { BindBytes(index, value, true); }
  void Bind(int index, const std::string& value) { BindBytes(index, value, true); }
  void Bind(int index, const char* value) { BindBytes(index, value, true); }
  void Bind(int index, Blob value) { BindBytes(index, value.bytes, false); }
  template <typename Value>
  void Bind(int index, const std::optional<Value>& value) {
    if (value) {
      Bind(index, *value);
    } else {
      BindNull(index);
    }
  }

  Database* database_;
  Cached* cached_;  // null when moved from
};

class Database {
 public:
  enum class Access {
    kReadWrite,  // an existing file
    kRead,       // an existing file, never written
    kImmutable,  // the same, without looking for a write-ahead log or a lock: nobody may be writing
    kMemory,     // a new database in memory; the path only names it
  };

  // Opens the file; reads nothing of it yet. Throws StateError.
  Database(std::filesystem::path path, Access access);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  const std::filesystem::path& path() const { return path_; }

  // Runs one statement that returns nothing worth reading.
  template <typename... Values>
  void Run(std::string_view sql, const Values&... values) {
    Statement statement = Query(sql, values...);
    while (statement.Step()) {
    }
  }
  // A statement with its values bound, before its first row.
  template <typename... Values>
  [[nodiscard]] Statement Query(std::string_view sql, const Values&... values) {
    Statement statement = Borrow(sql);
    statement.Rebind(values...);
    return statement;
  }
  // The first column of the only row.
  template <typename... Values>
  std::int64_t QueryInt(std::string_view sql, const Values&... values) {
    Statement statement = Query(sql, values...);
    return statement.Step() ? statement.Int(0) : 0;
  }
  // Several statements without parameters.
  void RunScript(const std::string& sql);
  // Without it a file that was opened for writing is left as it was found, write-ahead log and all,
  // unless something was written: it may turn out to be damaged.
  void TakeLogOverOnClose();

  std::int64_t last_insert_id() const;
  // Rows that the last INSERT, UPDATE or DELETE changed, triggers not counted.
  std::int64_t changes() const;
  bool in_transaction() const;
  // Writing transactions committed through this connection, and how many of them, from the first
  // on, are durable.
  std::uint64_t commits() const { return commits_; }
  std::uint64_t durable_commits() const { return durable_commits_; }

  // The bytes of a database in memory, as they would be in a file.
  std::string Serialize();
  // Copies the whole database, as of now, into a new file that needs no write-ahead log. The file
  // is durable when the caller has synced it. Throws IoError.
  void BackupTo(const std::filesystem::path& path);

 private:
  friend class Statement;
  friend class Transaction;

  // Pages that went to the log or the file through this connection.
  std::int64_t pages_written() const;
  void SyncCommits(bool each);

  Statement Borrow(std::string_view sql);
  // Throws the error that the result code stands for.
  [[noreturn]] void Fail(int code);
  void Close();

  std::filesystem::path path_;
  sqlite3* handle_ = nullptr;
  std::map<std::string, std::unique_ptr<Statement::Cached>, std::less<>> statements_;
  // What a failed write or sync said. The kernel may have dropped the pages, and a later sync would
  // not notice: nothing is written any more through this connection.
  std::string broken_;
  bool syncs_commits_ = true;  // PRAGMA synchronous = FULL
  std::uint64_t commits_ = 0;
  std::uint64_t durable_commits_ = 0;
};

// A transaction that is undone unless Commit() was called and returned. A writing one takes the
// write lock at once (BEGIN IMMEDIATE), so that it never fails halfway because another process was
// faster.
class Transaction {
 public:
  // kWriteWithNext: committed, and durable with the next kWrite at the latest; lost by a loss of
  // power before that, though not by the end of this process.
  enum class Kind { kWrite, kWriteWithNext, kRead };
  explicit Transaction(Database& database, Kind kind = Kind::kWrite);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  // Durable on return, but for kWriteWithNext.
  void Commit();

 private:
  Database& database_;
  Kind kind_;
  std::int64_t pages_before_ = 0;
  bool open_ = true;
};

}  // namespace osarchiver
