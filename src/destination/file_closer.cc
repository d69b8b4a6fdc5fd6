// Closing the segments of an interrupted pass. What may be found, and the crash that leads there
// (state/README.md has it in words):
//
//   journal  length  file                        crash                                 done
//   open     0       missing                     before the file was made              retired
//   open     0       anything                    in or behind the first batch          removed
//   open     > 0     as long                     behind a batch, before the next       sealed
//   open     > 0     longer                      while the next batch was written      cut, sealed
//   sealing  > 0     as long, or torn behind it  before or in the footer               cut, sealed
//   sealing  > 0     sealed                      before the journal said sealed        journaled
//
// Anything else is damage or an older journal. Of an older journal nothing is changed. What is
// damaged is put aside when each batch in it has a copy at another target, from which the next run
// makes it again. Whole batches behind the length have copies elsewhere before they are cut; that
// is looked at once more here, because the cut is the one step that cannot be undone.
#include <fmt/format.h>

#include "destination/checksums.h"
#include "destination/file_survey.h"
#include "destination/quarantine.h"
#include "destination/seal_check.h"
#include "formats/segment_reader.h"
#include "formats/segment_writer.h"
#include "util/failpoint.h"
#include "util/log.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Refuse(const fs::path& path, const std::string& what) {
  throw IntegrityError(path.string() + " " + what + "; nothing was changed",
                       "osarchiver verify names what is damaged");
}

// Throws in any case: damage is in the exit code, also where it can be mended.
[[noreturn]] void RefuseDamaged(const FileTarget& target, const SegmentInfo& segment,
                                const PassInfo& pass, Journal& journal, const std::string& what) {
  const std::string path = target.PathOf(segment).string();
  std::size_t lost = 0;
  for (const BatchInfo& batch : journal.ListBatches(pass.id)) {
    bool here = false, elsewhere = false;
    for (const CopyLocation& copy : batch.copies) {
      here = here || copy.segment == segment.id;
      elsewhere = elsewhere || copy.target != segment.target;
    }
    if (here && !elsewhere) ++lost;
  }
  if (lost > 0) {
    Refuse(path, fmt::format("{}, and {} batches have no other copy", what, lost));
  }
  PutAside(target, segment, journal);
  throw IntegrityError(path + " " + what +
                       "; it was put aside, and the next run makes what it held "
                       "again from other copies");
}

// One without a valid copy was never deleted and may go. Everything else must be settled elsewhere.
void RequireSafeToCut(const SegmentInfo& segment, const fs::path& path, const SegmentReport& report,
                      const RunInfo& run, const PassInfo& pass, Journal& journal) {
  const std::vector<BatchInfo> batches = journal.ListBatches(pass.id);
  const auto is_safe = [&](const BatchRecord& record) {
    for (const BatchInfo& batch : batches) {
      if (batch.batch.number != record.number || batch.batch.digest != record.digest) continue;
      if (IsSettledElsewhere(batch, segment)) return true;
    }
    return false;
  };
  // One that was being written may have its record on the disk and not its beginning.
  if (report.behind_whole.size() > 1 ||
      (report.behind_whole.size() == 1 && !is_safe(report.behind_whole.front()))) {
    Refuse(path, "holds batches behind bytes that are not whole");
  }
  if (report.footer && segment.state == SegmentState::kOpen) {
    Refuse(path, "is sealed, and the journal says that it is open");
  }
  if (report.header &&
      (report.header->run_name != run.name || report.header->journal_id != journal.id())) {
    Refuse(path, "was written by another run or with another journal");
  }
  for (const FoundBatch& found : report.batches) {
    if (found.location.end <= segment.length || is_safe(found.record)) continue;
    Refuse(path, fmt::format("holds batch {} behind byte {}, and the journal knows no other copy "
                             "of it here",
                             found.record.number, segment.length));
  }
}

void Retire(const FileTarget& target, const SegmentInfo& segment, const RunInfo& run,
            const PassInfo& pass, Journal& journal) {
  const fs::path path = target.PathOf(segment);
  if (target.files.Exists(path)) {
    RequireSafeToCut(segment, path, ScanSegment(target.files, path, ScanDepth::kRecords), run, pass,
                     journal);
    Failpoint("settle-cut-before");
    target.files.Remove(path);
  }
  // Also when the file is gone already: a crash may have come between removing and this.
  if (target.files.Exists(path.parent_path())) target.files.SyncDirectory(path.parent_path());
  journal.MarkRetired(segment.id);
  LogInfo(path.string() + " held no batch that is not elsewhere and was removed");
}

