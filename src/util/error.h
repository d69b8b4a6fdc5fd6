// What ends an operation. Derived classes exist by consequence, not by origin: main turns them into
// exit codes, the per-table loop decides whether the next table may go on, the retry function asks
// a DatabaseError for its class.
//
// Messages are lower case, name the object, and carry no column values beyond a key and no secret.
// Advice goes in the hint.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace osarchiver {

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, std::string hint = {})
      : std::runtime_error(message), hint_(std::move(hint)) {}

  // What the operator should do; empty when the message says it all.
  const std::string& hint() const { return hint_; }

 private:
  std::string hint_;
};

// One line of both, for logs and reports.
inline std::string WithHint(const std::string& message, const std::string& hint) {
  return hint.empty() ? message : message + "; HINT: " + hint;
}

// The command line or the configuration is wrong; nothing was started. Exit code 2.
class ConfigError : public Error {
 public:
  using Error::Error;
};

// A server refused or lost a statement. Exit code 1.
class DatabaseError : public Error {
 public:
  DatabaseError(unsigned code, std::string sqlstate, const std::string& message,
                std::string hint = {})
      : Error(message, std::move(hint)), code_(code), sqlstate_(std::move(sqlstate)) {}

  // The MariaDB error number (client or server); decides about retries, never the text.
  unsigned code() const { return code_; }
  const std::string& sqlstate() const { return sqlstate_; }

 private:
  unsigned code_;
  std::string sqlstate_;
};

// A file could not be created, written, synced or read. Exit code 1.
class IoError : public Error {
 public:
  IoError(int error_number, const std::string& message, std::string hint = {})
      : Error(message, std::move(hint)), error_number_(error_number) {}

  // errno of the failed call; 0 when there was none (a short read).
  int error_number() const { return error_number_; }

 private:
  int error_number_;
};

// An archive or the journal is damaged: what was written is not what is there. Exit code 3.
class IntegrityError : public Error {
 public:
  using Error::Error;
};

// Rows at a destination that are somebody else's stand where ours should go. Exit code 1; nothing
// was overwritten.
class ConflictError : public Error {
 public:
  using Error::Error;
};

// The journal refused a transition or could not be written. Exit code 1.
class StateError : public Error {
 public:
  using Error::Error;
};

// Another run of the same archiver holds the lock. Exit code 4.
class LockedError : public Error {
 public:
  using Error::Error;
};

}  // namespace osarchiver
