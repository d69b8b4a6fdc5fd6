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
#include <utility>
#include <vector>

#include "util/clock.h"

namespace osarchiver {

// Thread-safe.
class Progress {
 public:
  explicit Progress(Clock& clock) : clock_(clock) {}
  // A table is worked from here to EndTable(). The counters begin anew with the first of those that
  // are worked side by side.
  void BeginTable(const std::string& table, bool deletes);
  void EndTable(const std::string& table);
  void SetShare(const std::string& table, double share);
  void AddRead(std::uint64_t rows) { read_ += rows; }
  void AddArchived(std::uint64_t rows) { archived_ += rows; }
  void AddVerified(std::uint64_t rows) { verified_ += rows; }
  void AddDeleted(std::uint64_t rows) { deleted_ += rows; }
  // Why nothing moves at the moment ("replica db2 lags 12 s"); "" when it moves.
  void SetWaiting(const std::string& reason);
  std::string waiting() const;
  // "nova.instances  120,000 rows deleted  24,100 rows/s  37 %  about 12 s left"; with several
  // tables "nova.instances 37 %, nova.ports 80 %  120,000 rows deleted  24,100 rows/s"; "" between
  // tables.
  std::string Line() const;

 private:
  struct TableShare {
    std::string table;
    double share = 0;
  };

  Clock& clock_;
  mutable std::mutex mutex_;  // guards all but the counters
  std::vector<TableShare> tables_;
  std::string waiting_;
  bool deletes_ = false;  // one of them does
  std::chrono::steady_clock::time_point started_{};
  std::atomic<std::uint64_t> read_{0}, archived_{0}, verified_{0}, deleted_{0};
};

// A table that is worked as long as this lives.
class ShownTable {
 public:
  ShownTable(Progress& progress, std::string table, bool deletes)
      : progress_(progress), table_(std::move(table)) {
    progress_.BeginTable(table_, deletes);
  }
  ShownTable(const ShownTable&) = delete;
  ShownTable& operator=(const ShownTable&) = delete;
  ~ShownTable() { progress_.EndTable(table_); }
  void SetShare(double share) { progress_.SetShare(table_, share); }

 private:
  Progress& progress_;
  const std::string table_;
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
