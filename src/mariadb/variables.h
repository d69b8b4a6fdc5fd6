// System variables, at the price of those that are asked for. SHOW VARIABLES and
// information_schema.SYSTEM_VARIABLES make a table of all thousand of them for each question (1 to
// 3 ms of the server); SELECT @@name does not, but fails where a version lacks the name.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "mariadb/connection.h"

namespace osarchiver {

// Which system variables a server has: lower-case name, and whether a session may set it.
using KnownVariables = std::map<std::string, bool, std::less<>>;

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
