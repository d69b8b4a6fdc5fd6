#include "config/section.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "config/load.h"
#include "util/error.h"

namespace osarchiver {
namespace {

using Kind = ConfigNode::Kind;

constexpr std::size_t kShownMax = 60;

const ConfigNode& EmptyMap() {
  static const ConfigNode empty = [] {
    ConfigNode node;
    node.kind = Kind::kMap;
    return node;
  }();
  return empty;
}

// A map, or an empty one for what is none: reported where it is neither null nor reported already.
const ConfigNode* AsMap(const ConfigNode& node, const std::string& name, Problems* problems) {
  if (node.kind == Kind::kMap) return &node;
  if (node.kind == Kind::kScalar || node.kind == Kind::kList) {
    problems->Add(node.place, name + " must be a map of settings, not " + Describe(node));
  }
  return &EmptyMap();
}

std::string Quoted(std::string_view key) { return "'" + std::string(key) + "'"; }

bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f;
  });
}

// The words of YAML 1.1, which most tools that write configurations still speak.
std::optional<bool> ParseFlag(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (text == "true" || text == "yes" || text == "on") return true;
  if (text == "false" || text == "no" || text == "off") return false;
  return {};
}

// No sign, no fraction, no octal, no hexadecimal: a leading zero means different numbers to
// different readers.
std::optional<std::uint64_t> ParseWhole(const std::string& text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || at != end || (text.size() > 1 && text[0] == '0')) return {};
  return number;
}

}  // namespace

std::string Describe(const ConfigNode& node) {
  switch (node.kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a map";
    case Kind::kScalar:
    case Kind::kBroken:
      break;
  }
  std::string text = node.written;
  if (text.size() > kShownMax) text = text.substr(0, kShownMax) + "...";
  return "'" + text + "'";
}

std::optional<Pattern> MakePattern(const std::string& text, Place place, Problems* problems) {
  try {
    return Pattern(text);
  } catch (const ConfigError& error) {
    problems->Add(place, error.what() + (error.hint().empty() ? "" : "; " + error.hint()));
    return {};
  }
}

Section::Section(const std::string& name, const ConfigNode& own, Place place,
                 const ConfigNode* defaults, Problems* problems)
    : own_(AsMap(own, name, problems)),
      place_(place),
      // Reported where the defaults are read for themselves.
      defaults_(defaults != nullptr && defaults->kind == Kind::kMap ? defaults : nullptr),
      problems_(problems) {}

const ConfigNode* Section::Find(std::string_view key) {
  if (std::find(known_keys_.begin(), known_keys_.end(), key) == known_keys_.end()) {
    known_keys_.emplace_back(key);
  }
  if (const ConfigEntry* entry = own_->Find(key)) return &entry->value;
  if (defaults_ == nullptr) return nullptr;
  const ConfigEntry* entry = defaults_->Find(key);
  return entry == nullptr ? nullptr : &entry->value;
}

Section::Origin Section::OriginOf(std::string_view key) const {
  if (own_->Find(key) != nullptr) return Origin::kHere;
  if (defaults_ != nullptr && defaults_->Find(key) != nullptr) return Origin::kDefaults;
  return Origin::kNowhere;
}

Place Section::PlaceOfKey(std::string_view key) const {
  const ConfigEntry* entry = own_->Find(key);
  if (entry == nullptr && defaults_ != nullptr) entry = defaults_->Find(key);
  return entry == nullptr ? place_ : entry->value.place;
}

Section Section::Child(std::string_view key) {
  (void)Find(key);
  const ConfigEntry* own = own_->Find(key);
  const ConfigEntry* behind = defaults_ == nullptr ? nullptr : defaults_->Find(key);
  return Section(Quoted(key), own == nullptr ? EmptyMap() : own->value,
                 own == nullptr ? place_ : own->place, behind == nullptr ? nullptr : &behind->value,
                 problems_);
}

void Section::Wrong(std::string_view key, const ConfigNode& node, const std::string& expected) {
  // Never what was meant as a password, whatever its type.
  const std::string found = key == "password" ? "" : ", not " + Describe(node);
  problems_->Add(node.place, Quoted(key) + " must be " + expected + found);
}

