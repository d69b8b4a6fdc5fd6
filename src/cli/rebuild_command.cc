#include <fmt/format.h>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/progress_line.h"
#include "engine/rebuild.h"
#include "util/log.h"

namespace osarchiver {

ExitCode RebuildJournalCommand(const GlobalOptions& global, const Arguments& arguments) {
  const auto options = ParseOptions(
      "rebuild-journal [--journal-id ID]",
      "Makes a lost or outdated journal again from the archives and from what is "
      "still in the sources. Changes neither, but\n"
      "that files found damaged are renamed to *.damaged; the old journal is put aside, "
      "not removed.",
      {{"journal-id", OptionSpec::Kind::kValue,
        "which journal's archives, where several journals wrote to the same places"}},
      arguments);
  if (!options) return ExitCode::kSuccess;
  options->RequireNoPositional(
      "one journal serves all archivers, and is made again for all of them");
  const Settings settings = LoadAndStartLog(global);
  Progress progress(SystemClock());
  RebuildReport report;
  {
    const ProgressLine line(progress);
    report = RebuildJournal(settings, options->Value("journal-id"), SystemClock(), progress);
  }
  std::string text = fmt::format(
      "journal {} made again: {} runs, {} batches, {} rows, of which {} are still in their "
      "source\n",
      settings.state, HumanCount(report.runs), HumanCount(report.batches), HumanCount(report.rows),
      HumanCount(report.still_there));
  if (report.held > 0)
    text += HumanCount(report.held) + " rows that were restored with --hold stay held\n";
  if (!report.holds_known) {
    text +=
        "NOTE: no older journal could be read, so that rows which were restored with --hold are "
        "held no more;\n"
        "restore them with --hold once more before the next run, or clear their deleted_at.\n";
  }
  if (!report.old_journal.empty()) text += "the old journal is " + report.old_journal + "\n";
  text +=
      "next: osarchiver run    (deletes what is still there and archived, archives nothing "
      "twice)\n";
  Print(text);
  for (const std::string& problem : report.problems) LogError(problem);
  return report.exit_code;
}

}  // namespace osarchiver
