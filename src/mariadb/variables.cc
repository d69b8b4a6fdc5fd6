#include "mariadb/variables.h"

#include <mutex>
#include <utility>
#include <vector>

namespace osarchiver {
namespace {

std::shared_ptr<const KnownVariables> Ask(Connection& connection) {
  auto known = std::make_shared<KnownVariables>();
  for (const auto& row :
       connection.Query("SELECT LOWER(VARIABLE_NAME), VARIABLE_SCOPE, READ_ONLY FROM "
                        "information_schema.SYSTEM_VARIABLES")) {
    const bool in_session = row[1].value_or("").starts_with("SESSION");
    known->emplace(row[0].value_or(""), in_session && row[2] != "YES");
  }
  return known;
}

}  // namespace

std::shared_ptr<const KnownVariables> KnowVariables(Connection& connection) {
  static std::mutex mutex;
  static std::map<std::pair<std::string, std::string>, std::shared_ptr<const KnownVariables>>
      remembered;
  const std::pair key(connection.endpoint(), connection.server_version());
  {
    const std::lock_guard lock(mutex);
    if (const auto found = remembered.find(key); found != remembered.end()) return found->second;
  }
  auto known = Ask(connection);
  const std::lock_guard lock(mutex);
  return remembered[key] = std::move(known);
}

std::map<std::string, std::string> ReadVariables(Connection& connection, VariableScope scope,
                                                 std::initializer_list<std::string_view> names) {
  const auto known = KnowVariables(connection);
  std::string sql;
  std::vector<std::string_view> asked;
  for (const std::string_view name : names) {
    if (!known->contains(name)) continue;
    sql += sql.empty() ? "SELECT " : ", ";
    sql += scope == VariableScope::kGlobal ? "@@GLOBAL." : "@@";
    sql += name;
    asked.push_back(name);
  }
  std::map<std::string, std::string> values;
  if (asked.empty()) return values;
  const Table table = connection.Query(sql);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    values.emplace(asked[i], table.front()[i].value_or(""));
  }
  return values;
}

bool IsSwitchedOn(const std::map<std::string, std::string>& variables, const std::string& name) {
  const auto found = variables.find(name);
  return found != variables.end() && (found->second == "1" || found->second == "ON");
}

}  // namespace osarchiver
