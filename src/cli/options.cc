#include "cli/options.h"

#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <charconv>
#include <iostream>
#include <sstream>

#include "util/error.h"

namespace osarchiver {
namespace {

namespace po = boost::program_options;

po::options_description Describe(const std::vector<OptionSpec>& specs) {
  po::options_description description("options");
  auto add = description.add_options();
  for (const OptionSpec& spec : specs) {
    switch (spec.kind) {
      case OptionSpec::Kind::kFlag:
        add(spec.name.c_str(), spec.help.c_str());
        break;
      case OptionSpec::Kind::kValue:
        add(spec.name.c_str(), po::value<std::string>()->value_name("VALUE"), spec.help.c_str());
        break;
      case OptionSpec::Kind::kList:
        add(spec.name.c_str(),
            po::value<std::vector<std::string>>()->composing()->value_name("VALUE"),
            spec.help.c_str());
        break;
    }
  }
  add("help,h", "print this and exit");
  return description;
}

}  // namespace

std::string ParsedOptions::Value(const std::string& name, const std::string& otherwise) const {
  const auto it = values_.find(name);
  return it == values_.end() || it->second.empty() ? otherwise : it->second.front();
}

std::vector<std::string> ParsedOptions::List(const std::string& name) const {
  const auto it = values_.find(name);
  return it == values_.end() ? std::vector<std::string>() : it->second;
}

void ParsedOptions::RequireNoPositional(const std::string& hint) const {
  if (!positional_.empty()) throw ConfigError("unexpected '" + positional_.front() + "'", hint);
}

void ParsedOptions::Refuse(const std::vector<std::string>& names, const std::string& why) const {
  for (const std::string& name : names) {
    if (Has(name)) throw ConfigError("--" + name + " " + why);
  }
}

std::optional<ParsedOptions> ParseOptions(const std::string& usage, const std::string& purpose,
                                          const std::vector<OptionSpec>& specs,
                                          const std::vector<std::string>& arguments) {
  const po::options_description visible = Describe(specs);
  po::options_description all;
  all.add(visible);
  all.add_options()("positional", po::value<std::vector<std::string>>());
  po::positional_options_description positional;
  positional.add("positional", -1);
  po::variables_map map;
  try {
    // Abbreviations would make tomorrow's new option change what today's cron line means.
    const int style =
        po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
    po::store(
        po::command_line_parser(arguments).options(all).positional(positional).style(style).run(),
        map);
  } catch (const po::error& error) {
    const std::string what = error.what();
    for (const char* name : {"--config", "--log-file", "--log-level", "--debug"}) {
      if (what.find(std::string("'") + name) == std::string::npos) continue;
      throw ConfigError(what, fmt::format("it stands before the command: osarchiver {} ... {}",
                                          name, usage.substr(0, usage.find(' '))));
    }
    throw ConfigError(what, "usage: osarchiver " + usage);
  }
  if (map.contains("help")) {
    std::ostringstream text;
    text << "usage: osarchiver " << usage << "\n\n" << purpose << "\n\n" << visible;
    std::cout << text.str();
    return std::nullopt;
  }
  ParsedOptions parsed;
  for (const OptionSpec& spec : specs) {
    if (!map.contains(spec.name)) continue;
    auto& values = parsed.values_[spec.name];
    if (spec.kind == OptionSpec::Kind::kValue) values.push_back(map[spec.name].as<std::string>());
    if (spec.kind == OptionSpec::Kind::kList)
      values = map[spec.name].as<std::vector<std::string>>();
  }
  if (map.contains("positional"))
    parsed.positional_ = map["positional"].as<std::vector<std::string>>();
  return parsed;
}

std::uint64_t ParseCount(const std::string& option, const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw ConfigError("--" + option + ": '" + text + "' is no whole number");
  }
  return value;
}

}  // namespace osarchiver
