// The client library, as little of it as osarchiver needs: one connection, the text protocol,
// results read row by row while the server sends. Internal to src/mariadb; everybody else uses
// Connection. client.cc is the only file that includes mysql.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "mariadb/bulk_rows.h"
#include "mariadb/connection.h"
#include "mariadb/endpoint.h"

struct st_mysql;
struct st_mysql_res;

namespace osarchiver {

class Client {
 public:
  // Connection::LoadLibrary().
  static void LoadLibrary();
  // Connects and authenticates, nothing else: the session is the server's default. Throws
  // DatabaseError with a hint; its message does not name the endpoint, for callers try several.
  static std::unique_ptr<Client> Connect(const ConnectPlan& plan, const Endpoint& endpoint);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sends one statement and reads the answer's head. Returns whether rows follow; then Fetch()
  // until it says false. Throws DatabaseError.
  bool Send(std::string_view sql);
  // Runs an INSERT with a parameter for each column, for all rows in one packet. Throws
  // DatabaseError; of the rows before the one that failed some may be stored in the transaction.
  ExecuteResult SendBulk(std::string_view sql, const BulkRows& rows);
  bool supports_bulk() const;
  // The next row; false at the end. Views in `row` live until the next call. Throws DatabaseError
  // when the statement failed midway; the result is then over.
  bool Fetch(Row* row);

  // About the last statement, once its rows are read.
  std::uint64_t affected_rows() const;
  std::uint64_t warnings() const;

  // True once an error said that the connection is gone or useless.
  bool lost() const { return lost_; }
  void Close();
  std::uint64_t thread_id() const;
  bool encrypted() const;
  // What the library keeps for packets: as much as the longest row so far, until the connection
  // ends.
  std::size_t buffer_bytes() const;
  // The socket's path where it is connected through one, as the library knows it.
  std::string socket_path() const;

 private:
  struct CloseHandle {
    void operator()(st_mysql* handle) const;
  };
  struct FreeResult {
    void operator()(st_mysql_res* result) const;
  };
  Client() = default;
  void RequireOpen();
  [[noreturn]] void ThrowLastError();
  [[noreturn]] void Throw(unsigned code, const char* state, const char* message);

  std::unique_ptr<st_mysql, CloseHandle> handle_;
  std::unique_ptr<st_mysql_res, FreeResult> result_;
  std::string endpoint_;
  std::string statement_;  // StatementText of the last one
  bool lost_ = false;
};

}  // namespace osarchiver
