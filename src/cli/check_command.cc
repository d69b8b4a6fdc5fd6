#include "cli/command.h"
#include "cli/options.h"
#include "engine/check.h"
#include "util/log.h"

namespace osarchiver {

ExitCode CheckCommand(const GlobalOptions& global, const Arguments& arguments) {
  const auto options =
      ParseOptions("check [ARCHIVER...]",
                   "Checks configuration, connections, privileges and destinations, and prints the "
                   "order of tables. Never reads rows.",
                   {}, arguments);
  if (!options) return ExitCode::kSuccess;
  const Settings settings = LoadAndStartLog(global);
  const CheckReport report =
      CheckArchivers(settings, SelectArchivers(settings, options->positional()), SystemClock());
  Print(report.text);
  for (const std::string& problem : report.problems) LogError(problem);
  if (report.problems.empty()) Print("everything is in order\n");
  return report.exit_code;
}

}  // namespace osarchiver
