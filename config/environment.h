// `${NAME}` in configuration values.
#pragma once

#include <string>
#include <string_view>

namespace osarchiver {

struct Substituted {
  std::string text;
  bool from_environment = false;  // a variable was put in
  bool has_literal = false;       // something else is there too
  std::string problem;            // not empty: the text is of no use
};

// Replaces every `${NAME}` by the environment's value, once: what a variable holds is not looked at
// again. `$${` gives `${`. An unset variable is a problem, one that is set and empty is not.
Substituted SubstituteEnvironment(std::string_view text);

}  // namespace osarchiver
