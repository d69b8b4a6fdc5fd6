#include "engine/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "destination/registry.h"
#include "engine/reading_context.h"
#include "formats/segment_reader.h"
#include "state/journal.h"
#include "util/clock.h"
#include "util/file_system.h"
#include "util/log.h"

namespace osarchiver {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kAllRuns = SIZE_MAX / 2;

bool IsFine(const VerifyFinding& finding) {
  return finding.result == "ok" || finding.result == "open";
}

bool IsDamage(const VerifyFinding& finding) { return !IsFine(finding); }

void Add(VerifyReport* report, std::vector<VerifyFinding> findings, bool files,
         const CopyTarget& target, Journal& journal, const std::string& now) {
  for (VerifyFinding& finding : findings) {
    if (!IsFine(finding)) report->exit_code = Worse(report->exit_code, ExitCode::kDamage);
    journal.RecordVerification({target.destination, finding.path, finding.result,
                                finding.problems.empty() ? "" : finding.problems.front(), now,
                                finding.batches, finding.rows});
    (files ? report->segments : report->destinations).push_back(std::move(finding));
  }
}

std::vector<RunInfo> RunsToVerify(const Journal& journal, const ArchiverSettings& archiver,
                                  const VerifyRequest& request) {
  if (!request.run.empty()) {
    auto run = journal.FindRun(request.run, archiver.name);
    if (!run || run->archiver != archiver.name) return {};
    return {*run};
  }
  std::vector<RunInfo> runs = journal.ListRuns(archiver.name, kAllRuns);
  if (!request.since.empty()) {
    const auto since = ParseUtc(request.since);
    if (!since)
      throw ConfigError("--since: '" + request.since + "' is no date", "write it as 2026-11-23");
    std::erase_if(
        runs, [&](const RunInfo& run) { return ParseUtc(run.started_at).value_or(0) < *since; });
  }
  return runs;
}

std::vector<PassKey> TablesOf(const Journal* journal, const std::vector<RunInfo>& runs) {
  std::set<PassKey> tables;
  for (const RunInfo& run : runs) {
    for (const PassInfo& pass : journal->ListPasses(run.id)) tables.insert(pass.key);
  }
  return {tables.begin(), tables.end()};
}

// Once, though each format of a destination of files says it.
void AddProblem(VerifyReport* report, std::string text, const std::string& hint, ExitCode code) {
  report->exit_code = Worse(report->exit_code, code);
  if (!hint.empty()) text += "\n  HINT: " + hint;
  if (std::find(report->problems.begin(), report->problems.end(), text) == report->problems.end())
    report->problems.push_back(std::move(text));
}

// Archivers that archived and are not in the configuration any more.
void FindForgotten(const Settings& settings, const Journal& journal, VerifyReport* report) {
  for (const std::string& name : journal.ListArchivers()) {
    const bool configured =
        std::any_of(settings.archivers.begin(), settings.archivers.end(),
                    [&](const ArchiverSettings& archiver) { return archiver.name == name; });
    if (configured) continue;
    AddProblem(report,
               fmt::format("what archiver '{}', which is not in the configuration any more, "
                           "archived was not looked at",
                           name),
               "put the archiver back (enabled: false keeps it from running), or prove its files "
               "with --file",
               ExitCode::kFailed);
  }
}

void VerifyArchiver(const Settings& settings, const ArchiverSettings& archiver,
                    const VerifyRequest& request, Journal* journal, Clock& clock, StopControl& stop,
                    VerifyReport* report, bool* any_run) {
  const std::vector<RunInfo> runs =
      journal == nullptr ? std::vector<RunInfo>() : RunsToVerify(*journal, archiver, request);
  *any_run = *any_run || !runs.empty();
  const auto run = request.run.empty() || runs.empty() ? std::optional<RunId>()
                                                       : std::optional<RunId>(runs.front().id);
  const RowPlaces places = WhereRowsLie(settings, archiver, run, runs.empty() ? nullptr : journal);
  for (const std::string& name : places.gone) {
    AddProblem(report,
               fmt::format("archiver {}: the copies at destination '{}', which is not in the "
                           "configuration any more, were not looked at",
                           archiver.name, name),
               "put the destination back under 'destinations'; no archiver needs to name it",
               ExitCode::kFailed);
  }
  const auto& destinations = places.destinations;
  const RunContext context = ReadingContext(settings, archiver, destinations, journal);
  std::set<std::string> runs_proven;  // destinations
  for (const auto& destination : destinations) {
    const bool files = !destination->target().format.empty();
    // Once for all formats of a destination.
    const bool whole_runs = runs_proven.insert(destination->target().destination).second;
    try {
      // What an older or a lost journal does not know is not proven by anything that follows.
      destination->RequireJournal(context, TablesOf(journal, runs), journal);
      for (const RunInfo& run : runs) {
        for (const PassInfo& pass : journal->ListPasses(run.id)) {
          if (stop.stopped()) {
            report->stopped = true;
            report->exit_code = Worse(report->exit_code, ExitCode::kStopped);
            return;
          }
          Add(report, destination->Verify(run, pass, *journal, request.sample, request.seed), files,
              destination->target(), *journal, FormatUtc(clock.UnixSeconds()));
        }
        if (whole_runs) {
          Add(report, destination->VerifyRun(run, *journal), files, destination->target(), *journal,
              FormatUtc(clock.UnixSeconds()));
        }
      }
    } catch (const IntegrityError& error) {
      AddProblem(report, "destination " + destination->target().destination + ": " + error.what(),
                 error.hint(), ExitCode::kDamage);
    } catch (const Error& error) {
      AddProblem(report, "destination " + destination->target().destination + ": " + error.what(),
                 error.hint(), ExitCode::kFailed);
    }
  }
}

std::string ResultOf(const SegmentReport& segment) {
  switch (segment.condition) {
    case SegmentCondition::kSealed:
      return "ok";
    case SegmentCondition::kOpen:
      return "open";
    case SegmentCondition::kTorn:
    case SegmentCondition::kEmpty:
      return "incomplete";
    case SegmentCondition::kCorrupt:
      return "corrupt";
  }
  return "corrupt";
}

ordered_json FindingsJson(const std::vector<VerifyFinding>& findings) {
  ordered_json list = ordered_json::array();
  for (const VerifyFinding& finding : findings) {
    list.push_back({{"path", finding.path},
                    {"result", finding.result},
                    {"batches", finding.batches},
                    {"rows", finding.rows},
                    {"problems", finding.problems}});
  }
  return list;
}

}  // namespace

