#include "engine/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "util/log.h"

namespace osarchiver {

void Progress::BeginTable(const std::string& table, bool deletes) {
  const std::lock_guard lock(mutex_);
  if (tables_.empty()) {
    deletes_ = false;
    started_ = clock_.Now();
    read_ = archived_ = verified_ = deleted_ = 0;
  }
  deletes_ = deletes_ || deletes;
  tables_.push_back({table});
}

void Progress::EndTable(const std::string& table) {
  const std::lock_guard lock(mutex_);
  std::erase_if(tables_, [&](const TableShare& entry) { return entry.table == table; });
}

void Progress::SetShare(const std::string& table, double share) {
  const std::lock_guard lock(mutex_);
  for (TableShare& entry : tables_) {
    if (entry.table == table) entry.share = share;
  }
}

void Progress::SetWaiting(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  waiting_ = reason;
}

std::string Progress::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

std::string Progress::Line() const {
  const std::lock_guard lock(mutex_);
  if (tables_.empty()) return {};
  const double seconds = std::chrono::duration<double>(clock_.Now() - started_).count();
  const std::uint64_t rows = deletes_ ? deleted_.load() : verified_.load();
  const bool alone = tables_.size() == 1;
  std::string line;
  // First, because what does not fit into the terminal is cut off at the end.
  if (!waiting_.empty()) line = "waiting: " + waiting_ + "  ";
  bool first = true;
  for (const TableShare& entry : tables_) {
    line += (std::exchange(first, false) ? "" : ", ") + entry.table;
    if (!alone && entry.share > 0) line += fmt::format(" {:.0f} %", entry.share * 100);
  }
  line += fmt::format("  {} rows {}", HumanCount(rows), deletes_ ? "deleted" : "archived");
  if (seconds > 1)
    line += fmt::format(
        "  {} rows/s", HumanCount(static_cast<std::uint64_t>(static_cast<double>(rows) / seconds)));
  // The reader is ahead: of what it has been through, so much is done.
  const std::uint64_t read = std::max(read_.load(), rows);
  const double done = read == 0 ? 1 : static_cast<double>(rows) / static_cast<double>(read);
  const double share = alone ? tables_.front().share * done : 0;
  if (share > 0) line += fmt::format("  {:.0f} %", share * 100);
  if (share > 0.01 && share < 1 && seconds > 2) {
    line += "  about " + HumanDuration(static_cast<std::int64_t>(seconds / share * (1 - share))) +
            " left";
  }
  return line;
}

Ticker::Ticker(std::chrono::milliseconds interval, std::function<void()> tick)
    : thread_([this, interval, tick = std::move(tick)] {
        std::unique_lock lock(mutex_);
        while (!wake_.wait_for(lock, interval, [this] { return stop_; })) {
          lock.unlock();
          try {
            tick();
          } catch (const std::exception& error) {
            LogWarning(std::string("progress is not shown any more: ") + error.what());
            return;
          }
          lock.lock();
        }
      }) {}

Ticker::~Ticker() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

}  // namespace osarchiver
