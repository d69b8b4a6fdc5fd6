#include "source/trigger_check.h"

#include <string>

#include "mariadb/quote.h"
#include "util/error.h"

namespace osarchiver {
namespace {

std::optional<std::uint64_t> Executed(Connection& connection) {
  const Table counter = connection.Query("SHOW SESSION STATUS LIKE 'Executed\\_triggers'");
  if (counter.empty()) return std::nullopt;
  return std::stoull(counter[0][1].value_or("0"));
}

}  // namespace

void TriggerCheck::Begin(Connection& connection) {
  if (!executed_) executed_ = Executed(connection);
}

void TriggerCheck::RequireNone(Connection& connection, const TableName& table) {
  const std::optional<std::uint64_t> before = executed_;
  executed_ = Executed(connection);
  if (before && executed_ && *executed_ != *before) {
    throw Error("table " + ToText(table) +
                    ": a DELETE starts a trigger, which may change rows that nobody archives",
                "exclude the table, drop the trigger, or set allow_delete_triggers: true for it if "
                "nothing is lost by what the trigger does");
  }
}

}  // namespace osarchiver
