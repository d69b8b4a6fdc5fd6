#include "destination/file_table_writer.h"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "destination/checksums.h"
#include "destination/seal_check.h"
#include "util/clock.h"
#include "util/failpoint.h"
#include "util/log.h"

namespace osarchiver {

namespace fs = std::filesystem;

FileTableWriter::FileTableWriter(const FileTarget& target, ArchiveRoot& root,
                                 const FileDestinationSettings& settings, std::string directory,
                                 const PassContext& pass, Journal& journal)
    : target_(target),
      root_(root),
      settings_(settings),
      directory_(std::move(directory)),
      pass_(pass),
      journal_(journal) {}

bool FileTableWriter::is_full(const Segment& segment) const {
  return segment.writer->length() >= settings_.segment_bytes;
}

void FileTableWriter::Announce() {
  if (failed_) throw StateError("a segment writer was used after it failed");
  if (announced_ || (current_ && !is_full(*current_))) return;
  failed_ = true;  // until it went well
  announced_ = AnnouncePart();
  failed_ = false;
}

CopyLocation FileTableWriter::Store(const BatchToStore& batch) {
  if (failed_) throw StateError("a segment writer was used after it failed");
  if (last_stored_ && batch.number <= last_stored_->number) {
    if (batch.number == last_stored_->number && batch.digest == last_stored_->digest) {
      return last_stored_->location;
    }
    throw StateError(fmt::format("batch {} of {}.{} comes after batch {}", batch.number,
                                 pass_.definition.database, pass_.definition.table,
                                 last_stored_->number));
  }
  failed_ = true;  // until it went well
  if (current_ && is_full(*current_)) {
    full_.push_back(*std::move(current_));
    current_.reset();
    SealVerified();
  }
  if (!current_) StartSegment();
  const FrameLocation frame = Append(batch);
  if (current_->first_number == 0) current_->first_number = batch.number;
  current_->last_number = batch.number;
  const CopyLocation location{target_.target, current_->id, frame.offset, frame.frame_bytes,
                              frame.end};
  last_stored_ = StoredBatch{batch.number, batch.digest, location};
  failed_ = false;
  return location;
}

FrameLocation FileTableWriter::Append(const BatchToStore& batch) {
  try {
    return current_->writer->Append(batch.number, *batch.rows, batch.digest, batch.supersedes);
  } catch (const IoError&) {
    RemoveTail();
    throw;
  }
}

// What the failed Append left was promised to nobody, and on a full disk its room is needed.
// Settling would do the same; this only does it sooner, so a failure changes nothing.
void FileTableWriter::RemoveTail() {
  try {
    if (current_->writer->length() == 0) {
      target_.files.Remove(current_->path);
    } else {
      target_.files.OpenForAppend(current_->path)->Truncate(current_->writer->length());
    }
  } catch (const Error& error) {
    LogWarning(fmt::format("{} ends in bytes of no batch, which the next run cuts off: {}",
                           current_->path.string(), error.what()));
  }
}

SegmentHeader FileTableWriter::Header(std::uint32_t part) const {
  SegmentHeader header;
  header.site = pass_.run.site;
  header.journal_id = pass_.run.journal_id;
  header.archiver = pass_.run.archiver;
  header.source = pass_.run.source;
  header.server = pass_.run.server;
  header.run_name = pass_.run.run_name;
  header.now = pass_.run.now;
  header.cutoff = pass_.cutoff;
  header.where = pass_.where;
  header.definition = pass_.definition;
  header.format = target_.target.format;
  header.part = part;
  header.osarchiver_version = OSARCHIVER_VERSION;
  header.created_at = FormatUtc(SystemClock().UnixSeconds());
  return header;
}

std::string FileTableWriter::PreviousFooter(std::uint32_t part) const {
  std::string footer;
  for (const SegmentInfo& segment : journal_.ListSegments(pass_.pass)) {
    if (segment.target == target_.target && segment.part + 1 == part) footer = segment.footer_hash;
  }
  return footer;
}

void FileTableWriter::StartSegment() {
  target_.files.CreateDirectories(target_.root / directory_);
  while (!current_) {
    if (!announced_) announced_ = AnnouncePart();
    journal_.EnsureSegmentDurable(announced_->id);
    root_.RecordRun(pass_.run);
    current_ = CreatePart(*std::exchange(announced_, std::nullopt));
  }
}

FileTableWriter::Part FileTableWriter::AnnouncePart() {
  root_.BeginToRecordRun(pass_.run);
  for (std::uint32_t number = journal_.LastPart(pass_.pass, target_.target) + 1;; ++number) {
    Part part;
    part.header = Header(number);
    const std::string relative = (fs::path(directory_) / SegmentFileName(part.header)).string();
    part.path = target_.root / relative;
    if (!target_.files.Exists(part.path)) {
      part.id = journal_.AddSegment(pass_.pass, target_.target, number, relative);
      return part;
    }
    WarnOfOther(part);
  }
}

std::optional<FileTableWriter::Segment> FileTableWriter::CreatePart(Part part) {
  Segment segment;
  segment.id = part.id;
  segment.path = part.path;
  part.header.previous_footer = PreviousFooter(part.header.part);
  try {
    segment.writer = SegmentWriter::Create(target_.files, segment.path, part.header,
                                           settings_.compression_level);
  } catch (const IoError& error) {
    if (error.error_number() != EEXIST) throw;
    // Somebody else's, made in this moment: settling must not take it for an empty one of ours.
    journal_.MarkRetired(part.id);
    WarnOfOther(part);
    return std::nullopt;
  }
  return segment;
}

void FileTableWriter::WarnOfOther(const Part& part) const {
  LogWarning(fmt::format("{}: part {} of {}.{} exists already and is left alone",
                         target_.root.string(), part.header.part, pass_.definition.database,
                         pass_.definition.table));
}

void FileTableWriter::SealVerified() {
  const std::vector<BatchInfo> batches = journal_.ListBatches(pass_.pass);
  while (!full_.empty()) {
    Segment& oldest = full_.front();
    for (const BatchInfo& batch : batches) {
      const std::uint64_t number = batch.batch.number;
      if (number < oldest.first_number || number > oldest.last_number) continue;
      if (batch.state == BatchState::kExtracted || batch.state == BatchState::kArchived) return;
    }
    SealSegment(oldest, false);
    full_.erase(full_.begin());
  }
}

void FileTableWriter::AnnounceSealOf(Segment& segment) {
  if (segment.seal_announced) return;
  Failpoint("segment-seal-before");
  journal_.MarkSealing(segment.id);
  segment.seal_announced = true;
}

void FileTableWriter::SealSegment(Segment& segment, bool last_part) {
  AnnounceSealOf(segment);
  journal_.EnsureSegmentDurable(segment.id);
  Failpoint("segment-sealing-journaled");
  const std::uint64_t length = segment.writer->Seal(last_part);
  SegmentInfo sealed;
  sealed.id = segment.id;
  sealed.path = fs::relative(segment.path, target_.root).string();
  RequireSealed(target_, sealed, length, segment.writer->footer_hash(), journal_);
  journal_.MarkSealed(segment.id, length, HashOfFile(target_.files, segment.path),
                      segment.writer->footer_hash());
  Failpoint("segment-sealed");
}

void FileTableWriter::AnnounceSeal() {
  if (failed_) throw StateError("a segment writer was used after it failed");
  failed_ = true;
  // No batch came to it: all its rows met others at another destination.
  if (announced_) journal_.MarkRetired(announced_->id);
  announced_.reset();
  for (Segment& segment : full_) AnnounceSealOf(segment);
  if (current_) AnnounceSealOf(*current_);
  failed_ = false;
}

void FileTableWriter::Seal() {
  AnnounceSeal();
  failed_ = true;
  for (Segment& segment : full_) SealSegment(segment, false);
  full_.clear();
  if (current_) SealSegment(*current_, true);
  current_.reset();
  failed_ = false;
}

}  // namespace osarchiver
