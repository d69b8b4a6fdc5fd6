#include "cli/progress_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <mutex>
#include <string>

#include "util/log.h"

namespace osarchiver {
namespace {

std::mutex mutex;    // guards `shown` and the terminal
bool shown = false;  // a line stands there now

void Clear() {
  const std::lock_guard lock(mutex);
  if (shown) std::fputs("\r\033[K", stderr);
  shown = false;
}

std::size_t TerminalWidth() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

ProgressLine::ProgressLine(const Progress& progress) {
  if (::isatty(STDERR_FILENO) == 0) return;
  SetLogLineHook(Clear);
  ticker_ = std::make_unique<Ticker>(std::chrono::milliseconds(300), [&progress] {
    std::string line = progress.Line();
    const std::size_t width = TerminalWidth();
    if (line.size() >= width) line.resize(width - 1);
    const std::lock_guard lock(mutex);
    std::fprintf(stderr, "\r\033[K%s", line.c_str());
    std::fflush(stderr);
    shown = true;
  });
}

ProgressLine::~ProgressLine() {
  if (!ticker_) return;
  ticker_.reset();
  SetLogLineHook(nullptr);
  Clear();
}

}  // namespace osarchiver
