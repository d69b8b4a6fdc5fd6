// Whether a DELETE starts triggers. What they change nobody archives. The plan refuses tables that
// have some; this is for those that are made while a run works.
#pragma once

#include <cstdint>
#include <optional>

#include "mariadb/catalogue.h"
#include "mariadb/connection.h"

namespace osarchiver {

// For one session and one thread.
class TriggerCheck {
 public:
  // Before a DELETE that may start none. Asks the server only where it is not known from the last
  // one.
  void Begin(Connection& connection);
  // After it, in the same transaction: throws Error when it started one. A server that does not
  // count them is believed.
  void RequireNone(Connection& connection, const TableName& table);
  // After a DELETE that may start them.
  void Forget() { executed_.reset(); }

 private:
  std::optional<std::uint64_t> executed_;
};

}  // namespace osarchiver
