// The screen that an operator reads at seven in the morning: the result, what went, what is left
// and why, the next command.
#include <fmt/format.h>

#include <algorithm>

#include "engine/status_report.h"
#include "engine/verify.h"
#include "util/clock.h"

namespace osarchiver {
namespace {

std::string RunDuration(const RunInfo& run) {
  const auto start = ParseUtc(run.started_at);
  const auto end = ParseUtc(run.finished_at.empty() ? run.last_progress_at : run.finished_at);
  if (!start || !end) return "0 s";
  return HumanDuration(*end - *start);
}

std::string Headline(const RunStatus& status) {
  const RunInfo& run = status.run;
  std::string text =
      fmt::format("{}: run {} ({}) {}", run.archiver, run.id, run.name, status.state);
  if (status.state == "running") {
    text += fmt::format(" since {} on {} (pid {})", run.started_at, run.host, run.pid);
    if (!run.waiting.empty()) text += ", waiting: " + run.waiting;
    return text;
  }
  text += fmt::format(", started {}, took {}", run.started_at, RunDuration(run));
  if (run.exit_code) text += fmt::format(", exit code {}", *run.exit_code);
  if (!run.options.empty()) text += fmt::format(" (run {})", run.options);
  return text;
}

// Which columns have anything to show in this run.
std::string TableLine(const PassInfo& pass) {
  const PassCounts& counts = pass.counts;
  std::string line =
      fmt::format("  {:<40} {:>12} deleted", pass.key.database + "." + pass.key.table,
                  HumanCount(counts.deleted));
  if (counts.kept > 0) line += fmt::format("  {} archived and kept", HumanCount(counts.kept));
  const std::uint64_t in_flight =
      counts.extracted + counts.archived + counts.verified - std::min(counts.verified, counts.kept);
  if (in_flight > 0) line += fmt::format("  {} in flight", HumanCount(in_flight));
  if (counts.changed > 0) line += fmt::format("  {} changed", HumanCount(counts.changed));
  if (counts.absent > 0) line += fmt::format("  {} absent", HumanCount(counts.absent));
  if (counts.blocked > 0) line += fmt::format("  {} blocked", HumanCount(counts.blocked));
  if (counts.conflict > 0) line += fmt::format("  {} in conflict", HumanCount(counts.conflict));
  if (pass.live_flag_rows > 0)
    line += fmt::format("  {} flagged live", HumanCount(pass.live_flag_rows));
  if (counts.bytes > 0) line += "  " + HumanBytes(counts.bytes);
  if (pass.state != PassState::kCompleted) line += fmt::format("  [{}]", ToText(pass.state));
  return line + "\n";
}

bool IsQuiet(const PassInfo& pass) {
  const PassCounts& c = pass.counts;
  return pass.state == PassState::kCompleted && c.deleted + c.kept + c.changed + c.absent +
                                                        c.blocked + c.conflict + c.extracted +
                                                        c.archived + pass.live_flag_rows ==
                                                    0;
}

std::string BlockedText(const RunStatus& status, BlockedDetail detail) {
  std::string text;
  for (const PassInfo& pass : status.passes) {
    const auto reasons = status.blocked.find(pass.id);
    if (reasons == status.blocked.end()) continue;
    for (const BlockedReason& reason : reasons->second) {
      text +=
          fmt::format("  {}.{}: {} rows stay: {} in {} ({})\n", pass.key.database, pass.key.table,
                      HumanCount(reason.rows), reason.why, reason.referring, reason.constraint);
      if (!reason.advice.empty()) text += "      to free them: " + reason.advice + "\n";
      if (detail == BlockedDetail::kSummary) continue;
      if (!reason.examples.empty())
        text += fmt::format("      for example: {}\n", fmt::join(reason.examples, "; "));
      if (!reason.select_sql.empty()) text += "      all of them: " + reason.select_sql + "\n";
    }
  }
  return text.empty() ? text : "blocked:\n" + text;
}

// Empty when there is nothing to do.
std::string NextCommand(const RunStatus& status, BlockedDetail detail) {
  const std::string archiver = status.run.archiver;
  if (status.state == "running") return "osarchiver status " + archiver;
  if (status.state == "interrupted")
    return "osarchiver run " + archiver + "    (goes on where it stopped)";
  // The cause says what to do, which no other command would find.
  if (status.run.error.find("rebuild-journal") != std::string::npos)
    return "osarchiver rebuild-journal    (or put the newest journal back)";
  if (status.state == "failed") {
    return status.run.exit_code == 3
               ? "osarchiver verify " + archiver + "    (names what is damaged)"
               : "osarchiver run " + archiver + "    (after mending the cause)";
  }
  if (!status.blocked.empty() && detail == BlockedDetail::kSummary)
    return "osarchiver status --blocked " + archiver;
  // It archived nothing: there are no copies of its own to look at.
  if (status.totals.bytes == 0) return {};
  return "osarchiver verify --run " + std::to_string(status.run.id);
}

std::string RunText(const RunStatus& status, BlockedDetail detail) {
  std::string text = Headline(status) + "\n";
  if (!status.run.error.empty()) text += "  error: " + status.run.error + "\n";
  const PassCounts& totals = status.totals;
  text += fmt::format("  {} rows deleted, {} archived and kept, {} of row data, {} tables\n",
                      HumanCount(totals.deleted), HumanCount(totals.kept), HumanBytes(totals.bytes),
                      status.passes.size());
  std::size_t quiet = 0;
  for (const PassInfo& pass : status.passes) {
    if (IsQuiet(pass)) {
      ++quiet;
      continue;
    }
    text += TableLine(pass);
    if (pass.state == PassState::kFailed && !pass.reason.empty())
      text += "      " + pass.reason + "\n";
  }
  if (quiet > 0) text += fmt::format("  {} tables had nothing to do\n", quiet);
  text += BlockedText(status, detail);
  const std::string next = NextCommand(status, detail);
  if (!next.empty()) text += "next: " + next + "\n";
  return text;
}

}  // namespace

std::string StatusText(const StatusReport& report, const Settings& settings, BlockedDetail detail) {
  if (report.runs.empty()) {
    return fmt::format(
        "site {}: nothing was run yet, as far as the journal {} knows\n"
        "next: osarchiver check    (says whether archives know more), then osarchiver "
        "run --dry-run\n",
        settings.site, settings.state);
  }
  std::string text = fmt::format("site {}\n", report.site);
  for (const RunStatus& run : report.runs) text += RunText(run, detail);
  if (!report.held.empty()) text += "held (restore --hold), left alone by every run:\n";
  for (const HeldTable& held : report.held) {
    text += fmt::format("  {:<40} {:>12} rows{}\n", held.key.database + "." + held.key.table,
                        HumanCount(held.rows),
                        settings.sources.contains(held.key.source)
                            ? ""
                            : "  (under source '" + held.key.source +
                                  "', which is not in the configuration any more)");
  }
  if (!report.damaged.empty()) {
    text += "damaged, as verify found it:\n";
    for (const std::string& path : report.damaged) text += "  " + path + "\n";
    text += StepsAfterDamage(report.damaged_files, report.damaged_tables);
  }
  return text;
}

}  // namespace osarchiver
