// One map of the configuration, with the `defaults` that stand behind it, read key by key into
// typed values.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config_node.h"
#include "config/problems.h"
#include "config/settings.h"

namespace osarchiver {

// A word of a list and where it stands.
struct PlacedWord {
  std::string word;
  Place place;
};

// Every reading function leaves `value` alone when the key is not there, and when it is wrong,
// which it reports. What was asked for once is a known key; the rest is for RefuseUnknownKeys().
// The nodes must outlive the section. A value that is null counts as an empty map where a map is
// wanted (all of its keys may be commented out), and as a mistake everywhere else.
class Section {
 public:
  enum class Origin { kNowhere, kHere, kDefaults };
  enum class Empty { kRefused, kAllowed };

  // `name` and `place`: what the map is called, and where to report what is missing in it.
  // `defaults` may be nullptr.
  Section(const std::string& name, const ConfigNode& own, Place place, const ConfigNode* defaults,
          Problems* problems);

  Place place() const { return place_; }
  const ConfigNode* own() const { return own_; }
  const ConfigNode* behind() const { return defaults_; }  // may be nullptr
  const std::vector<std::string>& known_keys() const { return known_keys_; }
  Problems& problems() { return *problems_; }

  // The value of the key, from here or else from the defaults.
  const ConfigNode* Find(std::string_view key);
  Origin OriginOf(std::string_view key) const;
  // Where the key's value is, or the place of the section.
  Place PlaceOfKey(std::string_view key) const;
  // A map inside this one, with the map of the same name in the defaults behind it.
  Section Child(std::string_view key);

  void Text(std::string_view key, std::string* value, Empty empty = Empty::kRefused);
  // A file or directory.
  void Path(std::string_view key, std::string* value);
  // true or false, also yes, no, on and off, unquoted.
  void Flag(std::string_view key, bool* value);
  template <std::unsigned_integral T>
  void Count(std::string_view key, std::uint64_t min, std::uint64_t max, T* value) {
    std::optional<std::uint64_t> number = CountIn(key, min, max);
    if (number) *value = static_cast<T>(*number);
  }
  void Bytes(std::string_view key, std::uint64_t min, std::uint64_t max, std::uint64_t* value);
  void Share(std::string_view key, double* value);
  void RetentionOf(std::string_view key, Retention* value);
  // Between `min` and `max` seconds.
  template <std::integral T>
  void Seconds(std::string_view key, std::int64_t min, std::int64_t max, T* value) {
    std::optional<std::int64_t> seconds = SecondsIn(key, min, max);
    if (seconds) *value = static_cast<T>(*seconds);
  }
  void Milliseconds(std::string_view key, std::int64_t min, std::int64_t max, std::uint32_t* value);
  // One of `words`; returns its index.
  std::optional<std::size_t> Choice(std::string_view key, const std::vector<std::string>& words);
  // A list of single values; one alone counts as a list of one. Nothing when the key is not there
  // or is wrong.
  std::optional<std::vector<PlacedWord>> Words(std::string_view key, Empty empty = Empty::kRefused);
  void Patterns(std::string_view key, std::vector<Pattern>* value, Empty empty = Empty::kRefused);

  // Reports that the key is missing, unless it is there.
  void Require(std::string_view key, const std::string& why = {});
  // Reports the keys of this map (not of the defaults) that nobody asked for. Those in `elsewhere`
  // get `reason` instead of a suggestion.
  void RefuseUnknownKeys(const std::vector<std::string>& elsewhere = {},
                         const std::string& reason = {});

 private:
  // The text of a scalar, or nothing when the key is absent or no scalar.
  const ConfigNode* Scalar(std::string_view key, const std::string& expected);
  std::optional<std::uint64_t> CountIn(std::string_view key, std::uint64_t min, std::uint64_t max);
  std::optional<std::int64_t> SecondsIn(std::string_view key, std::int64_t min, std::int64_t max);
  void Wrong(std::string_view key, const ConfigNode& node, const std::string& expected);

  const ConfigNode* own_;
  Place place_;
  const ConfigNode* defaults_;
  Problems* problems_;
  std::vector<std::string> known_keys_;
};

// What a value is, for messages: "a list", "'abc'".
std::string Describe(const ConfigNode& node);

// Makes a pattern; reports a wrong one and returns nothing.
std::optional<Pattern> MakePattern(const std::string& text, Place place, Problems* problems);

}  // namespace osarchiver
