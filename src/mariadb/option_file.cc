#include "mariadb/option_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

#include "util/error.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

constexpr int kIncludeDepthMax = 10;

constexpr std::array<std::string_view, 4> kGroups = {"client", "client-server", "client-mariadb",
                                                     "osarchiver"};

constexpr std::array<std::string_view, 18> kKnownOptions = {"host",
                                                            "port",
                                                            "socket",
                                                            "user",
                                                            "password",
                                                            "database",
                                                            "protocol",
                                                            "connect-timeout",
                                                            "ssl",
                                                            "ssl-ca",
                                                            "ssl-capath",
                                                            "ssl-cert",
                                                            "ssl-key",
                                                            "ssl-cipher",
                                                            "ssl-crl",
                                                            "ssl-crlpath",
                                                            "ssl-verify-server-cert",
                                                            "tls-version"};

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

struct Reader {
  Options options;

  void Read(const fs::path& path, int depth);
  void ReadDirectory(const fs::path& path, int depth);
  // Returns whether the line gave a password.
  bool ReadOption(std::string_view line, bool own_group, const std::string& place);
};

// The value as the mariadb client reads it: quotes taken off, escapes resolved, a comment behind
// white space cut.
std::string ParseValue(std::string_view text, const std::string& place) {
  std::string value;
  char quote = '\0';
  std::size_t i = 0;
  if (!text.empty() && (text[0] == '\'' || text[0] == '"')) quote = text[i++];
  bool closed = quote == '\0';
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != '\0' && c == quote) {
      closed = true;
      const std::string_view rest = Trim(text.substr(i + 1));
      if (!rest.empty() && rest[0] != '#') {
        throw ConfigError(place + ": text behind the closing quote");
      }
      break;
    }
    if (quote == '\0' && c == '#') {
      if (i > 0 && (text[i - 1] == ' ' || text[i - 1] == '\t')) break;
      // The client program takes this for a comment, other programs for part of the value.
      throw ConfigError(place + ": '#' inside a value", "put the value in quotes");
    }
    if (c == '\\' && i + 1 < text.size()) {
      constexpr std::string_view kFrom = "ntrbs\"'\\", kTo = "\n\t\r\b \"'\\";
      const std::size_t escape = kFrom.find(text[i + 1]);
      if (escape == std::string_view::npos) {
        value += c;
      } else {
        value += kTo[escape];
        ++i;
      }
      continue;
    }
    value += c;
  }
  if (!closed) throw ConfigError(place + ": the quote is not closed");
  return quote != '\0' ? value : std::string(Trim(value));
}

bool Reader::ReadOption(std::string_view line, bool own_group, const std::string& place) {
  const std::size_t equals = line.find('=');
  std::string name(Trim(line.substr(0, equals)));
  std::replace(name.begin(), name.end(), '_', '-');
  const bool loose = name.starts_with("loose-");
  if (loose) name.erase(0, 6);
  std::optional<std::string> value;
  if (equals != std::string_view::npos) value = ParseValue(Trim(line.substr(equals + 1)), place);
  const bool known =
      std::find(kKnownOptions.begin(), kKnownOptions.end(), name) != kKnownOptions.end();
  if (!known) {
    for (std::string_view prefix : {"skip-", "disable-", "enable-"}) {
      if (name.starts_with(prefix)) {
        name.erase(0, prefix.size());
        value = prefix == "enable-" ? "1" : "0";
        break;
      }
    }
  }
  if (std::find(kKnownOptions.begin(), kKnownOptions.end(), name) == kKnownOptions.end()) {
    // The other groups belong to all clients and hold options of theirs.
    if (own_group && !loose) throw ConfigError(place + ": unknown option '" + name + "'");
    return false;
  }
  options[name] = value;
  return name == "password" && value.has_value() && !value->empty();
}

void Reader::ReadDirectory(const fs::path& path, int depth) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".cnf") files.push_back(entry->path());
  }
  if (error) throw ConfigError(path.string() + ": " + error.message());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) Read(file, depth);
}

void Reader::Read(const fs::path& path, int depth) {
  if (depth > kIncludeDepthMax) throw ConfigError(path.string() + ": too many nested includes");
  struct stat status;
  if (stat(path.c_str(), &status) != 0) {
    throw ConfigError("option file " + path.string() + ": " + std::strerror(errno));
  }
  std::ifstream file(path);
  if (!file || S_ISDIR(status.st_mode)) {
    throw ConfigError("option file " + path.string() + " cannot be read",
                      "the user who runs osarchiver needs to read it");
  }
  std::string group;
  int number = 0;
  for (std::string raw; std::getline(file, raw);) {
    const std::string place = path.string() + ":" + std::to_string(++number);
    const std::string_view line = Trim(raw);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '!') {
      std::istringstream words{std::string(line)};
      std::string directive, target;
      words >> directive >> std::ws;
      std::getline(words, target);
      const fs::path included =
          fs::path(target).is_absolute() ? fs::path(target) : path.parent_path() / target;
      if (directive == "!include") {
        Read(included, depth + 1);
      } else if (directive == "!includedir") {
        ReadDirectory(included, depth + 1);
      } else {
        throw ConfigError(place + ": unknown directive " + directive);
      }
      continue;
    }
    if (line[0] == '[') {
      const std::size_t end = line.find(']');
      if (end == std::string_view::npos) throw ConfigError(place + ": the group has no ']'");
      group = Trim(line.substr(1, end - 1));
      continue;
    }
    if (group.empty()) throw ConfigError(place + ": an option outside of any group");
    if (std::find(kGroups.begin(), kGroups.end(), group) == kGroups.end()) continue;
    if (ReadOption(line, group == "osarchiver", place) && (status.st_mode & 077) != 0) {
      throw ConfigError("option file " + path.string() + " holds a password and others can read it",
                        "chmod 600 " + path.string());
    }
  }
}

}  // namespace

Options LoadOptionFile(const fs::path& path) {
  Reader reader;
  reader.Read(path, 0);
  return std::move(reader.options);
}

}  // namespace osarchiver
