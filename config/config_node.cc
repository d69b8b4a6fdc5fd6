#include "config/config_node.h"

#include <algorithm>

namespace osarchiver {

const ConfigEntry* ConfigNode::Find(std::string_view key) const {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const ConfigEntry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

Place PlaceOf(const ConfigNode& root, const std::vector<std::string>& path) {
  const ConfigNode* node = &root;
  Place place;
  for (const std::string& key : path) {
    const ConfigEntry* entry = node->Find(key);
    if (entry == nullptr) return place;
    node = &entry->value;
    // A map begins at its first key, which may be the one that is all right.
    place = node->kind == ConfigNode::Kind::kMap ? entry->place : node->place;
  }
  return place;
}

}  // namespace osarchiver
