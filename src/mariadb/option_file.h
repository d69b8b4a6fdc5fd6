// MariaDB option files, read by ourselves: Connector/C takes no notice of a file that is missing or
// readable by everyone, lets the file win over what the caller says about TLS, and cannot tell
// which host it names.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace osarchiver {

// The options of the groups [client], [client-server], [client-mariadb] and [osarchiver] of one
// file and what it includes; the last one wins. Names have '-' for '_' and no "loose-". A prefix
// "skip-" or "disable-" gives the value "0", an option without value gives nothing.
using Options = std::map<std::string, std::optional<std::string>>;

// Throws ConfigError when the file is missing or unreadable, when a file with a password in it is
// readable by group or others, when a line makes no sense, or when [osarchiver] names an option
// that osarchiver does not know.
Options LoadOptionFile(const std::filesystem::path& path);

}  // namespace osarchiver