VerifyReport VerifyArchives(const Settings& settings, const VerifyRequest& request, Clock& clock,
                            StopControl& stop) {
  VerifyReport report;
  report.sample = request.sample;
  report.seed = request.seed;
  report.by_journal = true;
  // Where it is missing, none is made: it may have been lost.
  std::unique_ptr<Journal> journal;
  if (PosixFileSystem().Exists(settings.state))
    journal = Journal::Open(settings.state, OpenMode::kWrite);
  bool any_run = false;
  for (const ArchiverSettings& archiver : settings.archivers) {
    const bool wanted =
        request.archivers.empty() || std::find(request.archivers.begin(), request.archivers.end(),
                                               archiver.name) != request.archivers.end();
    if (wanted)
      VerifyArchiver(settings, archiver, request, journal.get(), clock, stop, &report, &any_run);
  }
  if (journal && request.archivers.empty() && request.run.empty())
    FindForgotten(settings, *journal, &report);
  if (!request.run.empty() && !any_run) {
    const auto run = journal ? journal->FindRun(request.run) : std::nullopt;
    if (run) {
      throw ConfigError(fmt::format(
          "run {} is of archiver '{}', which {}", request.run, run->archiver,
          request.archivers.empty() ? "is not in the configuration any more" : "was not named"));
    }
    throw ConfigError("the journal has no run '" + request.run + "'",
                      "osarchiver status --limit 20 lists runs");
  }
  return report;
}

VerifyReport VerifyFiles(const std::vector<std::filesystem::path>& paths) {
  VerifyReport report;
  for (const std::filesystem::path& path : paths) {
    VerifyFinding finding;
    finding.path = path.string();
    if (!PosixFileSystem().Exists(path)) {
      finding.result = "missing";
      finding.problems.push_back("no such file");
    } else {
      const SegmentReport segment = ScanSegment(PosixFileSystem(), path, ScanDepth::kContent);
      finding.result = ResultOf(segment);
      finding.batches = segment.batches.size();
      finding.bytes = segment.file_bytes;
      for (const FoundBatch& batch : segment.batches) finding.rows += batch.record.rows;
      finding.problems = segment.problems;
    }
    if (!IsFine(finding)) report.exit_code = ExitCode::kDamage;
    report.segments.push_back(std::move(finding));
  }
  return report;
}

std::string VerifyJson(const VerifyReport& report) {
  const ordered_json json = {{"segments", FindingsJson(report.segments)},
                             {"destinations", FindingsJson(report.destinations)},
                             {"problems", report.problems},
                             {"sample", report.sample},
                             {"seed", report.sample < 1 ? ordered_json(report.seed) : nullptr},
                             {"stopped", report.stopped}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string VerifyText(const VerifyReport& report) {
  std::string text;
  std::uint64_t files = 0, fine = 0, batches = 0, rows = 0;
  for (const auto* findings : {&report.segments, &report.destinations}) {
    for (const VerifyFinding& finding : *findings) {
      ++files;
      batches += finding.batches;
      rows += finding.rows;
      if (IsFine(finding)) {
        ++fine;
        continue;
      }
      text += fmt::format("{}: {}\n", finding.path, finding.result);
      for (const std::string& problem : finding.problems) text += "  " + problem + "\n";
    }
  }
  for (const std::string& problem : report.problems) text += problem + "\n";
  const std::string stopped = report.stopped ? "; stopped early" : "";
  if (report.sample < 1) {
    text += fmt::format(
        "{} of {} files and tables are whole as far as they were read: the records of {} batches "
        "({} rows), the content of {:g} % of them (--seed {}){}\n",
        HumanCount(fine), HumanCount(files), HumanCount(batches), HumanCount(rows),
        report.sample * 100, report.seed, stopped);
  } else if (files == 0 && report.problems.empty()) {
    text += "nothing is archived there: nothing was proven" + stopped + "\n";
  } else {
    text += fmt::format("{} of {} files and tables are whole: {} batches, {} rows{}\n",
                        HumanCount(fine), HumanCount(files), HumanCount(batches), HumanCount(rows),
                        stopped);
  }
  if (report.by_journal) {
    text += StepsAfterDamage(
        std::any_of(report.segments.begin(), report.segments.end(), IsDamage),
        std::any_of(report.destinations.begin(), report.destinations.end(), IsDamage));
  }
  return text;
}

std::string StepsAfterDamage(bool in_files, bool in_databases) {
  std::string text;
  if (in_files) {
    text +=
        "next: osarchiver run    (makes damaged files again from whole copies where there are "
        "any)\n";
  }
  if (in_databases) {
    text +=
        "next: mend the archive databases, which a run leaves alone: put the tables back there "
        "from a backup of\n"
        "  that server; or, where they have no suffix, take out rows that are wrong and restore "
        "them from whole files\n"
        "  (osarchiver restore --run N --to ARCHIVE_DATABASE, or --file PATH... --socket S on "
        "another server)\n";
  }
  return text;
}

}  // namespace osarchiver