// The footer was complete and nobody had told the journal, perhaps not even synced it.
void AdoptSealed(const FileTarget& target, const SegmentInfo& segment, const SegmentReport& report,
                 Journal& journal) {
  const fs::path path = target.PathOf(segment);
  if (report.batches.empty() || report.batches.back().location.end != segment.length) {
    Refuse(path, "is sealed with other batches than the journal knows");
  }
  {
    const auto file = target.files.OpenForRead(path);
    file->SetMode(0440);
    file->Sync();
  }
  journal.MarkSealed(segment.id, report.file_bytes, HashOfFile(target.files, path),
                     report.footer_hash);
}

void SealAtLength(const FileTarget& target, const SegmentInfo& segment, const SegmentReport& report,
                  bool last_part, Journal& journal) {
  const fs::path path = target.PathOf(segment);
  if (report.file_bytes > segment.length) {
    Failpoint("settle-cut-before");
    const auto file = target.files.OpenForAppend(path);
    file->Truncate(segment.length);
    file->Sync();
    LogInfo(fmt::format("{} was cut from {} to {} bytes", path.string(), report.file_bytes,
                        segment.length));
  }
  Failpoint("segment-seal-before");
  if (segment.state == SegmentState::kOpen) journal.MarkSealing(segment.id);
  journal.EnsureSegmentDurable(segment.id);
  Failpoint("segment-sealing-journaled");
  const auto writer = SegmentWriter::ReopenToSeal(target.files, path, segment.length);
  const std::uint64_t length = writer->Seal(last_part);
  RequireSealed(target, segment, length, writer->footer_hash(), journal);
  journal.MarkSealed(segment.id, length, HashOfFile(target.files, path), writer->footer_hash());
  Failpoint("segment-sealed");
}

void CloseSegment(const FileTarget& target, const SegmentInfo& segment, bool last_part,
                  const RunInfo& run, const PassInfo& pass, Journal& journal) {
  if (segment.length == 0) {
    Retire(target, segment, run, pass, journal);
    return;
  }
  const fs::path path = target.PathOf(segment);
  if (!target.files.Exists(path)) RefuseDamaged(target, segment, pass, journal, "is missing");
  const SegmentReport report = ScanSegment(target.files, path, ScanDepth::kRecords);
  if (report.whole_bytes < segment.length) {
    const std::string what = fmt::format("is whole to byte {} only, the journal vouches for {}",
                                         report.whole_bytes, segment.length);
    // Shorter than journaled is what an older file has, or a file under an older journal.
    if (report.file_bytes < segment.length) Refuse(path, what);
    RefuseDamaged(target, segment, pass, journal, what);
  }
  if (report.footer && segment.state == SegmentState::kSealing) {
    if (report.condition == SegmentCondition::kSealed) {
      AdoptSealed(target, segment, report, journal);
      return;
    }
    Refuse(path, "has bytes behind its footer");
  }
  RequireSafeToCut(segment, path, report, run, pass, journal);
  SealAtLength(target, segment, report, last_part, journal);
}

}  // namespace

void CloseSegments(const FileTarget& target, const RunInfo& run, const PassInfo& pass,
                   Journal& journal) {
  std::vector<SegmentInfo> segments;
  std::uint32_t last_part = 0;
  for (SegmentInfo& segment : journal.ListSegments(pass.id)) {
    if (segment.target != target.target) continue;
    const bool stays =
        segment.state == SegmentState::kSealed ||
        ((segment.state == SegmentState::kOpen || segment.state == SegmentState::kSealing) &&
         segment.length > 0);
    if (stays) last_part = std::max(last_part, segment.part);
    segments.push_back(std::move(segment));
  }
  for (const SegmentInfo& segment : segments) {
    if (segment.state != SegmentState::kOpen && segment.state != SegmentState::kSealing) continue;
    CloseSegment(target, segment, segment.part == last_part, run, pass, journal);
  }
  // The process that wrote them made no list of them.
  if (last_part > 0) {
    WriteChecksumLists(target.files, target.root, target.target.destination, run.name, journal);
  }
}

}  // namespace osarchiver
