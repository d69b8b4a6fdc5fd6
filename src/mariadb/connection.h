// One connection to a MariaDB server with osarchiver's session (DESIGN.md section 5): UTC, results
// unconverted (bytes as stored), strict sql_mode, bounded waits. mysql.h stays behind
// connection.cc.
//
// Nothing here retries by itself: a statement that failed may have happened. Callers that may run
// twice use retry.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mariadb/bulk_rows.h"
#include "mariadb/server_settings.h"
#include "util/error.h"

namespace osarchiver {

// One value of a result row: nothing for NULL. Points into the client library's buffer, valid until
// the next row.
using Cell = std::optional<std::string_view>;
using Row = std::vector<Cell>;

// A whole result in memory; for small results only.
using Table = std::vector<std::vector<std::optional<std::string>>>;

struct ExecuteResult {
  std::uint64_t affected_rows = 0;
  std::uint64_t warnings = 0;
};

enum class RowAction { kContinue, kStop };

class Connection {
 public:
  // Initializes the client library, which otherwise the first Open() does: 2 ms, most of them
  // OpenSSL's. By any thread. Throws DatabaseError.
  static void LoadLibrary();
  // Connects, checks TLS (a connection that should be verified and is not encrypted is refused),
  // sets the session up. Tries the hosts in order. Throws DatabaseError naming host and user, with
  // a hint; ConfigError for an unreadable or world-readable option file.
  static std::unique_ptr<Connection> Open(const ServerAddress& address);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs one statement that returns no rows. Throws DatabaseError (code, statement's first 200
  // characters without values).
  ExecuteResult Execute(std::string_view sql);
  // Runs an INSERT that has a parameter (?) for each column of the rows, of which there is at least
  // one, in one packet. A row that cannot be stored is a DatabaseError; some of those before it may
  // have been: the caller rolls back or looks. Only where supports_bulk() says so.
  ExecuteResult ExecuteBulk(std::string_view sql, const BulkRows& rows);
  bool supports_bulk() const;
  // Runs a statement and gives each row to `on_row` while the server sends (unbuffered). Returns
  // the number of rows given and the warnings. When `on_row` says kStop the rest is not read: the
  // statement is killed over a second connection where more than a few rows are outstanding, and
  // the connection stays usable. If `on_row` throws, the connection is closed.
  struct StreamResult {
    std::uint64_t rows = 0;
    std::uint64_t warnings = 0;
    bool stopped = false;
  };
  StreamResult Stream(std::string_view sql, const std::function<RowAction(const Row&)>& on_row);
  // The whole result.
  Table Query(std::string_view sql);
  // The first column of the first row; nothing when there is no row or it is NULL.
  std::optional<std::string> QueryValue(std::string_view sql);
  // SHOW WARNINGS as "code: text" lines: what a caller that treats warnings as errors prints.
  std::vector<std::string> Warnings();

  // COMMIT and ROLLBACK are statements like others; Rollback() never throws: a lost connection has
  // rolled back by itself.
  void Begin();
  void Commit();
  void Rollback() noexcept;

  // False once a statement lost the connection (2006, 2013, 1047 ...); open a new one.
  bool usable() const;
  // True once a row of megabytes came: the library keeps the memory for it until the connection
  // ends. Who is done with such rows for now opens a new connection.
  bool holds_large_buffer() const;
  std::uint64_t thread_id() const;
  // "10.11.19-MariaDB-log"
  const std::string& server_version() const;
  // Where it is connected to, for messages: "db1:3306", "/run/mysqld/mysqld.sock".
  const std::string& endpoint() const;
  // The node this connection reached, so that all connections of a run go to the same one.
  const ServerAddress& address() const;
  bool encrypted() const;
  // Text for a statement, escaped for this session: 'it''s' with quotes.
  std::string QuoteText(std::string_view text) const;

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace osarchiver