const ConfigNode* Section::Scalar(std::string_view key, const std::string& expected) {
  const ConfigNode* node = Find(key);
  if (node == nullptr || node->kind == Kind::kBroken) return nullptr;
  if (node->kind == Kind::kScalar) return node;
  if (node->kind == Kind::kNull) {
    problems_->Add(node->place, Quoted(key) + " has no value; it must be " + expected);
  } else {
    Wrong(key, *node, expected);
  }
  return nullptr;
}

void Section::Text(std::string_view key, std::string* value, Empty empty) {
  const ConfigNode* node = Scalar(key, "a text");
  if (node == nullptr) return;
  // Words such as `no` and numbers are taken as they are written; nobody means these two by a text.
  if (!node->quoted && (node->text == "true" || node->text == "false")) {
    Wrong(key, *node, "a text (in quotes, if this is meant)");
  } else if (HasControlCharacter(node->text)) {
    problems_->Add(node->place, Quoted(key) + " holds control characters");
  } else if (node->text.empty() && empty == Empty::kRefused) {
    problems_->Add(node->place, Quoted(key) + " cannot be empty");
  } else {
    *value = node->text;
  }
}

void Section::Path(std::string_view key, std::string* value) {
  std::string path;
  Text(key, &path);
  if (path.empty()) return;
  if (path[0] == '~') {
    problems_->Add(PlaceOfKey(key), Quoted(key) + ": '~' is not expanded; write the whole path");
    return;
  }
  *value = std::move(path);
}

void Section::Flag(std::string_view key, bool* value) {
  const ConfigNode* node = Scalar(key, "true or false");
  if (node == nullptr) return;
  const auto flag = ParseFlag(node->text);
  if (!flag) {
    Wrong(key, *node, "true or false");
  } else if (node->quoted && !node->from_environment) {
    Wrong(key, *node, "true or false without quotes");
  } else {
    *value = *flag;
  }
}

std::optional<std::uint64_t> Section::CountIn(std::string_view key, std::uint64_t min,
                                              std::uint64_t max) {
  const std::string expected =
      "a whole number from " + std::to_string(min) + " to " + std::to_string(max);
  const ConfigNode* node = Scalar(key, expected);
  if (node == nullptr) return {};
  const auto number = ParseWhole(node->text);
  if (number && *number >= min && *number <= max) return number;
  Wrong(key, *node, expected);
  return {};
}

void Section::Bytes(std::string_view key, std::uint64_t min, std::uint64_t max,
                    std::uint64_t* value) {
  const ConfigNode* node = Scalar(key, "a size such as 16MiB");
  if (node == nullptr) return;
  const auto bytes = ParseBytes(node->text);
  if (!bytes) {
    Wrong(key, *node, "a size such as 16MiB");
  } else if (*bytes < min || *bytes > max) {
    Wrong(key, *node, "from " + std::to_string(min) + " to " + std::to_string(max) + " bytes");
  } else {
    *value = *bytes;
  }
}

void Section::Share(std::string_view key, double* value) {
  const ConfigNode* node = Scalar(key, "a share such as 5% or 0.05");
  if (node == nullptr) return;
  const auto share = ParseShare(node->text);
  if (share) {
    *value = *share;
  } else {
    Wrong(key, *node, "a share such as 5% or 0.05");
  }
}

void Section::RetentionOf(std::string_view key, Retention* value) {
  const std::string expected = "a duration such as '12 months' or '90 days'";
  const ConfigNode* node = Scalar(key, expected);
  if (node == nullptr) return;
  auto retention = ParseRetention(node->text);
  if (retention) {
    *value = std::move(*retention);
  } else {
    Wrong(key, *node, expected);
  }
}

std::optional<std::int64_t> Section::SecondsIn(std::string_view key, std::int64_t min,
                                               std::int64_t max) {
  const std::string expected = "a duration with its unit, such as 10s or 4h";
  const ConfigNode* node = Scalar(key, expected);
  if (node == nullptr) return {};
  const auto seconds = ParseDurationSeconds(node->text);
  if (!seconds) {
    Wrong(key, *node, expected);
    return {};
  }
  if (*seconds >= min && *seconds <= max) return seconds;
  Wrong(key, *node, "from " + std::to_string(min) + "s to " + std::to_string(max) + "s");
  return {};
}

