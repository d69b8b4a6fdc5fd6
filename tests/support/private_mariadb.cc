#include "private_mariadb.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }

 private:
  int number_;
};

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The path of a program, "" when it is not installed.
std::string FindProgram(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream directories(std::string(path != nullptr ? path : "") +
                                 ":/usr/sbin:/usr/local/sbin");
  for (std::string directory; std::getline(directories, directory, ':');) {
    const std::string candidate = directory + "/" + name;
    if (!directory.empty() && access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

std::string NeedProgram(const std::string& name) {
  std::string path = FindProgram(name);
  if (path.empty()) {
    throw std::runtime_error(name + " is not installed (tools/install-dependencies does it)");
  }
  return path;
}

// Starts a program with its standard streams in files. Only async-signal-safe calls stand between
// fork and exec, because tests have threads.
pid_t Spawn(const std::vector<std::string>& command, const fs::path& input, const fs::path& output,
            const fs::path& error, const fs::path& directory) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const Descriptor in(open(input.c_str(), O_RDONLY | O_CLOEXEC));
  const Descriptor out(open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const Descriptor err(open(error.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (in.get() < 0 || out.get() < 0 || err.get() < 0) {
    throw std::runtime_error("cannot open the streams of " + command[0] + ": " +
                             std::strerror(errno));
  }
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
  if (child > 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have died before the line above took effect.
  if (getppid() != parent || chdir(directory.c_str()) != 0) _exit(126);
  dup2(in.get(), STDIN_FILENO);
  dup2(out.get(), STDOUT_FILENO);
  dup2(err.get(), STDERR_FILENO);
  execv(arguments[0], arguments.data());
  _exit(127);
}

int WaitFor(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct Output {
  int exit_code;
  std::string out, err;
};

Output RunProgram(const std::vector<std::string>& command, const std::string& input,
                  const fs::path& directory) {
  static std::atomic<int> number = 0;
  const fs::path base =
      directory / ("run-" + std::to_string(getpid()) + "-" + std::to_string(++number));
  const fs::path in = base.string() + ".in", out = base.string() + ".out",
                 err = base.string() + ".err";
  std::ofstream(in, std::ios::binary) << input;
  Output result;
  result.exit_code = WaitFor(Spawn(command, in, out, err, directory));
  result.out = ReadFile(out);
  result.err = ReadFile(err);
  for (const fs::path& path : {in, out, err}) fs::remove(path);
  return result;
}

std::vector<std::string> UserOption() {
  // mariadbd refuses to run as root unless told so; another user could not enter root's directory.
  if (geteuid() != 0) return {};
  const passwd* entry = getpwuid(geteuid());
  return {std::string("--user=") + (entry != nullptr ? entry->pw_name : "root")};
}

fs::path CacheDirectory() {
  const fs::path path =
      fs::temp_directory_path() / ("osarchiver-mariadb-" + std::to_string(geteuid()));
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    throw std::runtime_error(path.string() + ": " + std::strerror(errno));
  }
  struct stat found;
  // Anyone may create names in /tmp; a directory of somebody else's would hand them our server.
  if (lstat(path.c_str(), &found) != 0 || !S_ISDIR(found.st_mode) || found.st_uid != geteuid()) {
    throw std::runtime_error(path.string() + " belongs to somebody else");
  }
  return path;
}

// A data directory with the system tables; installed by the first caller, copied by everyone.
fs::path TemplateDirectory() {
  const fs::path cache = CacheDirectory();
  const std::string text =
      RunProgram({NeedProgram("mariadbd"), "--no-defaults", "--version"}, "", cache).out;
  std::smatch version;
  if (!std::regex_search(text, version, std::regex("Ver ([0-9.]+)"))) {
    throw std::runtime_error("mariadbd --version says: " + text);
  }
  const fs::path path = cache / ("template-" + version[1].str());
  const Descriptor lock(open((cache / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.get() < 0 || flock(lock.get(), LOCK_EX) != 0) {
    throw std::runtime_error("cannot lock " + cache.string() + ": " + std::strerror(errno));
  }
  if (fs::is_directory(path)) return path;
  std::string fresh = (cache / "install-XXXXXX").string();
  if (mkdtemp(fresh.data()) == nullptr) throw std::runtime_error("mkdtemp " + fresh);
  std::vector<std::string> command = {NeedProgram("mariadb-install-db"), "--no-defaults"};
  for (const std::string& option : UserOption()) command.push_back(option);
  // --force: the name of a container need not resolve.
  for (const char* option :
       {"--skip-test-db", "--skip-name-resolve", "--force",
        "--auth-root-authentication-method=normal", "--innodb-log-file-size=4M",
        "--innodb-flush-method=nosync", "--innodb-doublewrite=0"}) {
    command.push_back(option);
  }
  command.push_back("--datadir=" + fresh);
  const Output installed = RunProgram(command, "", cache);
  if (installed.exit_code != 0) {
    fs::remove_all(fresh);
    throw std::runtime_error("mariadb-install-db failed:\n" + installed.out + installed.err);
  }
  fs::rename(fresh, path);
  return path;
}

// A TCP port on 127.0.0.1 that nobody listens on now, below the range that outgoing connections
// take.
std::uint16_t FreePort() {
  static int next = 12000 + getpid() % 10000;
  for (; next < 32000; ++next) {
    const Descriptor probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(next));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
      return static_cast<std::uint16_t>(next++);
    }
  }
  throw std::runtime_error("no free TCP port");
}

// True once the server greets: it does so only when it is ready, while the socket file and its
// queue exist before.
bool Greets(const std::string& path) {
  const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return false;
  }
  pollfd waiting{probe.get(), POLLIN, 0};
  unsigned char greeting[5];
  return poll(&waiting, 1, 1000) == 1 &&
         recv(probe.get(), greeting, sizeof(greeting), MSG_WAITALL) == 5 && greeting[4] == 10;
}

}  // namespace

PrivateMariadb::PrivateMariadb() : PrivateMariadb(Options{}) {}

PrivateMariadb::PrivateMariadb(Options options) : options_(std::move(options)) {
  // The path of a socket has 107 bytes at most, so the directory lies at the top.
  std::string made = (fs::temp_directory_path() / "osa-db-XXXXXX").string();
  if (made.size() > 90) made = "/tmp/osa-db-XXXXXX";
  if (mkdtemp(made.data()) == nullptr) throw std::runtime_error("mkdtemp " + made);
  directory_ = made;
  socket_ = (directory_ / "mysql.sock").string();
  if (!options_.start) return;
  try {
    Start();
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
    throw;
  }
}

PrivateMariadb::~PrivateMariadb() {
  // The data goes with the server: a clean shutdown would only take time.
  if (pid_ > 0) End(SIGKILL);
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

bool PrivateMariadb::Available() {
  return !FindProgram("mariadbd").empty() && !FindProgram("mariadb-install-db").empty() &&
         !FindProgram("mariadb").empty();
}

std::vector<std::string> PrivateMariadb::Command() const {
  const std::string base = directory_.string();
  std::vector<std::string> command = {NeedProgram("mariadbd"), "--no-defaults"};
  const auto add = [&command](const std::vector<std::string>& options) {
    command.insert(command.end(), options.begin(), options.end());
  };
  add(UserOption());
  add({"--datadir=" + base + "/data", "--socket=" + socket_, "--pid-file=" + base + "/mariadbd.pid",
       "--log-error=" + base + "/error.log", "--tmpdir=" + base, "--skip-name-resolve",
       "--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci",
       "--innodb-buffer-pool-size=64M", "--key-buffer-size=1M", "--aria-pagecache-buffer-size=8M",
       "--innodb-log-file-size=32M", "--performance-schema=OFF", "--max-connections=100"});
  if (options_.tcp) {
    add({"--bind-address=127.0.0.1", "--port=" + std::to_string(port_)});
  } else {
    add({"--skip-networking"});
  }
  if (options_.binlog) add({"--log-bin=binlog", "--binlog-format=ROW", "--server-id=1"});
  if (options_.durable) {
    add({"--innodb-flush-log-at-trx-commit=1", "--innodb-flush-method=fsync",
         "--innodb-doublewrite=1", "--sync-binlog=1"});
  } else {
    add({"--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync",
         "--innodb-doublewrite=0", "--sync-binlog=0"});
  }
  add(options_.extra);
  return command;
}

void PrivateMariadb::Start() {
  if (Running()) return;
  const fs::path data = directory_ / "data", log = directory_ / "error.log";
  if (!fs::exists(data)) {
    const Output copied = RunProgram(
        {NeedProgram("cp"), "-a", "--reflink=auto", TemplateDirectory().string(), data.string()},
        "", directory_);
    if (copied.exit_code != 0) throw std::runtime_error("cp: " + copied.err);
  }
  // Between finding a free port and listening on it, somebody else may take it.
  for (int attempt = 1;; ++attempt) {
    if (options_.tcp && port_ == 0) port_ = FreePort();
    pid_ = Spawn(Command(), "/dev/null", log, log, directory_);
    if (WaitUntilReady(std::chrono::seconds(60))) return;
    const std::string said = LogTail();
    const bool port_taken = said.find("Address already in use") != std::string::npos;
    if (pid_ > 0) End(SIGKILL);
    if (!options_.tcp || !port_taken || attempt == 5) {
      throw std::runtime_error("mariadbd in " + directory_.string() + " did not start:\n" + said);
    }
    port_ = 0;
  }
}

bool PrivateMariadb::WaitUntilReady(std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < deadline) {
    if (!Running()) return false;
    if (Greets(socket_)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

bool PrivateMariadb::Running() {
  if (pid_ <= 0) return false;
  int status = 0;
  const pid_t ended = waitpid(pid_, &status, WNOHANG);
  if (ended == 0) return true;
  pid_ = 0;
  return false;
}

void PrivateMariadb::End(int signal_number) {
  if (!Running()) return;
  kill(pid_, signal_number);
  if (signal_number != SIGKILL) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (Running() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
  }
  WaitFor(pid_);
  pid_ = 0;
}

void PrivateMariadb::Stop() { End(SIGTERM); }

void PrivateMariadb::Kill9() { End(SIGKILL); }

void PrivateMariadb::Restart() {
  Stop();
  Start();
}

void PrivateMariadb::Restart(std::vector<std::string> extra) {
  options_.extra = std::move(extra);
  Restart();
}

void PrivateMariadb::Freeze() {
  if (Running()) kill(pid_, SIGSTOP);
}

void PrivateMariadb::Thaw() {
  if (Running()) kill(pid_, SIGCONT);
}

std::string PrivateMariadb::Sql(const std::string& statements, const std::string& database) {
  std::vector<std::string> command = {NeedProgram("mariadb"),
                                      "--no-defaults",
                                      "--user=root",
                                      "--socket=" + socket_,
                                      "--default-character-set=utf8mb4",
                                      "--max-allowed-packet=1G",
                                      "--batch",
                                      "--skip-column-names",
                                      "--binary-mode",
                                      "--quick"};
  if (!database.empty()) command.push_back(database);
  Output output = RunProgram(command, statements, directory_);
  if (output.exit_code != 0) throw std::runtime_error("mariadb client: " + output.err);
  if (output.out.ends_with('\n')) output.out.pop_back();
  return std::move(output.out);
}

ServerAddress PrivateMariadb::Address() const {
  ServerAddress address;
  address.socket = socket_;
  address.user = "root";
  return address;
}

ServerAddress PrivateMariadb::TcpAddress() const {
  ServerAddress address;
  address.hosts = {"127.0.0.1"};
  address.port = port_;
  address.user = "root";
  return address;
}

std::string PrivateMariadb::LogTail() const {
  const std::string text = ReadFile(directory_ / "error.log");
  return text.size() > 3000 ? text.substr(text.size() - 3000) : text;
}

}  // namespace osarchiver
