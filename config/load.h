// Reads the YAML configuration (DESIGN.md section 11) into Settings, and the small notations that
// it uses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace osarchiver {

// Reads and checks the file. Throws ConfigError whose message holds *every* problem found, one per
// line, each as "FILE:LINE:COLUMN: what is wrong; did you mean ...?". `${NAME}` in values is taken
// from the environment; an unset name is a problem. A file that holds a password and that others
// can read is refused.
Settings LoadSettings(const std::string& path);

// "12 months", "90 days", "4h", "12 MONTH", "10s", "1 year"; nothing when it is no duration.
std::optional<Retention> ParseRetention(std::string_view text);
// The same notation without months and years, in seconds: for timeouts and limits.
std::optional<std::int64_t> ParseDurationSeconds(std::string_view text);
// The same, with "250ms" and the like too.
std::optional<std::int64_t> ParseDurationMilliseconds(std::string_view text);
// "16MiB", "1GiB", "1.5 GB", "4096"; in bytes.
std::optional<std::uint64_t> ParseBytes(std::string_view text);
// "5%" or "0.05", as a share between 0 and 1.
std::optional<double> ParseShare(std::string_view text);

// The candidate nearest to `word` (edit distance), or nothing when none is near: for "did you
// mean".
std::optional<std::string> NearestWord(std::string_view word,
                                       const std::vector<std::string>& candidates);

}  // namespace osarchiver
