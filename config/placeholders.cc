#include "config/placeholders.h"

#include <algorithm>

#include "config/problems.h"

namespace osarchiver {
namespace {

bool LooksLikeName(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == ' ';
  });
}

}  // namespace

std::string PlaceholderProblem(std::string_view text, const std::vector<std::string>& names,
                               Braces braces) {
  const bool strict = braces == Braces::kOnlyPlaceholders;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '}' && strict) return "'}' without '{'";
    if (text[at] != '{') continue;
    const std::size_t close = text.find_first_of("{}", at + 1);
    if (close == std::string_view::npos || text[close] == '{') {
      if (strict) return "'{' without '}'";
      continue;
    }
    const std::string name(text.substr(at + 1, close - at - 1));
    const bool known = std::find(names.begin(), names.end(), name) != names.end();
    if (!known && (strict || LooksLikeName(name))) {
      return "unknown placeholder {" + name + "}" + Suggestion(name, names);
    }
    at = close;
  }
  return {};
}

bool HasPlaceholder(std::string_view text, std::string_view name) {
  return text.find("{" + std::string(name) + "}") != std::string_view::npos;
}

}  // namespace osarchiver
