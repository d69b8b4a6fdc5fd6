// The log: one line per state change and per decision, to stderr and to the log file. Never a row
// value, never a secret.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace osarchiver {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

struct LogOptions {
  LogLevel stderr_level = LogLevel::kWarning;
  std::string file;  // "": none; created 0640
  LogLevel file_level = LogLevel::kInfo;
  bool json = false;
};

// Called once by main, before threads. Until then warnings and errors go to stderr. Throws
// ConfigError when the file cannot be opened.
void StartLog(const LogOptions& options);
void Log(LogLevel level, std::string_view message);
inline void LogDebug(std::string_view message) { Log(LogLevel::kDebug, message); }
inline void LogInfo(std::string_view message) { Log(LogLevel::kInfo, message); }
inline void LogWarning(std::string_view message) { Log(LogLevel::kWarning, message); }
inline void LogError(std::string_view message) { Log(LogLevel::kError, message); }
// "debug", "info", "warning", "error"; throws ConfigError.
LogLevel ParseLogLevel(std::string_view text);
// Called before each line that goes to a terminal's stderr, so that a progress line can get out of
// the way.
void SetLogLineHook(void (*hook)());

}  // namespace osarchiver
