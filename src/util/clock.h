// Time as osarchiver uses it. Times of day are UTC seconds; the database's own clock, not this one,
// decides about cutoffs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace osarchiver {

class Clock {
 public:
  using Duration = std::chrono::milliseconds;
  virtual ~Clock() = default;
  // Seconds since 1970, UTC. May jump, backwards too.
  virtual std::int64_t UnixSeconds() = 0;
  // Never jumps; for durations and deadlines.
  virtual std::chrono::steady_clock::time_point Now() = 0;
  virtual void Sleep(Duration duration) = 0;
};

Clock& SystemClock();

// "2026-11-23T02:00:00Z", as the journal, the records and the JSON output write it.
std::string FormatUtc(std::int64_t unix_seconds);
// "20261123T020000Z", as run names begin.
std::string FormatUtcCompact(std::int64_t unix_seconds);
// "2026-11-23", the {date} of a layout.
std::string FormatUtcDate(std::int64_t unix_seconds);
// Reads "2026-11-23T02:00:00Z", "2026-11-23 02:00:00" and "2026-11-23", all as UTC; nothing when it
// is none of them.
std::optional<std::int64_t> ParseUtc(std::string_view text);
// "1 h 02 min", "3 min 20 s", "12 s": for people.
std::string HumanDuration(std::int64_t seconds);
// "330.2 MiB": for people.
std::string HumanBytes(std::uint64_t bytes);
// "1,234,567": for people.
std::string HumanCount(std::uint64_t count);

}  // namespace osarchiver