void Section::Milliseconds(std::string_view key, std::int64_t min, std::int64_t max,
                           std::uint32_t* value) {
  const std::string expected = "a duration with its unit, such as 250ms";
  const ConfigNode* node = Scalar(key, expected);
  if (node == nullptr) return;
  const auto milliseconds = ParseDurationMilliseconds(node->text);
  if (!milliseconds) {
    Wrong(key, *node, expected);
  } else if (*milliseconds < min || *milliseconds > max) {
    Wrong(key, *node, "from " + std::to_string(min) + "ms to " + std::to_string(max) + "ms");
  } else {
    *value = static_cast<std::uint32_t>(*milliseconds);
  }
}

std::optional<std::size_t> Section::Choice(std::string_view key,
                                           const std::vector<std::string>& words) {
  const ConfigNode* node = Scalar(key, "one word");
  if (node == nullptr) return {};
  const auto found = std::find(words.begin(), words.end(), node->text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  problems_->Add(node->place, "unknown " + std::string(key) + " " + Describe(*node) +
                                  Suggestion(node->text, words));
  return {};
}

std::optional<std::vector<PlacedWord>> Section::Words(std::string_view key, Empty empty) {
  const ConfigNode* node = Find(key);
  if (node == nullptr || node->kind == Kind::kBroken) return {};
  if (node->kind == Kind::kNull || node->kind == Kind::kMap) {
    Wrong(key, *node, empty == Empty::kAllowed ? "a list (an empty one is [])" : "a list");
    return {};
  }
  if (node->kind == Kind::kList && node->items.empty() && empty == Empty::kRefused) {
    problems_->Add(node->place, Quoted(key) + " cannot be an empty list");
    return {};
  }
  std::vector<PlacedWord> words;
  const std::size_t count = node->kind == Kind::kScalar ? 1 : node->items.size();
  for (std::size_t i = 0; i < count; ++i) {
    const ConfigNode& item = node->kind == Kind::kScalar ? *node : node->items[i];
    const bool good =
        item.kind == Kind::kScalar && !item.text.empty() && !HasControlCharacter(item.text);
    if (good) {
      words.push_back({item.text, item.place});
      continue;
    }
    if (item.kind == Kind::kBroken) continue;
    problems_->Add(item.place,
                   "an entry of " + Quoted(key) + " must be a word, not " +
                       (item.kind == Kind::kNull ? "nothing (a name such as null goes in quotes)"
                                                 : Describe(item)));
  }
  return words;
}

void Section::Patterns(std::string_view key, std::vector<Pattern>* value, Empty empty) {
  const auto words = Words(key, empty);
  if (!words) return;
  value->clear();
  for (const PlacedWord& word : *words) {
    if (auto pattern = MakePattern(word.word, word.place, problems_)) {
      value->push_back(std::move(*pattern));
    }
  }
}

void Section::Require(std::string_view key, const std::string& why) {
  if (OriginOf(key) != Origin::kNowhere) return;
  problems_->Add(place_, Quoted(key) + " is missing" + (why.empty() ? "" : ": " + why));
}

void Section::RefuseUnknownKeys(const std::vector<std::string>& elsewhere,
                                const std::string& reason) {
  const auto contains = [](const std::vector<std::string>& list, const std::string& key) {
    return std::find(list.begin(), list.end(), key) != list.end();
  };
  for (const ConfigEntry& entry : own_->entries) {
    if (contains(known_keys_, entry.key)) continue;
    if (contains(elsewhere, entry.key)) {
      problems_->Add(entry.place, Quoted(entry.key) + " " + reason);
      continue;
    }
    const auto near = NearestWord(entry.key, known_keys_);
    problems_->Add(entry.place, "unknown key " + Quoted(entry.key) +
                                    (near ? "; did you mean " + Quoted(*near) + "?" : ""));
  }
}

}  // namespace osarchiver
