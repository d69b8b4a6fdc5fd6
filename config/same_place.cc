#include "config/same_place.h"

#include <algorithm>
#include <filesystem>
#include <vector>

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

constexpr std::uint16_t kDefaultPort = 3306;

bool IsLocal(const std::string& host) {
  return host == "localhost" || host == "127.0.0.1" || host == "::1";
}

// What exists of the path with its links resolved: two names of one directory are one place.
fs::path Resolved(const std::string& directory) {
  std::error_code error;
  fs::path path = fs::weakly_canonical(directory, error);
  if (error) path = fs::path(directory).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

bool IsWithin(const fs::path& inner, const fs::path& outer) {
  const auto [in, out] = std::mismatch(inner.begin(), inner.end(), outer.begin(), outer.end());
  return out == outer.end();
}

bool AnyMatches(const std::vector<Pattern>& patterns, const std::string& name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const Pattern& pattern) { return pattern.Matches(name); });
}

bool AnyHasText(const std::vector<Pattern>& patterns, const std::string& text) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const Pattern& pattern) {
    return pattern.IsStar() || pattern.text() == text;
  });
}

// Whether the list surely selects what `wanted` selects (something of it, for a pattern).
bool Selects(const std::vector<Pattern>& patterns, const std::vector<Pattern>& excluded,
             const Pattern& wanted) {
  if (wanted.IsLiteral()) {
    return AnyMatches(patterns, wanted.text()) && !AnyMatches(excluded, wanted.text());
  }
  return AnyHasText(patterns, wanted.text()) && !AnyHasText(excluded, wanted.text());
}

bool SelectInCommon(const std::vector<Pattern>& a, const std::vector<Pattern>& a_excluded,
                    const std::vector<Pattern>& b, const std::vector<Pattern>& b_excluded) {
  const auto selected_by_both = [&](const Pattern& pattern) {
    return Selects(a, a_excluded, pattern) && Selects(b, b_excluded, pattern);
  };
  return std::any_of(a.begin(), a.end(), selected_by_both) ||
         std::any_of(b.begin(), b.end(), selected_by_both);
}

std::string DatabaseNaming(const MariadbDestinationSettings& mariadb) {
  return mariadb.database_name.empty() ? "{database}" + mariadb.database_suffix
                                       : mariadb.database_name;
}

}  // namespace

std::string ServerIdentity(const ServerSettings& server) {
  if (server.hosts.empty()) {
    if (!server.socket.empty()) return "socket " + server.socket;
    if (!server.option_file.empty()) return "file " + server.option_file;
    return "local";
  }
  std::vector<std::string> hosts = server.hosts;
  for (std::string& host : hosts) {
    if (IsLocal(host)) host = "localhost";
  }
  std::sort(hosts.begin(), hosts.end());
  std::string identity = "hosts";
  for (const std::string& host : hosts) identity += " " + host;
  // An option file may still name a port.
  if (server.port == 0 && !server.option_file.empty()) return identity + " " + server.option_file;
  return identity + " " + std::to_string(server.port == 0 ? kDefaultPort : server.port);
}

bool SelectSameTable(const SourceSettings& a, const SourceSettings& b) {
  return ServerIdentity(a.server) == ServerIdentity(b.server) &&
         SelectInCommon(a.databases, a.exclude_databases, b.databases, b.exclude_databases) &&
         SelectInCommon(a.tables, a.exclude_tables, b.tables, b.exclude_tables);
}

std::string CommonPlace(const DestinationSettings& a, const DestinationSettings& b) {
  if (a.backend != b.backend || a.backend.empty()) return {};
  if (a.backend == "file") {
    if (a.file.directory.empty() || b.file.directory.empty()) return {};
    const fs::path mine = Resolved(a.file.directory), other = Resolved(b.file.directory);
    if (mine == other) return "directory " + mine.string();
    // A layout may lead from one into the other, and `verify` of the outer one finds the files of
    // the inner one.
    if (IsWithin(mine, other)) return "a directory inside " + other.string();
    if (IsWithin(other, mine)) return "a directory around " + other.string();
    return {};
  }
  const bool same = ServerIdentity(a.mariadb.server) == ServerIdentity(b.mariadb.server) &&
                    DatabaseNaming(a.mariadb) == DatabaseNaming(b.mariadb) &&
                    a.mariadb.table_suffix == b.mariadb.table_suffix;
  return same ? "databases '" + DatabaseNaming(a.mariadb) + "' of one server" : "";
}

}  // namespace osarchiver
