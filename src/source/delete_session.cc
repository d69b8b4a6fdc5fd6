#include "source/delete_session.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "mariadb/catalogue.h"
#include "mariadb/variables.h"
#include "util/error.h"

namespace osarchiver {
namespace {

constexpr std::uint64_t kMaxStatementBytes = 1 << 20;
// Row events of a larger transaction make replicas and binary log caches work in bursts.
constexpr std::uint64_t kMaxTransactionBytes = 32 << 20;

}  // namespace

void DeleteSession::EnsureConnected() {
  if (connection_ != nullptr && connection_->usable()) return;
  connection_.reset();
  definitions = {};
  referrers = {};
  triggers = {};
  std::unique_ptr<Connection> fresh = connect_();
  const ServerInfo info = LoadServerInfo(*fresh);
  if (!info.supports_returning) {
    throw Error("server " + fresh->endpoint() + " (" + info.version +
                    ") does not know DELETE ... RETURNING, without which what is deleted cannot be "
                    "compared with what was archived",
                "osarchiver deletes on MariaDB 10.3 or later");
  }
  fresh->Execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
  // Half: there is more in a statement than its keys.
  max_statement_bytes_ =
      std::clamp<std::uint64_t>(info.max_allowed_packet / 2, 512, kMaxStatementBytes);
  LoadWriteSetLimits(*fresh);
  connection_ = std::move(fresh);
}

// Galera refuses larger transactions (1180, 1105). A write set holds each row, its keys and what
// both refer to: half of the limit by our count is below the limit by Galera's. 0 there: no limit.
void DeleteSession::LoadWriteSetLimits(Connection& connection) {
  max_rows_ = UINT64_MAX;
  max_bytes_ = kMaxTransactionBytes;
  for (const auto& [name, value] : ReadVariables(connection, VariableScope::kGlobal,
                                                 {"wsrep_max_ws_rows", "wsrep_max_ws_size"})) {
    const std::uint64_t limit = std::strtoull(value.c_str(), nullptr, 10) / 2;
    if (limit == 0) continue;
    if (name == "wsrep_max_ws_rows") max_rows_ = limit;
    if (name == "wsrep_max_ws_size") max_bytes_ = std::min(max_bytes_, limit);
  }
}

void DeleteSession::Rollback() noexcept {
  if (connection_ != nullptr) connection_->Rollback();
}

}  // namespace osarchiver
