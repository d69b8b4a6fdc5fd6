#include <algorithm>
#include <cstddef>
#include <utility>

#include "config/settings.h"
#include "util/error.h"

namespace osarchiver {
namespace {

bool IsRegex(std::string_view text) { return text.starts_with('/'); }

// The length of the UTF-8 character that starts at `at`; 1 for what is no UTF-8, so that matching
// goes on by bytes.
std::size_t CharacterSize(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  if (at + size > text.size()) return 1;
  for (std::size_t i = 1; i < size; ++i) {
    if ((static_cast<unsigned char>(text[at + i]) & 0xc0) != 0x80) return 1;
  }
  return size;
}

// Where the class that opens at `open` ends (its ']'), or npos. A ']' directly after "[" or "[!" is
// a member.
std::size_t ClassEnd(std::string_view glob, std::size_t open) {
  std::size_t at = open + 1;
  if (at < glob.size() && (glob[at] == '!' || glob[at] == '^')) ++at;
  return glob.find(']', at + 1);
}

// UTF-8 orders characters as their code points, so that ranges compare as strings.
bool ClassMatches(std::string_view members, std::string_view character) {
  const bool negated = members.starts_with('!') || members.starts_with('^');
  if (negated) members.remove_prefix(1);
  for (std::size_t at = 0; at < members.size();) {
    const std::string_view low = members.substr(at, CharacterSize(members, at));
    at += low.size();
    std::string_view high = low;
    if (at + 1 < members.size() && members[at] == '-') {
      high = members.substr(at + 1, CharacterSize(members, at + 1));
      at += 1 + high.size();
    }
    if (low <= character && character <= high) return !negated;
  }
  return negated;
}

// Matches one element of the glob, which is no '*', against the start of `name`. Returns the sizes
// of both, or zeros.
std::pair<std::size_t, std::size_t> MatchElement(std::string_view glob, std::size_t at,
                                                 std::string_view name, std::size_t name_at) {
  const std::size_t size = CharacterSize(name, name_at);
  if (glob[at] == '?') return {1, size};
  if (glob[at] == '[') {
    const std::size_t end = ClassEnd(glob, at);
    if (!ClassMatches(glob.substr(at + 1, end - at - 1), name.substr(name_at, size))) return {0, 0};
    return {end - at + 1, size};
  }
  return glob[at] == name[name_at] ? std::pair<std::size_t, std::size_t>{1, 1}
                                   : std::pair<std::size_t, std::size_t>{0, 0};
}

// Only the last '*' ever needs to take more, so the time is at most the product of both lengths.
bool GlobMatches(std::string_view glob, std::string_view name) {
  std::size_t at = 0, name_at = 0;
  std::size_t star = std::string_view::npos, star_name = 0;
  while (name_at < name.size()) {
    if (at < glob.size() && glob[at] == '*') {
      star = at++;
      star_name = name_at;
      continue;
    }
    if (at < glob.size()) {
      const auto [taken, name_taken] = MatchElement(glob, at, name, name_at);
      if (taken > 0) {
        at += taken;
        name_at += name_taken;
        continue;
      }
    }
    if (star == std::string_view::npos) return false;
    at = star + 1;
    star_name += CharacterSize(name, star_name);
    name_at = star_name;
  }
  return glob.find_first_not_of('*', at) == std::string_view::npos;
}

void CheckGlob(const std::string& glob) {
  for (std::size_t at = 0; at < glob.size(); ++at) {
    if (glob[at] != '[') continue;
    at = ClassEnd(glob, at);
    if (at == std::string::npos) {
      throw ConfigError("pattern '" + glob + "': '[' without ']'", "a bracket itself is [[]");
    }
  }
}

std::regex CompileRegex(const std::string& text) {
  if (text.size() < 3 || text.back() != '/') {
    throw ConfigError("pattern '" + text + "': a regular expression stands between two slashes");
  }
  try {
    return std::regex(text.substr(1, text.size() - 2), std::regex::ECMAScript);
  } catch (const std::regex_error& error) {
    throw ConfigError("pattern '" + text + "': " + error.what());
  }
}

}  // namespace

Pattern::Pattern(std::string text) : text_(std::move(text)) {
  if (text_.empty()) throw ConfigError("a pattern cannot be empty");
  if (IsRegex(text_)) {
    regex_ = CompileRegex(text_);
  } else {
    CheckGlob(text_);
  }
}

bool Pattern::Matches(std::string_view name) const {
  if (regex_) return std::regex_search(name.begin(), name.end(), *regex_);
  return GlobMatches(text_, name);
}

bool Pattern::IsLiteral() const {
  return !regex_ && text_.find_first_of("*?[") == std::string::npos;
}

const TableSettings& SourceSettings::For(std::string_view database,
                                         std::string_view table_name) const {
  const std::string full = std::string(database) + "." + std::string(table_name);
  const auto found =
      std::find_if(overrides.begin(), overrides.end(), [&](const TableOverride& override) {
        return override.tables.Matches(full) || override.tables.Matches(table_name);
      });
  return found == overrides.end() ? table : found->settings;
}

}  // namespace osarchiver
