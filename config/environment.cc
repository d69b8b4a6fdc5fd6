#include "config/environment.h"

#include <cstdlib>

namespace osarchiver {
namespace {

bool IsName(std::string_view text) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
  constexpr std::string_view kMore =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
  return !text.empty() && kLetters.find(text[0]) != std::string_view::npos &&
         text.find_first_not_of(kMore) == std::string_view::npos;
}

}  // namespace

Substituted SubstituteEnvironment(std::string_view text) {
  Substituted result;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("$${")) {
      result.text += "${";
      result.has_literal = true;
      at += 3;
      continue;
    }
    if (!rest.starts_with("${")) {
      result.text += text[at++];
      result.has_literal = true;
      continue;
    }
    const std::size_t close = rest.find('}');
    if (close == std::string_view::npos) {
      result.problem = "'${' without '}'; the two characters themselves are written $${";
      return result;
    }
    const std::string name(rest.substr(2, close - 2));
    if (!IsName(name)) {
      // What stands there may be a part of a password; it is not shown.
      result.problem =
          "no name of an environment variable stands between '${' and '}'; the two characters "
          "themselves are written $${";
      return result;
    }
    const char* const value = std::getenv(name.c_str());
    if (value == nullptr) {
      result.problem = "environment variable " + name + " is not set";
      return result;
    }
    result.text += value;
    result.from_environment = true;
    at += close + 1;
  }
  return result;
}

}  // namespace osarchiver
