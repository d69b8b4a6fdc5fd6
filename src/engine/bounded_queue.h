// What connects two stages of the pipeline: at most `capacity` items wait, so that a slow stage
// slows the ones before it instead of filling the memory. One mutex guards everything.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace osarchiver {

template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {}

  // Waits for room. False when the consumer gave up: the item is dropped and nothing more is
  // wanted.
  bool Push(T item) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return abandoned_ || items_.size() < capacity_; });
    if (abandoned_) return false;
    items_.push_back(std::move(item));
    filled_.notify_one();
    return true;
  }

  // Waits for an item. Nothing when the producer closed the queue and all was taken.
  std::optional<T> Pop() {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [this] { return closed_ || !items_.empty(); });
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    room_.notify_one();
    return item;
  }

  // The producer is done; what waits is still taken.
  void Close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    filled_.notify_all();
  }

  // The consumer gives up: what waits is dropped, later pushes fail.
  void Abandon() {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    items_.clear();
    room_.notify_all();
  }

 private:
  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable filled_;
  std::deque<T> items_;
  bool closed_ = false;
  bool abandoned_ = false;
};

// Bounds the bytes of rows that are between reading and deleting, whatever the number of units. A
// unit larger than the whole budget passes alone.
class ByteBudget {
 public:
  explicit ByteBudget(std::size_t limit) : limit_(limit) {}
  std::size_t limit() const { return limit_; }

  void Acquire(std::size_t bytes) {
    std::unique_lock lock(mutex_);
    Await(lock, bytes);
    used_ += bytes;
  }
  // Waits until so much could be acquired. For the only one that acquires: until it does, there is
  // only more room.
  void WaitForRoom(std::size_t bytes) {
    std::unique_lock lock(mutex_);
    Await(lock, bytes);
  }
  void Release(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    used_ -= bytes;
    freed_.notify_all();
  }
  // Waits until nothing is between reading and deleting.
  void WaitUntilEmpty() {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [&] { return lifted_ || used_ == 0; });
  }
  // A stage failed: nobody waits any more.
  void Lift() {
    const std::lock_guard lock(mutex_);
    lifted_ = true;
    freed_.notify_all();
  }

 private:
  void Await(std::unique_lock<std::mutex>& lock, std::size_t bytes) {
    freed_.wait(lock, [&] { return lifted_ || used_ == 0 || used_ + bytes <= limit_; });
  }

  const std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::size_t used_ = 0;
  bool lifted_ = false;
};

}  // namespace osarchiver
