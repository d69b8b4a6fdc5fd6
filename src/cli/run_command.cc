#include <fmt/format.h>
#include <unistd.h>

#include <ctime>
#include <future>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/progress_line.h"
#include "config/load.h"
#include "engine/check.h"
#include "engine/run.h"
#include "engine/status_report.h"
#include "mariadb/connection.h"
#include "state/journal.h"
#include "util/error.h"
#include "util/log.h"

namespace osarchiver {
namespace {

// The next moment at which this host's clock shows HH:MM.
std::int64_t SecondsUntil(const std::string& text, std::int64_t now) {
  int hour = 0, minute = 0;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%2d:%2d%c", &hour, &minute, &rest) != 2 || hour < 0 || hour > 23 ||
      minute < 0 || minute > 59) {
    throw ConfigError("--until: '" + text + "' is no time of day", "write it as 06:00, local time");
  }
  const std::time_t time = now;
  std::tm local{};
  localtime_r(&time, &local);
  local.tm_hour = hour;
  local.tm_min = minute;
  local.tm_sec = 0;
  local.tm_isdst = -1;
  std::int64_t at = std::mktime(&local);
  if (at <= now) {
    ++local.tm_mday;
    local.tm_isdst = -1;
    at = std::mktime(&local);
  }
  return at - now;
}

void SetLimits(const ParsedOptions& options, StopControl& stop) {
  Clock& clock = SystemClock();
  if (options.Has("max-runtime")) {
    const auto seconds = ParseDurationSeconds(options.Value("max-runtime"));
    if (!seconds)
      throw ConfigError("--max-runtime: '" + options.Value("max-runtime") + "' is no duration",
                        "write it as 4h or 90 min");
    // 0 is no limit, as in the configuration.
    if (*seconds > 0)
      stop.SetDeadline(clock.Now() + std::chrono::seconds(*seconds),
                       "--max-runtime " + options.Value("max-runtime") + " reached");
  }
  if (options.Has("until")) {
    const std::int64_t seconds = SecondsUntil(options.Value("until"), clock.UnixSeconds());
    stop.SetDeadline(clock.Now() + std::chrono::seconds(seconds),
                     "--until " + options.Value("until") + " reached");
  }
}

ExitCode PrintReport(const CheckReport& report) {
  Print(report.text);
  for (const std::string& problem : report.problems) LogError(problem);
  return report.exit_code;
}

// One archiver; what it throws must not keep the next from its work.
ExitCode RunOne(const Settings& settings, const ArchiverSettings& archiver,
                const ParsedOptions& options, const std::string& options_text,
                StopControl& run_stop) {
  RunRequest request;
  request.settings = &settings;
  request.archiver = &archiver;
  request.options_text = options_text;
  for (const std::string& table : options.List("table"))
    request.only.push_back(ParseTableName(table));
  if (options.Has("max-rows")) request.max_rows = ParseCount("max-rows", options.Value("max-rows"));
  if (archiver.max_runtime_s > 0) {
    run_stop.SetDeadline(SystemClock().Now() + std::chrono::seconds(archiver.max_runtime_s),
                         "max_runtime of archiver " + archiver.name + " reached");
  }
  try {
    Progress progress(SystemClock());
    const ProgressLine line(progress);
    return RunArchiver(request, SystemClock(), run_stop, progress).exit_code;
  } catch (const LockedError& error) {
    LogError(error.what());
    return ExitCode::kLocked;
  } catch (const IntegrityError& error) {
    LogError(WithHint(error.what(), error.hint()));
    return ExitCode::kDamage;
  } catch (const ConfigError& error) {
    LogError(WithHint(error.what(), error.hint()));
    return ExitCode::kUsage;
  } catch (const Error& error) {
    LogError(WithHint(error.what(), error.hint()));
    return ExitCode::kFailed;
  }
}

}  // namespace

ExitCode RunCommand(const GlobalOptions& global, const Arguments& arguments) {
  using Kind = OptionSpec::Kind;
  const auto options = ParseOptions(
      "run [ARCHIVER...] [OPTIONS]",
      "Archives, verifies and deletes the soft-deleted rows of the named archivers, or of all that "
      "are enabled.",
      {{"table", Kind::kList, "only this table, as DATABASE.TABLE; may be repeated"},
       {"max-rows", Kind::kValue, "stop after about so many rows; 0: no limit"},
       {"max-runtime", Kind::kValue, "stop after this time (4h, 90 min); the next run goes on"},
       {"until", Kind::kValue, "stop at this local time of day (06:00); the next run goes on"},
       {"dry-run", Kind::kFlag, "print the plan and write nothing anywhere"},
       {"exact", Kind::kFlag,
        "with --dry-run: count all rows instead of counting for 2 s a table"}},
      arguments);
  if (!options) return ExitCode::kSuccess;
  if (options->Has("exact") && !options->Has("dry-run"))
    throw ConfigError("--exact goes with --dry-run");
  // What every run needs, while the configuration is read. Should it fail, connecting says so.
  const std::future<void> loading = std::async(std::launch::async, &Connection::LoadLibrary);
  const Settings settings = LoadAndStartLog(global);
  const auto archivers = SelectArchivers(settings, options->positional());
  static StopControl stop(SystemClock());
  StopOnSignals(stop);
  SetLimits(*options, stop);
  if (options->Has("dry-run")) {
    DryRunRequest request;
    request.archivers = archivers;
    for (const std::string& table : options->List("table"))
      request.only.push_back(ParseTableName(table));
    request.exact = options->Has("exact");
    return PrintReport(DryRun(settings, request, SystemClock(), stop));
  }

  std::string options_text;
  for (const std::string& argument : arguments)
    options_text += (options_text.empty() ? "" : " ") + argument;
  ExitCode code = ExitCode::kSuccess;
  std::vector<std::string> names;
  std::size_t refused = 0;
  for (const ArchiverSettings* archiver : archivers) {
    if (stop.stopped()) {
      code = Worse(code, ExitCode::kStopped);
      break;
    }
    // A deadline of one archiver is not the next one's; a signal is everybody's.
    StopControl run_stop(SystemClock(), &stop);
    const ExitCode one = RunOne(settings, *archiver, *options, options_text, run_stop);
    refused += one == ExitCode::kUsage ? 1 : 0;
    code = Worse(code, one);
    names.push_back(archiver->name);
  }
  // "Nothing was started" is true only when no archiver was.
  if (code == ExitCode::kUsage && refused < names.size()) code = ExitCode::kFailed;
  if (::isatty(STDOUT_FILENO) != 0 && !names.empty()) {
    const auto journal = Journal::Open(settings.state, OpenMode::kRead);
    StatusRequest request;
    request.archivers = names;
    Print(StatusText(BuildStatus(settings, *journal, request), settings, BlockedDetail::kSummary));
  }
  return code;
}

}  // namespace osarchiver
