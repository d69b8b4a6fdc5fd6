#include <unistd.h>

#include <iostream>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/progress_line.h"
#include "engine/restore.h"
#include "util/error.h"
#include "util/log.h"

namespace osarchiver {
namespace {

// Asks on a terminal; --yes answers; without either nothing is written.
bool Confirm(const std::string& what, bool yes) {
  if (yes) return true;
  Print(what);
  if (::isatty(STDIN_FILENO) == 0) return false;
  Print("restore these rows? [y/N] ");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "yes";
}

ServerAddress TargetAddress(const ParsedOptions& options) {
  ServerAddress address;
  address.option_file = options.Value("option-file");
  address.socket = options.Value("socket");
  address.user = options.Value("user");
  if (address.option_file.empty() && address.socket.empty()) {
    throw ConfigError("--file needs a target server",
                      "--option-file FILE, or --socket PATH and --user NAME");
  }
  address.must_be_writable = true;
  return address;
}

}  // namespace

ExitCode RestoreCommand(const GlobalOptions& global, const Arguments& arguments) {
  using Kind = OptionSpec::Kind;
  const auto options = ParseOptions(
      "restore --run N | --archiver NAME | --file PATH... [OPTIONS]",
      "Puts archived rows back: into the source, or with --to into another database of its server. "
      "Rows that are there\n"
      "with the same bytes are fine, rows with other bytes are named and not touched. Interrupted, "
      "it is run again.",
      {{"run", Kind::kValue, "the rows of this run: number, name or 'last'"},
       {"archiver", Kind::kValue,
        "the rows of every run of this archiver, the newest version of each"},
       {"table", Kind::kValue, "only this table, as DATABASE.TABLE"},
       {"where-key", Kind::kList,
        "with --table, only the row with this key (values joined by ','); may be repeated"},
       {"file", Kind::kList, "segment files, without journal and configuration; may be repeated"},
       {"option-file", Kind::kValue, "with --file: MariaDB option file of the target server"},
       {"socket", Kind::kValue, "with --file: socket of the target server"},
       {"user", Kind::kValue, "with --file: user on the target server"},
       {"to", Kind::kValue, "restore into this database instead; missing tables are created"},
       {"hold", Kind::kFlag, "later runs leave the restored rows alone"},
       {"dry-run", Kind::kFlag, "say what would happen and write nothing"},
       {"yes", Kind::kFlag, "do not ask"}},
      arguments);
  if (!options) return ExitCode::kSuccess;
  const int chosen =
      (options->Has("run") || options->Has("archiver") ? 1 : 0) + (options->Has("file") ? 1 : 0);
  if (chosen != 1)
    throw ConfigError("restore needs --run, --archiver or --file",
                      "osarchiver restore --help tells more");

  if (options->Has("file")) {
    options->Refuse({"hold"}, "needs the journal: it goes with --run or --archiver");
  } else {
    options->RequireNoPositional("a table is chosen with --table DB.TABLE, a run with --run");
    options->Refuse({"option-file", "socket", "user"},
                    "goes with --file; the rows of a run go to the source that they came from");
  }

  RestoreRequest request;
  request.selection.run = options->Value("run");
  request.selection.archiver = options->Value("archiver");
  if (options->Has("table")) request.selection.table = ParseTableName(options->Value("table"));
  request.where_keys = options->List("where-key");
  request.to_database = options->Value("to");
  if (!request.where_keys.empty() && !request.selection.table) {
    throw ConfigError("--where-key names rows of one table", "say which with --table DB.TABLE");
  }
  request.dry_run = options->Has("dry-run");
  request.hold = options->Has("hold");
  const auto confirm = [&](const std::string& what) { return Confirm(what, options->Has("yes")); };

  static StopControl stop(SystemClock());
  StopOnSignals(stop);
  Progress progress(SystemClock());
  RestoreReport report;
  if (options->Has("file")) {
    for (const std::string& path : options->List("file")) request.files.emplace_back(path);
    for (const std::string& path : options->positional()) request.files.emplace_back(path);
    const ProgressLine line(progress);
    report = RestoreFiles(request, TargetAddress(*options), SystemClock(), stop, progress, confirm);
  } else {
    const Settings settings = LoadAndStartLog(global);
    const ProgressLine line(progress);
    report = RestoreRuns(settings, request, SystemClock(), stop, progress, confirm);
  }
  Print(RestoreText(report, request));
  for (const std::string& problem : report.problems) LogError(problem);
  return report.exit_code;
}

}  // namespace osarchiver
