// A thin layer over Boost.Program_options: one description per command, errors as ConfigError,
// --help printed. Boost stays in options.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace osarchiver {

struct OptionSpec {
  enum class Kind { kFlag, kValue, kList };
  std::string name;  // without dashes
  Kind kind = Kind::kFlag;
  std::string help;
};

class ParsedOptions {
 public:
  bool Has(const std::string& name) const { return values_.contains(name); }
  // The value, or `otherwise`.
  std::string Value(const std::string& name, const std::string& otherwise = {}) const;
  std::vector<std::string> List(const std::string& name) const;
  const std::vector<std::string>& positional() const { return positional_; }
  // For commands that take options only: a word too many is never ignored. Throws ConfigError.
  void RequireNoPositional(const std::string& hint) const;
  // Throws ConfigError when one of `names` was given: "--NAME goes with/without ...".
  void Refuse(const std::vector<std::string>& names, const std::string& why) const;

 private:
  friend std::optional<ParsedOptions> ParseOptions(const std::string&, const std::string&,
                                                   const std::vector<OptionSpec>&,
                                                   const std::vector<std::string>&);
  std::map<std::string, std::vector<std::string>> values_;
  std::vector<std::string> positional_;
};

// Nothing when --help was asked for and printed. Throws ConfigError for unknown options and missing
// values. `usage` is the line behind "usage: osarchiver ".
std::optional<ParsedOptions> ParseOptions(const std::string& usage, const std::string& purpose,
                                          const std::vector<OptionSpec>& specs,
                                          const std::vector<std::string>& arguments);

// A whole number option; throws ConfigError naming the option.
std::uint64_t ParseCount(const std::string& option, const std::string& text);

}  // namespace osarchiver
