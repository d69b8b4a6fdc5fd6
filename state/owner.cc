#include "state/owner.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "util/error.h"

namespace osarchiver {
namespace {

std::string UserName(uid_t user) {
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return found->pw_name;
  }
  return fmt::format("uid {}", user);
}

}  // namespace

void CheckOwner(const std::filesystem::path& journal) {
  struct stat status {};
  if (::stat(journal.c_str(), &status) != 0 || status.st_uid == ::geteuid()) return;
  const std::string owner = UserName(status.st_uid);
  throw ConfigError(fmt::format("the journal {} belongs to user {}, and this is user {}",
                                journal.string(), owner, UserName(::geteuid())),
                    "run osarchiver as " + owner);
}

}  // namespace osarchiver
