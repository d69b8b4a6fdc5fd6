// Connections to one server, for as many threads as ask. Each holds a connection alone; what is
// given back is used again.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "mariadb/connection.h"

namespace osarchiver {

class ConnectionPool {
 public:
  explicit ConnectionPool(ServerAddress address) : address_(std::move(address)) {}

  // Held alone; goes back when destroyed, unless it is lost or keeps much memory. For reading:
  // nobody leaves a transaction open on it.
  class Lease {
   public:
    Lease(ConnectionPool& pool, std::unique_ptr<Connection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (connection_) pool_->Give(std::move(connection_));
    }
    Connection& operator*() const { return *connection_; }
    Connection* operator->() const { return connection_.get(); }

   private:
    ConnectionPool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  // Throws what Connection::Open throws.
  Lease Take();
  // A connection for its taker alone, to the same node.
  std::unique_ptr<Connection> Open();

 private:
  friend class Lease;
  void Give(std::unique_ptr<Connection> connection);

  std::mutex mutex_;  // guards what follows
  ServerAddress address_;
  // The node that the first connection reached: all later ones go there, so that what one wrote
  // another sees.
  std::optional<ServerAddress> node_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace osarchiver
