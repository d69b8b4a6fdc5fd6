// The connection that deletes and what is remembered of its server between transactions.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "mariadb/connection.h"
#include "source/child_check.h"
#include "source/definition_check.h"
#include "source/transaction_size.h"
#include "source/trigger_check.h"

namespace osarchiver {

class DeleteSession {
 public:
  explicit DeleteSession(std::function<std::unique_ptr<Connection>()> connect)
      : connect_(std::move(connect)) {}

  // Connects where there is no usable connection, and then forgets what it knew: it may be another
  // server. Throws Error for a server that cannot compare what it deletes.
  void EnsureConnected();
  // Between units: ends a connection that keeps the memory of a large row.
  void ShedMemory() {
    if (connection_ != nullptr && connection_->holds_large_buffer()) connection_.reset();
  }
  // Ends a transaction that may be open.
  void Rollback() noexcept;

  // The rest is for while it is connected.
  Connection& connection() { return *connection_; }
  std::size_t max_statement_bytes() const { return max_statement_bytes_; }
  // Of one transaction, from what Galera allows there: rows, and bytes as rows are archived.
  std::uint64_t max_rows() const { return max_rows_; }
  std::uint64_t max_bytes() const { return max_bytes_; }

  DefinitionCheck definitions;
  Referrers referrers;
  TriggerCheck triggers;
  TransactionSize size;

 private:
  void LoadWriteSetLimits(Connection& connection);

  std::function<std::unique_ptr<Connection>()> connect_;
  std::unique_ptr<Connection> connection_;
  std::size_t max_statement_bytes_ = 0;
  std::uint64_t max_rows_ = UINT64_MAX;
  std::uint64_t max_bytes_ = UINT64_MAX;
};

}  // namespace osarchiver
