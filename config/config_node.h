// The configuration file as a tree of our own: with the place of every value, with `${NAME}`
// replaced, and with what a YAML library would have decided on its own (which of two equal keys
// wins, whether `no` is a word or a boolean) left open for those who know what is wanted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace osarchiver {

// Both count from 1.
struct Place {
  int line = 1;
  int column = 1;
  bool operator==(const Place&) const = default;
};

struct ConfigEntry;

struct ConfigNode {
  enum class Kind {
    kNull,    // nothing, `~` or an unquoted null
    kScalar,  // any single value: what it means depends on the key
    kList,
    kMap,
    kBroken,  // could not be read; the problem is reported, readers keep quiet
  };
  Kind kind = Kind::kNull;
  Place place;
  std::string text;     // of a scalar, `${NAME}` replaced
  std::string written;  // the same as it stands in the file; messages show this, never what a
                        // variable holds
  bool quoted = false;  // in quotes, or a block scalar
  bool from_environment = false;     // holds a `${NAME}`
  bool has_literal = false;          // holds text that is not from the environment
  std::vector<ConfigNode> items;     // of a list
  std::vector<ConfigEntry> entries;  // of a map, in the order of the file, without duplicates

  // The entry of a map, or nullptr.
  const ConfigEntry* Find(std::string_view key) const;
};

struct ConfigEntry {
  std::string key;
  Place place;
  ConfigNode value;
};

// Where the deepest part of the path lies that exists, for a map its name: {"archivers", "nova",
// "sources"} is the list of sources, or the word "nova" when there is none.
Place PlaceOf(const ConfigNode& root, const std::vector<std::string>& path);

}  // namespace osarchiver
