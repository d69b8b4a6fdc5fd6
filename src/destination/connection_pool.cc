#include "destination/connection_pool.h"

namespace osarchiver {

std::unique_ptr<Connection> ConnectionPool::Open() {
  std::unique_lock lock(mutex_);
  if (node_) {
    const ServerAddress node = *node_;
    lock.unlock();
    return Connection::Open(node);
  }
  // Under the lock: two threads must not settle on two nodes.
  std::unique_ptr<Connection> first = Connection::Open(address_);
  node_ = first->address();
  return first;
}

ConnectionPool::Lease ConnectionPool::Take() {
  {
    const std::lock_guard lock(mutex_);
    while (!idle_.empty()) {
      std::unique_ptr<Connection> connection = std::move(idle_.back());
      idle_.pop_back();
      if (connection->usable()) return {*this, std::move(connection)};
    }
  }
  return {*this, Open()};
}

void ConnectionPool::Give(std::unique_ptr<Connection> connection) {
  if (!connection->usable() || connection->holds_large_buffer()) return;
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(connection));
}

}  // namespace osarchiver
