#include "util/clock.h"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <thread>

namespace osarchiver {
namespace {

class RealClock final : public Clock {
 public:
  std::int64_t UnixSeconds() override { return std::time(nullptr); }
  std::chrono::steady_clock::time_point Now() override { return std::chrono::steady_clock::now(); }
  void Sleep(Duration duration) override { std::this_thread::sleep_for(duration); }
};

std::string Format(std::int64_t unix_seconds, const char* pattern) {
  const std::time_t time = unix_seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::array<char, 64> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), pattern, &parts);
  return {text.data(), length};
}

}  // namespace

Clock& SystemClock() {
  static RealClock clock;
  return clock;
}

std::string FormatUtc(std::int64_t s) { return Format(s, "%Y-%m-%dT%H:%M:%SZ"); }
std::string FormatUtcCompact(std::int64_t s) { return Format(s, "%Y%m%dT%H%M%SZ"); }
std::string FormatUtcDate(std::int64_t s) { return Format(s, "%Y-%m-%d"); }

std::optional<std::int64_t> ParseUtc(std::string_view text) {
  const std::string copy(text);
  for (const char* pattern :
       {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* end = strptime(copy.c_str(), pattern, &parts);
    if (end != nullptr && *end == '\0') return timegm(&parts);
  }
  return std::nullopt;
}

std::string HumanDuration(std::int64_t seconds) {
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {:02} min", seconds / 3600, seconds % 3600 / 60);
}

std::string HumanBytes(std::uint64_t bytes) {
  static constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string HumanCount(std::uint64_t count) {
  std::string text = std::to_string(count);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

}  // namespace osarchiver
