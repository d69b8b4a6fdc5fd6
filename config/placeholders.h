// `{name}` in `where`, `layout` and `database_name`. Others fill them in; here they are only
// checked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace osarchiver {

enum class Braces {
  kOnlyPlaceholders,  // a brace is always one of a placeholder
  kMayBeText,         // SQL: braces around what cannot be a name are left alone (JSON in a string)
};

// What is wrong with the placeholders of `text`, or "".
std::string PlaceholderProblem(std::string_view text, const std::vector<std::string>& names,
                               Braces braces);

bool HasPlaceholder(std::string_view text, std::string_view name);

}  // namespace osarchiver
