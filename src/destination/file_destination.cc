#include "destination/file_destination.h"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "destination/checksums.h"
#include "destination/file_inventory.h"
#include "destination/file_survey.h"
#include "destination/file_table_writer.h"
#include "destination/file_verify.h"
#include "destination/layout.h"
#include "destination/quarantine.h"
#include "formats/format.h"
#include "formats/segment_reader.h"
#include "util/clock.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

std::string Describe(const CopyReference& copy, const fs::path& path) {
  return fmt::format("batch {} of {}.{} (run {}) in {}", copy.number, copy.key.database,
                     copy.key.table, copy.run_name, path.string());
}

// The file's own words must be those of the batch that is asked for: a path alone proves nothing.
void RequireSame(const SegmentHeader& header, const CopyReference& copy,
                 const TableDefinition& definition, const fs::path& path) {
  if (header.run_name != copy.run_name || header.source != copy.key.source ||
      header.definition.database != copy.key.database ||
      header.definition.table != copy.key.table) {
    throw IntegrityError(Describe(copy, path) + ": the file is another table's or run's");
  }
  if (!SameRowShape(header.definition, definition)) {
    throw IntegrityError(Describe(copy, path) +
                         ": the file's table definition is not the one it was archived with");
  }
}

// A sealed segment is what it was when it was sealed.
bool IsWhole(const FileTarget& target, const SegmentInfo& segment) {
  const fs::path path = target.PathOf(segment);
  if (!target.files.Exists(path)) return false;
  const SegmentReport report = ScanSegment(target.files, path, ScanDepth::kContent);
  return report.condition == SegmentCondition::kSealed && report.file_bytes == segment.length &&
         report.footer_hash == segment.footer_hash;
}

}  // namespace

FileDestination::FileDestination(const FileDestinationSettings& settings, const std::string& format,
                                 std::shared_ptr<ArchiveRoot> root)
    : settings_(settings),
      target_{root->files(), root->path(), {root->destination(), format}},
      root_(std::move(root)) {
  if (FindFormat(format) == nullptr) {
    throw ConfigError(
        fmt::format("destination {}: no format is named '{}'", target_.target.destination, format));
  }
}

std::vector<std::string> FileDestination::Check(const RunContext& run, const Journal* journal) {
  (void)ResolveLayout(settings_.layout, {run.archiver, run.site, run.source, "2000-01-01"});
  std::vector<std::string> problems = root_->Check(run, journal);
  if (problems.empty()) {
    if (auto room = LacksRoom()) problems.push_back(*room);
  }
  return problems;
}

void FileDestination::Open(const RunContext& run, Journal& journal) { root_->Open(run, journal); }

void FileDestination::RequireJournal(const RunContext& run, const std::vector<PassKey>& tables,
                                     const Journal* journal) {
  (void)tables;  // a root knows its last runs, whatever they wrote
  root_->RequireJournal(run, journal);
}

std::unique_ptr<TableWriter> FileDestination::OpenTable(const PassContext& pass, Journal& journal) {
  const std::string directory = ResolveLayout(
      settings_.layout,
      {pass.run.archiver, pass.run.site, pass.run.source, FormatUtcDate(pass.run.started_unix)});
  return std::make_unique<FileTableWriter>(target_, *root_, settings_, directory, pass, journal);
}

std::optional<std::string> FileDestination::LacksRoom() {
  fs::path place = target_.root;
  std::error_code ignored;
  while (!fs::exists(place, ignored) && place != place.parent_path()) place = place.parent_path();
  const std::uint64_t free_bytes = target_.files.FreeBytes(place);
  if (free_bytes >= settings_.min_free_bytes) return std::nullopt;
  return fmt::format("destination {}: {} are free in {}, less than min_free ({})",
                     target_.target.destination, HumanBytes(free_bytes), target_.root.string(),
                     HumanBytes(settings_.min_free_bytes));
}

