#include "engine/status_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "destination/checksums.h"
#include "state/run_lock.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/file_system.h"

namespace osarchiver {
namespace {

using nlohmann::ordered_json;

void AddTo(PassCounts* total, const PassCounts& counts) {
  total->extracted += counts.extracted;
  total->archived += counts.archived;
  total->verified += counts.verified;
  total->deleted += counts.deleted;
  total->absent += counts.absent;
  total->changed += counts.changed;
  total->blocked += counts.blocked;
  total->conflict += counts.conflict;
  total->kept += counts.kept;
  total->bytes += counts.bytes;
  total->batches_extracted += counts.batches_extracted;
  total->batches_archived += counts.batches_archived;
  total->batches_verified += counts.batches_verified;
  total->batches_deleted += counts.batches_deleted;
}

RunStatus Describe(const Settings& settings, const Journal& journal, RunInfo run) {
  RunStatus status;
  status.state = ToText(run.state);
  if (run.state == RunState::kRunning && !RunLock::IsHeld(settings.state, run.archiver))
    status.state = "interrupted";
  status.passes = journal.ListPasses(run.id);
  for (PassInfo& pass : status.passes) {
    // What a run deleted includes rows that earlier runs had archived.
    pass.counts.deleted += pass.counts.released_deleted;
    pass.counts.absent += pass.counts.released_absent;
    AddTo(&status.totals, pass.counts);
    auto reasons = journal.Blocked(pass.id);
    if (!reasons.empty()) status.blocked[pass.id] = std::move(reasons);
  }
  status.run = std::move(run);
  return status;
}

ordered_json OrNull(const std::string& text) {
  return text.empty() ? ordered_json(nullptr) : ordered_json(text);
}

ordered_json RowsJson(const PassCounts& counts) {
  return {{"extracted", counts.extracted}, {"archived", counts.archived},
          {"verified", counts.verified},   {"deleted", counts.deleted},
          {"absent", counts.absent},       {"changed", counts.changed},
          {"blocked", counts.blocked},     {"conflict", counts.conflict}};
}

ordered_json BlockedJson(const std::vector<BlockedReason>& reasons) {
  ordered_json list = ordered_json::array();
  for (const BlockedReason& reason : reasons) {
    list.push_back({{"referring", reason.referring},
                    {"constraint", reason.constraint},
                    {"why", reason.why},
                    {"rows", reason.rows},
                    {"examples", reason.examples},
                    {"select", reason.select_sql},
                    {"advice", OrNull(reason.advice)}});
  }
  return list;
}

ordered_json RunJson(const RunStatus& status) {
  const RunInfo& run = status.run;
  ordered_json tables = ordered_json::array();
  for (const PassInfo& pass : status.passes) {
    const auto blocked = status.blocked.find(pass.id);
    tables.push_back({{"source", pass.key.source},
                      {"database", pass.key.database},
                      {"table", pass.key.table},
                      {"cutoff", pass.cutoff},
                      {"state", ToText(pass.state)},
                      {"reason", OrNull(pass.reason)},
                      {"rows", RowsJson(pass.counts)},
                      {"bytes", pass.counts.bytes},
                      {"live_flag_rows", pass.live_flag_rows},
                      {"blocked", blocked == status.blocked.end() ? ordered_json::array()
                                                                  : BlockedJson(blocked->second)}});
  }
  return {{"run", run.id},
          {"name", run.name},
          {"archiver", run.archiver},
          {"state", status.state},
          {"now", run.now},
          {"started_at", run.started_at},
          {"finished_at", OrNull(run.finished_at)},
          {"last_progress_at", OrNull(run.last_progress_at)},
          {"host", run.host},
          {"pid", run.pid},
          {"exit_code", run.exit_code ? ordered_json(*run.exit_code) : ordered_json(nullptr)},
          {"error", OrNull(run.error)},
          {"waiting", OrNull(run.waiting)},
          {"batches",
           {{"extracted", status.totals.batches_extracted},
            {"archived", status.totals.batches_archived},
            {"verified", status.totals.batches_verified},
            {"deleted", status.totals.batches_deleted}}},
          {"rows", RowsJson(status.totals)},
          {"bytes", status.totals.bytes},
          {"tables", std::move(tables)}};
}

// A file that a run put aside is none any more: its copies lie elsewhere now.
bool WasPutAside(const DestinationSettings& destination, const std::string& path,
                 const Journal& journal) {
  if (destination.file.directory.empty()) return false;
  if (path.ends_with(kChecksumListEnding)) return false;  // written again where it was
  const std::string relative =
      std::filesystem::path(path).lexically_relative(destination.file.directory).string();
  for (const std::string& format : destination.file.formats) {
    const auto segment = journal.FindSegment({destination.name, format}, relative);
    if (segment) return false;
  }
  return true;
}

void AddDamaged(const Settings& settings, const Journal& journal, StatusReport* report) {
  for (const auto& [name, destination] : settings.destinations) {
    for (const std::string& path : journal.DoubtfulPaths(name)) {
      if (WasPutAside(destination, path, journal)) continue;
      report->damaged.push_back(path);
      (destination.backend == "file" ? report->damaged_files : report->damaged_tables) = true;
    }
  }
}

}  // namespace

StatusReport BuildStatus(const Settings& settings, const Journal& journal,
                         const StatusRequest& request) {
  StatusReport report;
  report.site = settings.site;
  AddDamaged(settings, journal, &report);
  report.held = journal.ListHeldTables();
  if (!request.run.empty()) {
    auto run =
        journal.FindRun(request.run, request.archivers.empty() ? "" : request.archivers.front());
    if (!run)
      throw ConfigError("the journal has no run '" + request.run + "'",
                        "osarchiver status --limit 20 lists runs");
    report.runs.push_back(Describe(settings, journal, *std::move(run)));
    return report;
  }
  if (request.limit > 0 && request.archivers.empty()) {
    for (RunInfo& run : journal.ListRuns("", request.limit)) {
      report.runs.push_back(Describe(settings, journal, std::move(run)));
    }
    return report;
  }
  const auto archivers = request.archivers.empty() ? journal.ListArchivers() : request.archivers;
  for (const std::string& archiver : archivers) {
    for (RunInfo& run : journal.ListRuns(archiver, request.limit == 0 ? 1 : request.limit)) {
      report.runs.push_back(Describe(settings, journal, std::move(run)));
    }
  }
  std::sort(report.runs.begin(), report.runs.end(),
            [](const RunStatus& a, const RunStatus& b) { return a.run.id > b.run.id; });
  return report;
}

std::string StatusJson(const StatusReport& report) {
  ordered_json runs = ordered_json::array();
  for (const RunStatus& run : report.runs) runs.push_back(RunJson(run));
  ordered_json json = {
      {"format", 1}, {"site", report.site}, {"runs", std::move(runs)}, {"damaged", report.damaged}};
  for (const HeldTable& held : report.held) {
    json["held"].push_back({{"source", held.key.source},
                            {"database", held.key.database},
                            {"table", held.key.table},
                            {"rows", held.rows}});
  }
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void WriteStatusFile(const Settings& settings, const Journal& journal, std::string_view archiver) {
  const std::filesystem::path path =
      std::filesystem::path(settings.state).parent_path() / "status.json";
  ReplaceFile(PosixFileSystem(), path, StatusJson(BuildStatus(settings, journal, {})), 0644,
              archiver);
}

}  // namespace osarchiver
