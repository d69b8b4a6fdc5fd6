#include "destination/layout.h"

#include <filesystem>

#include "formats/segment.h"
#include "util/error.h"

namespace osarchiver {
namespace {

std::string Replacement(std::string_view name, const LayoutNames& names, std::string_view layout) {
  if (name == "archiver") return EncodeName(names.archiver);
  if (name == "site") return EncodeName(names.site);
  if (name == "source") return EncodeName(names.source);
  if (name == "date") return EncodeName(names.date);
  throw ConfigError(
      "layout '" + std::string(layout) + "': nothing is named {" + std::string(name) + "}",
      "use {archiver}, {site}, {source} and {date}");
}

}  // namespace

std::string ResolveLayout(std::string_view layout, const LayoutNames& names) {
  std::string text;
  for (std::size_t at = 0; at < layout.size();) {
    const std::size_t open = layout.find('{', at);
    text += layout.substr(at, open - at);
    if (open == std::string_view::npos) break;
    const std::size_t close = layout.find('}', open);
    if (close == std::string_view::npos) {
      throw ConfigError("layout '" + std::string(layout) + "': '{' without '}'");
    }
    text += Replacement(layout.substr(open + 1, close - open - 1), names, layout);
    at = close + 1;
  }
  const std::filesystem::path path(text);
  if (path.is_absolute()) {
    throw ConfigError("layout '" + std::string(layout) + "' must be relative to the directory");
  }
  std::filesystem::path relative;
  for (const std::filesystem::path& part : path) {
    if (part.empty()) continue;  // behind a last '/'
    // ".osarchiver" is ours, and ".." would leave the root.
    if (part.native().front() == '.') {
      throw ConfigError("layout '" + std::string(layout) + "': '" + part.string() +
                        "' cannot be a part of it");
    }
    relative /= part;
  }
  return relative.string();
}

}  // namespace osarchiver
