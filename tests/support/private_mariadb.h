// A private MariaDB server for C++ tests: own data directory, own socket, no /etc/mysql, gone
// afterwards. Runs as the user who starts it. The system tables are installed once per user and
// server version into a cache under the temporary directory (shared with private_mariadb.py) and
// copied from there, so that a new server is up in a quarter of a second.
//
//   PrivateMariadb server;                       // started
//   server.Sql("CREATE DATABASE nova");          // by the mariadb client, not by the code under
//   test auto connection = Connection::Open(server.Address()); server.Kill9(); server.Start(); //
//   recovers
//
// The server dies with the thread that started it (PR_SET_PDEATHSIG), so start it from a thread
// that lives as long as the test. Every function throws std::runtime_error with the end of the
// server's log when something fails.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "mariadb/server_settings.h"

namespace osarchiver {

class PrivateMariadb {
 public:
  struct Options {
    bool tcp = false;     // listens on a free port of 127.0.0.1 as well
    bool binlog = false;  // ROW
    // True: a commit that was answered survives a crash of the machine, as in production. False:
    // never waits for the disk; survives Kill9(), not a power cut.
    bool durable = false;
    std::vector<std::string> extra;  // further mariadbd options, which win over the ones here
    bool start = true;
  };

  PrivateMariadb();
  explicit PrivateMariadb(Options options);
  // Ends the server and removes its directory.
  ~PrivateMariadb();
  PrivateMariadb(const PrivateMariadb&) = delete;
  PrivateMariadb& operator=(const PrivateMariadb&) = delete;

  // Whether mariadbd, mariadb-install-db and the mariadb client are installed. Where they are not,
  // a test says GTEST_SKIP().
  static bool Available();

  // Starts the server on what is in its directory and waits until it answers. Nothing when it runs.
  void Start();
  // Clean shutdown. The data stays.
  void Stop();
  // Ends the server as a crash does; Start() then recovers.
  void Kill9();
  // Clean stop and start.
  void Restart();
  void Restart(std::vector<std::string> extra);
  // SIGSTOP and SIGCONT: a server that hangs.
  void Freeze();
  void Thaw();
  bool Running();

  // Runs statements in one session of the mariadb client as root over the socket. Returns what they
  // print, tab-separated, without headings, without the last line end. Throws at the first that
  // fails.
  std::string Sql(const std::string& statements, const std::string& database = {});

  // root over the socket, without password.
  ServerAddress Address() const;
  // root over TCP from 127.0.0.1. Precondition: Options::tcp.
  ServerAddress TcpAddress() const;

  const std::string& socket() const { return socket_; }
  std::uint16_t port() const { return port_; }
  pid_t pid() const { return pid_; }
  const std::filesystem::path& directory() const { return directory_; }
  std::string LogTail() const;

 private:
  std::vector<std::string> Command() const;
  bool WaitUntilReady(std::chrono::seconds limit);
  void End(int signal_number);

  Options options_;
  std::filesystem::path directory_;
  std::string socket_;
  std::uint16_t port_ = 0;
  pid_t pid_ = 0;
};

}  // namespace osarchiver
