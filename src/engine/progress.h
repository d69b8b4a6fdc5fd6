// What a run is doing right now: counters that the stages add to and that the progress line and
// status.json read.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "util/clock.h"

namespace osarchiver {

// Thread-safe.
class Progress {
 public:
  explicit Progress(Clock& clock) : clock_(clock) {}
  void BeginTable(const std::string& table, bool deletes);
  void SetShare(double share) { share_.store(share); }
  void AddRead(std::uint64_t rows) { read_ += rows; }
  void AddArchived(std::uint64_t rows) { archived_ += rows; }
  void AddVerified(std::uint64_t rows) { verified_ += rows; }
  void AddDeleted(std::uint64_t rows) { deleted_ += rows; }
  // Why nothing moves at the moment ("replica db2 lags 12 s"); "" when it moves.
  void SetWaiting(const std::string& reason);
  std::string waiting() const;
  // "nova.instances  120,000 rows  24,100 rows/s  37 %  about 12 s left"; "" between tables.
  std::string Line() const;

 private:
  Clock& clock_;
  mutable std::mutex mutex_;  // guards the strings and the start
  std::string table_;
  std::string waiting_;
  bool deletes_ = false;
  std::chrono::steady_clock::time_point table_started_{};
  std::atomic<double> share_{0};
  std::atomic<std::uint64_t> read_{0}, archived_{0}, verified_{0}, deleted_{0};
};

// Calls `tick` every `interval` on its own thread until destroyed; exceptions of `tick` end the
// ticking with a warning in the log.
class Ticker {
 public:
  Ticker(std::chrono::milliseconds interval, std::function<void()> tick);
  ~Ticker();

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace osarchiver
