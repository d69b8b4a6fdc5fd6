#include "util/log.h"

#include <fcntl.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>

#include "util/error.h"

namespace osarchiver {
namespace {

std::atomic<void (*)()> line_hook{nullptr};
// The logger lives until the process ends: threads may log while main returns.
std::shared_ptr<spdlog::logger> logger;
bool json_lines = false;

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

constexpr char kTextPattern[] = "%Y-%m-%dT%H:%M:%S.%eZ %-7l %v";
// The message is already a JSON string with its quotes.
constexpr char kJsonPattern[] = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%v})";

spdlog::sink_ptr FileSink(const std::string& file, LogLevel level) {
  // Opened here first so that the file is born with 0640, whatever the umask says.
  const int descriptor = ::open(file.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0640);
  if (descriptor < 0) {
    throw ConfigError("cannot open the log file " + file,
                      "create its directory, or name another file with log.file or --log-file");
  }
  ::close(descriptor);
  auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
  sink->set_level(ToSpdlog(level));
  return sink;
}

}  // namespace

void StartLog(const LogOptions& options) {
  std::vector<spdlog::sink_ptr> sinks;
  auto console = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  console->set_level(ToSpdlog(options.stderr_level));
  sinks.push_back(console);
  if (!options.file.empty()) sinks.push_back(FileSink(options.file, options.file_level));
  auto started = std::make_shared<spdlog::logger>("osarchiver", sinks.begin(), sinks.end());
  json_lines = options.json;
  started->set_level(ToSpdlog(std::min(
      options.stderr_level, options.file.empty() ? options.stderr_level : options.file_level)));
  started->set_pattern(json_lines ? kJsonPattern : kTextPattern, spdlog::pattern_time_type::utc);
  started->flush_on(spdlog::level::debug);
  logger = std::move(started);
}

void Log(LogLevel level, std::string_view message) {
  if (!logger) StartLog({});
  if (!logger->should_log(ToSpdlog(level))) return;
  if (auto hook = line_hook.load()) hook();
  if (json_lines) {
    const auto text =
        nlohmann::json(message).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    logger->log(ToSpdlog(level), "{}", text);
  } else {
    logger->log(ToSpdlog(level), "{}", message);
  }
}

LogLevel ParseLogLevel(std::string_view text) {
  if (text == "debug") return LogLevel::kDebug;
  if (text == "info") return LogLevel::kInfo;
  if (text == "warning" || text == "warn") return LogLevel::kWarning;
  if (text == "error") return LogLevel::kError;
  throw ConfigError("unknown log level '" + std::string(text) + "'",
                    "use debug, info, warning or error");
}

void SetLogLineHook(void (*hook)()) { line_hook.store(hook); }

}  // namespace osarchiver
