#include "source/delete_session.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "mariadb/catalogue.h"
#include "util/error.h"

namespace osarchiver {
namespace {

constexpr std::uint64_t kMaxStatementBytes = 1 << 20;

}  // namespace

void DeleteSession::EnsureConnected() {
  if (connection_ != nullptr && connection_->usable()) return;
  connection_.reset();
  definitions = {};
  referrers = {};
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
  connection_ = std::move(fresh);
}

void DeleteSession::Rollback() noexcept {
  if (connection_ != nullptr) connection_->Rollback();
}

}  // namespace osarchiver
