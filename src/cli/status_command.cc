#include "cli/command.h"
#include "cli/options.h"
#include "engine/status_report.h"
#include "state/journal.h"
#include "util/error.h"
#include "util/file_system.h"

namespace osarchiver {

ExitCode StatusCommand(const GlobalOptions& global, const Arguments& arguments) {
  using Kind = OptionSpec::Kind;
  const auto options = ParseOptions(
      "status [ARCHIVER...] [OPTIONS]",
      "Shows the last run of each archiver: what went, what is left and why.",
      {{"run", Kind::kValue, "this run: number, name or 'last'"},
       {"limit", Kind::kValue, "so many runs, newest first"},
       {"blocked", Kind::kFlag, "blocked rows with reason, examples and a SELECT that lists them"},
       {"json", Kind::kFlag, "the stable machine-readable form"}},
      arguments);
  if (!options) return ExitCode::kSuccess;
  const Settings settings = LoadAndStartLog(global);
  StatusRequest request;
  for (const ArchiverSettings* archiver : SelectArchivers(settings, options->positional())) {
    if (!options->positional().empty()) request.archivers.push_back(archiver->name);
  }
  request.run = options->Value("run");
  if (options->Has("limit")) request.limit = ParseCount("limit", options->Value("limit"));
  StatusReport report;
  report.site = settings.site;
  if (PosixFileSystem().Exists(settings.state)) {
    report = BuildStatus(settings, *Journal::Open(settings.state, OpenMode::kRead), request);
  } else if (!request.run.empty()) {
    throw ConfigError("there is no journal at " + settings.state + " yet");
  }
  Print(options->Has("json")
            ? StatusJson(report)
            : StatusText(report, settings,
                         options->Has("blocked") ? BlockedDetail::kFull : BlockedDetail::kSummary));
  return ExitCode::kSuccess;
}

}  // namespace osarchiver
