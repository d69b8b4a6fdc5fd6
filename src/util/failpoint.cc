#include "util/failpoint.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>

#include "util/error.h"

namespace osarchiver {
namespace internal {

std::atomic<bool> failpoints_on{false};

}  // namespace internal

namespace {

// Not system(): while its command runs, it takes SIGINT from the whole process.
bool RunsWell(std::string command) {
  std::string shell = "sh", option = "-c";
  std::array<char*, 4> arguments = {shell.data(), option.data(), command.data(), nullptr};
  pid_t child = 0;
  if (::posix_spawn(&child, "/bin/sh", nullptr, nullptr, arguments.data(), environ) != 0)
    return false;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return false;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Stands for every failpoint that is not named itself.
constexpr std::string_view kAll = "all";

struct Action {
  std::string mode;
  std::uint64_t only_at = 0;  // 0: every time
  std::uint64_t reached = 0;
};

std::mutex mutex;  // guards `actions`
std::map<std::string, Action, std::less<>> actions;

bool IsKnownMode(std::string_view mode) {
  return mode == "kill" || mode == "throw" || mode == "io-error" || mode == "hang" ||
         mode == "pause" || mode == "note" || mode.starts_with("run:");
}

// In one write, so that whoever waits for it reads whole lines.
void Say(std::string_view name, std::string_view what) {
  std::string line = "failpoint ";
  line.append(name).append(what).append("\n");
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

void Add(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  bool known = name == kAll;
  for (std::string_view candidate : kFailpoints) known = known || candidate == name;
  if (!known || equals == std::string_view::npos) {
    throw ConfigError("OSARCHIVER_FAILPOINTS: no failpoint named '" + std::string(name) + "'");
  }
  Action action;
  action.mode = text.substr(equals + 1);
  const std::size_t at = action.mode.rfind('@');
  if (at != std::string::npos) {
    action.only_at = std::strtoull(action.mode.c_str() + at + 1, nullptr, 10);
    action.mode.resize(at);
  }
  if (!IsKnownMode(action.mode)) {
    throw ConfigError("OSARCHIVER_FAILPOINTS: no mode named '" + action.mode + "'");
  }
  actions[std::string(name)] = action;
}

void Act(std::string_view name, const std::string& mode) {
  if (mode == "kill") {
    (void)::raise(SIGKILL);
  } else if (mode == "hang") {
    Say(name, " hangs");
    std::this_thread::sleep_for(std::chrono::hours(1));
  } else if (mode == "pause") {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  } else if (mode == "note") {
    Say(name, "");
  } else if (mode == "io-error") {
    throw IoError(EIO, "failpoint " + std::string(name));
  } else if (mode == "throw") {
    throw Error("failpoint " + std::string(name));
  } else {
    const std::string command = mode.substr(4);
    if (!RunsWell(command)) throw Error("failpoint command failed: " + command);
  }
}

}  // namespace

namespace internal {

void ReachFailpoint(std::string_view name) {
  std::string mode;
  {
    const std::lock_guard lock(mutex);
    auto it = actions.find(name);
    if (it == actions.end()) it = actions.find(kAll);
    if (it == actions.end()) return;
    Action& action = it->second;
    ++action.reached;
    if (action.only_at != 0 && action.reached != action.only_at) return;
    mode = action.mode;
  }
  Act(name, mode);
}

}  // namespace internal

void LoadFailpoints() {
  const char* text = std::getenv("OSARCHIVER_FAILPOINTS");
  if (text == nullptr || *text == '\0') return;
  std::string_view rest(text);
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    Add(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  internal::failpoints_on.store(true);
}

}  // namespace osarchiver
