// RestoreFiles: segment files alone.
#include <fmt/format.h>

#include "engine/restore.h"
#include "engine/restore_session.h"
#include "util/file_system.h"

namespace osarchiver {
namespace {

class FilesRestore {
 public:
  FilesRestore(const RestoreRequest& request, const RestoreFilesPlan& plan, StopControl& stop)
      : request_(request), plan_(plan), stop_(stop), filter_(request.where_keys) {
    for (const RestoreFile& file : plan.files) {
      filter_.Announce(RestoreTargetOf(request, file.header.definition), file.header.run_name);
    }
  }

  // Reads every batch that is wanted, in order, and pushes it.
  void Produce(const std::function<bool(RestoreBatch)>& push) {
    for (const RestoreFile& file : plan_.files) {
      double done = 0;
      for (const RestoreFile::Batch& batch : file.batches) {
        if (stop_.stopped()) return;
        RestoreBatch ready = Read(file, batch);
        ready.first = done == 0;
        ready.share = ++done / static_cast<double>(file.batches.size());
        if (!push(std::move(ready))) return;
      }
    }
  }

  std::vector<std::string> KeysNotFound() const { return filter_.NotFound(); }

 private:
  RestoreBatch Read(const RestoreFile& file, const RestoreFile::Batch& batch) {
    RestoreBatch ready;
    ready.definition = &file.header.definition;
    ready.archived_rows = batch.rows;
    std::string problems;
    for (const RestoreFile::Copy& copy : batch.copies) {
      try {
        RowBatch rows(file.header.definition.columns.size());
        (void)ReaderOf(copy.path).ReadBatch(copy.location, &rows);
        FillBatch(rows,
                  filter_.Choose(RestoreTargetOf(request_, file.header.definition),
                                 file.header.definition, rows),
                  &ready);
        ready.damage = problems;
        return ready;
      } catch (const IntegrityError& error) {
        problems += (problems.empty() ? "" : "; ") + std::string(error.what());
      }
    }
    ready.damage = fmt::format(
        "batch {} of {}.{} in run {} has no copy that is whole among the files; none of its rows "
        "was written{}{}",
        batch.number, file.header.definition.database, file.header.definition.table,
        file.header.run_name, problems.empty() ? "" : ": ", problems);
    return ready;
  }

  SegmentReader& ReaderOf(const std::filesystem::path& path) {
    if (path != open_path_) {
      reader_ = SegmentReader::Open(PosixFileSystem(), path);
      open_path_ = path;
    }
    return *reader_;
  }

  const RestoreRequest& request_;
  const RestoreFilesPlan& plan_;
  StopControl& stop_;
  RestoreFilter filter_;
  std::filesystem::path open_path_;
  std::unique_ptr<SegmentReader> reader_;
};

std::string QuestionFor(const RestoreFilesPlan& plan, const RestoreRequest& request,
                        const std::string& endpoint) {
  std::string text = fmt::format("restoring to {}\n", endpoint);
  for (const RestoreFile& file : plan.files) {
    std::uint64_t rows = 0;
    for (const RestoreFile::Batch& batch : file.batches) rows += batch.rows;
    text += fmt::format("  {}: {} rows of run {}, site {}\n",
                        ToText(RestoreTargetOf(request, file.header.definition)), HumanCount(rows),
                        file.header.run_name, file.header.site);
  }
  return text;
}

}  // namespace

RestoreReport RestoreFiles(const RestoreRequest& request, const ServerAddress& target, Clock& clock,
                           StopControl& stop, Progress& progress,
                           const std::function<bool(const std::string&)>& confirm) {
  RestoreReport report;
  const RestoreFilesPlan plan = PlanRestoreFiles(request.files, request.selection.table);
  for (const std::string& problem : plan.problems) report.AddDamage(problem);
  const auto connect = [target] { return Connection::Open(target); };
  if (!request.dry_run && !confirm(QuestionFor(plan, request, connect()->endpoint()))) {
    throw ConfigError("not confirmed; nothing was written", "--yes answers");
  }
  FilesRestore work(request, plan, stop);
  RestoreSession session(request, connect, clock, &report);
  RunRestorePipeline([&](const auto& push) { work.Produce(push); },
                     [&](const RestoreBatch& batch) {
                       if (stop.stopped()) return;
                       TakeBatch(batch, session, request, progress, &report);
                     });
  if (!stop.stopped()) {
    session.Finish();
    report.AddKeysNotFound(work.KeysNotFound());
  } else {
    report.exit_code = Worse(report.exit_code, ExitCode::kStopped);
  }
  return report;
}

}  // namespace osarchiver
