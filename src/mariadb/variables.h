// System variables, at the price of those that are asked for. SHOW VARIABLES and
// information_schema.SYSTEM_VARIABLES make a table of all thousand of them for each question (1 to
// 3 ms of the server, half of it for those that match a WHERE); SELECT @@name does not, but fails
// where a version lacks the name.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "mariadb/connection.h"

namespace osarchiver {

// Which system variables a server has, of those that osarchiver reads or sets: they are named in
// variables.cc. Asking for another one is a slip of ours (StateError).
class KnownVariables {
 public:
  bool Has(std::string_view name) const;
  bool IsSettableInSession(std::string_view name) const;
  void Add(std::string name, bool settable_in_session);

 private:
  std::map<std::string, bool, std::less<>> settable_in_session_;
};

// Asks the server once for each endpoint and version, then answers from memory. Any thread.
std::shared_ptr<const KnownVariables> KnowVariables(Connection& connection);

enum class VariableScope { kSession, kGlobal };

// {name: value} of those that the server has; kSession: the global one where a session has none.
// Values are as SELECT gives them: a switch is "0" or "1".
std::map<std::string, std::string> ReadVariables(Connection& connection, VariableScope scope,
                                                 std::initializer_list<std::string_view> names);

// A switch's value, in either spelling.
bool IsSwitchedOn(const std::map<std::string, std::string>& variables, const std::string& name);

}  // namespace osarchiver
