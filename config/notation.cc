// Durations, sizes and shares as people write them. Nothing is guessed: a number without unit is no
// duration, for seconds and hours would both be reasonable, and "12m" is no retention, for it could
// mean months and would mean minutes.
#include <array>
#include <cctype>
#include <charconv>
#include <limits>

#include "config/load.h"

namespace osarchiver {
namespace {

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
// No schema has dates for more, and the database's date arithmetic ends at the year 9999.
constexpr std::int64_t kMaxYears = 1000;

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};

constexpr auto kUnits = std::to_array<Unit>({
    {"ms", 1},
    {"millisecond", 1},
    {"milliseconds", 1},
    {"s", kSecond},
    {"sec", kSecond},
    {"secs", kSecond},
    {"second", kSecond},
    {"seconds", kSecond},
    {"m", kMinute},
    {"min", kMinute},
    {"mins", kMinute},
    {"minute", kMinute},
    {"minutes", kMinute},
    {"h", kHour},
    {"hr", kHour},
    {"hrs", kHour},
    {"hour", kHour},
    {"hours", kHour},
    {"d", kDay},
    {"day", kDay},
    {"days", kDay},
    {"w", 7 * kDay},
    {"week", 7 * kDay},
    {"weeks", 7 * kDay},
});

struct MonthUnit {
  std::string_view name;
  std::int64_t months;
};

constexpr auto kMonthUnits =
    std::to_array<MonthUnit>({{"month", 1}, {"months", 1}, {"y", 12}, {"year", 12}, {"years", 12}});

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

struct Part {
  std::int64_t count;
  std::string unit;  // lower case
};

// Takes "12 months" from the front of `text`, the blanks behind it too.
std::optional<Part> TakePart(std::string_view* text) {
  std::size_t digits = 0;
  while (digits < text->size() && IsDigit((*text)[digits])) ++digits;
  Part part{};
  const auto [end, error] = std::from_chars(text->data(), text->data() + digits, part.count);
  if (error != std::errc() || digits == 0) return {};
  std::string_view rest = Trim(text->substr(digits));
  std::size_t letters = 0;
  while (letters < rest.size() && IsLetter(rest[letters])) ++letters;
  part.unit = Lower(rest.substr(0, letters));
  *text = Trim(rest.substr(letters));
  return part;
}

std::optional<std::int64_t> MillisecondsOf(const Part& part) {
  for (const Unit& unit : kUnits) {
    if (unit.name != part.unit) continue;
    std::int64_t result = 0;
    if (__builtin_mul_overflow(part.count, unit.milliseconds, &result)) return {};
    return result;
  }
  return {};
}

std::optional<std::uint64_t> ByteUnit(std::string unit) {
  constexpr std::string_view kPrefixes = "kmgt";
  if (unit.empty() || unit == "b") return 1;
  const std::size_t power = kPrefixes.find(unit[0]);
  if (power == std::string_view::npos) return {};
  const std::string rest = unit.substr(1);
  if (!rest.empty() && rest != "b" && rest != "ib") return {};
  // "GB" is what disk makers mean by it; "G" and "GiB" are 1024 to the third, as in every tool of
  // the shell.
  const std::uint64_t base = rest == "b" ? 1000 : 1024;
  std::uint64_t size = base;
  for (std::size_t i = 0; i < power; ++i) size *= base;
  return size;
}

}  // namespace

std::optional<Retention> ParseRetention(std::string_view text) {
  Retention retention;
  retention.text = std::string(Trim(text));
  std::string_view rest = retention.text;
  const auto part = TakePart(&rest);
  if (!part || !rest.empty() || part->unit == "m" || part->unit == "ms") return {};
  for (const MonthUnit& unit : kMonthUnits) {
    if (unit.name != part->unit) continue;
    if (part->count > kMaxYears * 12 / unit.months) return {};
    retention.unit = Retention::Unit::kMonths;
    retention.count = part->count * unit.months;
    return retention;
  }
  const auto milliseconds = MillisecondsOf(*part);
  if (!milliseconds || *milliseconds % kSecond != 0 || *milliseconds > kMaxYears * 366 * kDay) {
    return {};
  }
  retention.unit = Retention::Unit::kSeconds;
  retention.count = *milliseconds / kSecond;
  return retention;
}

std::optional<std::int64_t> ParseDurationMilliseconds(std::string_view text) {
  text = Trim(text);
  if (text == "0") return 0;
  if (text.empty()) return {};
  std::int64_t total = 0;
  while (!text.empty()) {
    const auto part = TakePart(&text);
    if (!part) return {};
    const auto milliseconds = MillisecondsOf(*part);
    if (!milliseconds || __builtin_add_overflow(total, *milliseconds, &total)) return {};
  }
  return total;
}

std::optional<std::int64_t> ParseDurationSeconds(std::string_view text) {
  const auto milliseconds = ParseDurationMilliseconds(text);
  if (!milliseconds || *milliseconds % kSecond != 0) return {};
  return *milliseconds / kSecond;
}

std::optional<std::uint64_t> ParseBytes(std::string_view text) {
  text = Trim(text);
  std::uint64_t whole = 0;
  const char* const end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, whole);
  if (error != std::errc()) return {};
  // At most six decimals: one in a million of a TiB still fits the arithmetic below.
  std::uint64_t fraction = 0, scale = 1;
  if (at != end && *at == '.') {
    const char* digit = at + 1;
    for (; digit != end && IsDigit(*digit) && scale < 1000000; ++digit, scale *= 10) {
      fraction = fraction * 10 + static_cast<std::uint64_t>(*digit - '0');
    }
    if (scale == 1) return {};
    at = digit;
  }
  const std::string unit_name =
      Lower(Trim(std::string_view(at, static_cast<std::size_t>(end - at))));
  const auto unit = ByteUnit(unit_name);
  if (!unit || (scale > 1 && *unit == 1)) return {};
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(whole, *unit, &bytes) ||
      __builtin_add_overflow(bytes, fraction * *unit / scale, &bytes)) {
    return {};
  }
  return bytes;
}

std::optional<double> ParseShare(std::string_view text) {
  text = Trim(text);
  const bool percent = text.ends_with('%');
  if (percent) text = Trim(text.substr(0, text.size() - 1));
  if (text.empty() || text.find_first_not_of("0123456789.") != std::string_view::npos) return {};
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (error != std::errc() || at != end) return {};
  if (percent) value /= 100;
  if (value > 1) return {};
  return value;
}

}  // namespace osarchiver