Hash FileDestination::ReadBack(const CopyReference& copy, const TableDefinition& definition,
                               Journal& journal, const DigestedRows* known, RowBatch* rows) {
  const auto segment = journal.FindSegment(copy.location.segment);
  if (!segment) {
    throw IntegrityError(fmt::format("the journal has no segment {} for batch {} of {}.{}",
                                     copy.location.segment, copy.number, copy.key.database,
                                     copy.key.table));
  }
  const fs::path path = target_.PathOf(*segment);
  std::unique_ptr<SegmentReader> reader;
  try {
    reader = readers_.Take(target_.files, path);
  } catch (const IoError& error) {
    if (error.error_number() != ENOENT) throw;
    // Files that are not mounted are not lost.
    const auto run = journal.FindRun(copy.run_name);
    if (run) root_->RequireMarker(run->site);
    throw IntegrityError(Describe(copy, path) + ": the file is not there");
  }
  RequireSame(reader->header(), copy, definition, path);
  const FrameLocation location{copy.location.offset, copy.location.frame_bytes, copy.location.end};
  const BatchRecord record = reader->ReadBatch(location, rows, known);
  if (record.number != copy.number) {
    throw IntegrityError(
        fmt::format("{}: batch {} stands there", Describe(copy, path), record.number));
  }
  readers_.Give(path, std::move(reader));
  // ReadBatch() digested the rows that it parsed, or compared them, and they had this one.
  return record.digest;
}

std::vector<std::string> FileDestination::FindUnknown(const RunInfo& run, Journal& journal) {
  return FindUnknownSegments(target_, run, journal);
}

Survey FileDestination::SurveyPass(const RunInfo& run, const PassInfo& pass, Journal& journal) {
  return SurveySegments(target_, run, pass, journal);
}

bool FileDestination::PutDamagedAside(Journal& journal) {
  bool any = false;
  for (const std::string& path : journal.DoubtfulPaths(target_.target.destination)) {
    const std::string relative = fs::path(path).lexically_relative(target_.root).string();
    const auto segment = journal.FindSegment(target_.target, relative);
    if (!segment || segment->state != SegmentState::kSealed || IsWhole(target_, *segment)) continue;
    readers_.Forget(path);
    PutAside(target_, *segment, journal);
    any = true;
  }
  return any;
}

void FileDestination::CloseInterrupted(const RunInfo& run, const PassInfo& pass, Journal& journal) {
  CloseSegments(target_, run, pass, journal);
}

std::vector<VerifyFinding> FileDestination::Verify(const RunInfo& run, const PassInfo& pass,
                                                   Journal& journal, double sample,
                                                   std::uint64_t seed) {
  // Files that are not mounted are not damaged.
  if (journal.KnowsDestination(target_.target.destination)) root_->RequireMarker(run.site);
  return VerifySegments(target_, pass, journal, sample, seed);
}

std::vector<VerifyFinding> FileDestination::VerifyRun(const RunInfo& run, const Journal& journal) {
  return VerifyChecksumLists(target_.files, target_.root, target_.target.destination, run, journal);
}

fs::path FileDestination::PlaceOfJournalCopy(const std::string& journal_id) const {
  return root_->JournalCopy(journal_id);
}

Inventory FileDestination::TakeInventory(const std::string& site, const std::string& archiver) {
  root_->RequireMarker(site);
  Inventory inventory = TakeFileInventory(target_, site, archiver);
  inventory.last_runs = root_->LastRuns(site, archiver);
  return inventory;
}

void FileDestination::Quarantine(const CopyLocation& location, Journal& journal) {
  const auto segment = journal.FindSegment(location.segment);
  if (!segment) return;
  readers_.Forget(target_.PathOf(*segment));
  PutAside(target_, *segment, journal);
}

void FileDestination::FinishRun(const RunContext& run, Journal& journal) {
  root_->FinishRun(run, journal);
}

}  // namespace osarchiver
