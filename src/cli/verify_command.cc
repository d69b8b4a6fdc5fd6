#include "cli/command.h"
#include "cli/options.h"
#include "config/load.h"
#include "engine/verify.h"
#include "util/error.h"
#include "util/hash.h"

namespace osarchiver {

ExitCode VerifyCommand(const GlobalOptions& global, const Arguments& arguments) {
  using Kind = OptionSpec::Kind;
  const auto options = ParseOptions(
      "verify [ARCHIVER...] [OPTIONS]",
      "Reads archives back and proves them against the journal; with --file a segment proves "
      "itself.",
      {{"run", Kind::kValue, "only this run: number, name or 'last'"},
       {"since", Kind::kValue, "only runs started since this date (2026-11-01)"},
       {"sample", Kind::kValue,
        "read the content of this share of the batches (5%); records and lengths of all"},
       {"max-runtime", Kind::kValue, "stop after this time"},
       {"file", Kind::kList,
        "a segment file; needs neither journal nor configuration; may be repeated"},
       {"seed", Kind::kValue, "of the sample"},
       {"json", Kind::kFlag, "machine-readable"}},
      arguments);
  if (!options) return ExitCode::kSuccess;
  VerifyReport report;
  if (options->Has("file")) {
    options->Refuse({"run", "since", "sample", "seed", "max-runtime"},
                    "goes without --file: a file is read as a whole, and knows no journal");
    std::vector<std::filesystem::path> paths;
    for (const std::string& path : options->List("file")) paths.emplace_back(path);
    // More files may follow the first without an option of their own, as a shell expands them.
    for (const std::string& path : options->positional()) paths.emplace_back(path);
    report = VerifyFiles(paths);
  } else {
    const Settings settings = LoadAndStartLog(global);
    VerifyRequest request;
    // Without a name also those that are not enabled: what they archived is still to be proven.
    if (!options->positional().empty()) {
      for (const ArchiverSettings* archiver : SelectArchivers(settings, options->positional())) {
        request.archivers.push_back(archiver->name);
      }
    }
    request.run = options->Value("run");
    request.since = options->Value("since");
    if (options->Has("sample")) {
      const auto share = ParseShare(options->Value("sample"));
      if (!share || *share <= 0)
        throw ConfigError("--sample: '" + options->Value("sample") + "' is no share of anything",
                          "write it as 5%");
      request.sample = *share;
    }
    if (!options->Has("sample")) options->Refuse({"seed"}, "goes with --sample");
    request.seed = options->Has("seed") ? ParseCount("seed", options->Value("seed"))
                                        : static_cast<std::uint64_t>(SystemClock().UnixSeconds());
    static StopControl stop(SystemClock());
    StopOnSignals(stop);
    if (options->Has("max-runtime")) {
      const auto seconds = ParseDurationSeconds(options->Value("max-runtime"));
      if (!seconds)
        throw ConfigError("--max-runtime: '" + options->Value("max-runtime") + "' is no duration");
      stop.SetDeadline(SystemClock().Now() + std::chrono::seconds(*seconds),
                       "--max-runtime reached");
    }
    report = VerifyArchives(settings, request, SystemClock(), stop);
  }
  Print(options->Has("json") ? VerifyJson(report) : VerifyText(report));
  return report.exit_code;
}

}  // namespace osarchiver
