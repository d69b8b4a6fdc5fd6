#include "config/secrets.h"

#include <sys/stat.h>

#include <fstream>

namespace osarchiver {
namespace {

constexpr unsigned kGroupAndOthers = 077;

std::string Octal(unsigned mode) {
  std::string text = "0";
  for (int shift = 6; shift >= 0; shift -= 3) {
    text += static_cast<char>('0' + ((mode >> shift) & 7));
  }
  return text;
}

// "password = x", in whatever group and with the prefixes that option files allow. An empty one is
// no secret.
bool IsPasswordLine(std::string_view line) {
  constexpr std::string_view kSpace = " \t\r";
  const auto trim = [&](std::string_view text) {
    const std::size_t first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return std::string_view();
    return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
  };
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return false;
  std::string_view name = trim(line.substr(0, equals));
  for (std::string_view prefix : {"loose-", "loose_"}) {
    if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  }
  const std::string_view value = trim(line.substr(equals + 1));
  return name == "password" && !value.empty() && value != "''" && value != "\"\"";
}

bool HoldsPassword(const std::filesystem::path& path) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (IsPasswordLine(line)) return true;
  }
  return false;
}

void CheckOptionFile(const ConfigEntry& entry, const std::filesystem::path& directory,
                     Problems* problems) {
  const std::filesystem::path path = directory / entry.value.text;
  struct stat status;
  if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  if ((status.st_mode & kGroupAndOthers) == 0 || !HoldsPassword(path)) return;
  problems->Add(entry.value.place, "option file " + path.string() +
                                       " holds a password and others can read it (mode " +
                                       Octal(status.st_mode) + "); chmod 600 " + path.string());
}

}  // namespace

void CheckSecrets(const ConfigNode& root, const std::string& file, unsigned mode,
                  const std::filesystem::path& directory, Problems* problems) {
  for (const ConfigNode& item : root.items) CheckSecrets(item, file, mode, directory, problems);
  for (const ConfigEntry& entry : root.entries) {
    if (entry.key == "password" && entry.value.has_literal && (mode & kGroupAndOthers) != 0) {
      problems->Add(entry.value.place, "the file holds a password and others can read it (mode " +
                                           Octal(mode) + "); chmod 600 " + file +
                                           ", or take the password from ${A_VARIABLE}");
    }
    if (entry.key == "option_file" && entry.value.kind == ConfigNode::Kind::kScalar) {
      CheckOptionFile(entry, directory, problems);
    }
    CheckSecrets(entry.value, file, mode, directory, problems);
  }
}

}  // namespace osarchiver
