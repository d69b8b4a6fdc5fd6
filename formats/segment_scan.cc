// ScanSegment: walks a segment from its start, frame by frame. Invariants:
// - A batch is reported only when its own record, checksums and place agree, and, with kContent,
// its rows.
// - whole_bytes moves only over batches that follow each other from byte 0 without a gap.
// - Every step moves forward, so that any file, however hostile, is read a bounded number of times.
#include <set>
#include <utility>

#include "formats/batch_content.h"
#include "formats/find_header.h"
#include "formats/segment_reader.h"
#include "formats/segment_record.h"
#include "util/error.h"

namespace osarchiver {
namespace {

bool IsBatchOrFooter(RecordKind kind) { return kind != RecordKind::kHeader; }

class Scan {
 public:
  Scan(File& file, ScanDepth depth, SegmentScanner* scanner)
      : file_(file), depth_(depth), scanner_(scanner) {}

  SegmentReport Run();

 private:
  enum class Step { kNext, kBroken, kEnd };

  // What stands at position_: a batch (kNext), the footer or an unreadable header (kEnd), or
  // nothing whole (kBroken).
  Step TakeNext();
  // Takes the header record behind the first frame; false when none that can be read stands there.
  bool TakeHeader(const Record& record);
  // Judges a whole batch record. `shape` is of the frame that stands where the scan is.
  void TakeBatch(const Record& record, const std::optional<FrameShape>& shape);
  void TakeFooter(const Record& record);
  // Behind bytes that are not whole: goes on at the next whole record, if there is one.
  Step Resume();
  std::optional<FrameShape> FindFrameOf(const Record& record);
  void CheckPlace(const BatchRecord& batch, const std::optional<FrameShape>& shape) const;
  void CheckContent(const BatchRecord& batch, const FrameShape& shape);
  void CheckFooter(const SegmentFooter& footer, const Record& record);
  void NameMissing(const SegmentFooter& footer);
  void Damage(const std::string& problem);
  void TakeRecordsBehind();
  void Conclude();

  File& file_;
  ScanDepth depth_;
  SegmentScanner* scanner_;
  SegmentReport report_;
  std::optional<BatchContent> content_;
  RowBatch rows_;
  std::uint64_t position_ = 0;
  std::uint64_t last_number_ = 0;
  std::uint64_t row_count_ = 0;
  // Of the record before; nothing behind a gap, where the chain cannot be followed.
  std::optional<Hash> chain_;
  Hash header_hash_{};
  bool corrupt_ = false;
  bool sealed_ = false;
};

void Scan::Damage(const std::string& problem) {
  corrupt_ = true;
  report_.problems.push_back(problem);
}

bool Scan::TakeHeader(const Record& record) {
  try {
    report_.header = HeaderFromJson(record.json);
    content_.emplace(*report_.header);
  } catch (const IntegrityError& error) {
    Damage(error.what());
    return false;
  }
  rows_ = RowBatch(report_.header->definition.columns.size());
  chain_ = header_hash_ = record.hash;
  return true;
}

void Scan::CheckPlace(const BatchRecord& batch, const std::optional<FrameShape>& shape) const {
  const std::string name = BatchName(batch);
  if (!shape || batch.frame_bytes != shape->frame_bytes || batch.text_bytes != shape->text_bytes) {
    throw IntegrityError(name + ": its frame is not the recorded one");
  }
  if (chain_ && batch.previous_record != Hex(*chain_)) {
    throw IntegrityError(name + ": its record does not follow the one before it");
  }
  if (batch.number <= last_number_) {
    throw IntegrityError(name + ": it stands behind batch " + std::to_string(last_number_));
  }
  if (batch.rows == 0) throw IntegrityError(name + ": it claims no rows");
}

void Scan::CheckContent(const BatchRecord& batch, const FrameShape& shape) {
  rows_.Clear();
  try {
    content_->Read(file_, batch, shape, nullptr, &rows_);
  } catch (const IntegrityError& error) {
    throw IntegrityError(BatchName(batch) + ": " + error.what());
  }
}

void Scan::TakeBatch(const Record& record, const std::optional<FrameShape>& shape) {
  const std::uint64_t start = position_;
  position_ = record.end;
  BatchRecord batch;
  try {
    batch = BatchFromJson(record.json);
    if (batch.frame_offset != start) {
      throw IntegrityError(BatchName(batch) + ": its record names byte " +
                           std::to_string(batch.frame_offset) + ", its frame stands at byte " +
                           std::to_string(start));
    }
    CheckPlace(batch, shape);
    if (depth_ == ScanDepth::kContent) CheckContent(batch, *shape);
  } catch (const IntegrityError& error) {
    Damage(error.what());
    report_.damaged.push_back(std::move(batch));
    chain_ = record.hash;
    return;
  }
  chain_ = record.hash;
  last_number_ = batch.number;
  row_count_ += batch.rows;
  if (!corrupt_) report_.whole_bytes = record.end;
  if (scanner_ != nullptr && depth_ == ScanDepth::kContent) {
    scanner_->OnBatch(*report_.header, batch, rows_);
  }
  const FrameLocation location{start, batch.frame_bytes, record.end};
  report_.batches.push_back({std::move(batch), location});
}

void Scan::NameMissing(const SegmentFooter& footer) {
  std::set<std::uint64_t> whole;
  for (const FoundBatch& batch : report_.batches) whole.insert(batch.record.number);
  for (const SegmentFooter::Entry& entry : footer.index) {
    if (whole.contains(entry.number)) continue;
    Damage(BatchName(entry.number, entry.first_key, entry.last_key) +
           ": the index has it, and it is not whole");
  }
}

void Scan::CheckFooter(const SegmentFooter& footer, const Record& record) {
  if (chain_ && footer.previous_record != Hex(*chain_)) {
    Damage("the footer does not follow the record before it");
  }
  if (EncodeRecord(RecordKind::kHeader, footer.header_json).hash != header_hash_) {
    Damage("the footer's copy of the header is not the header");
  }
  if (record.end != report_.file_bytes) {
    Damage(std::to_string(report_.file_bytes - record.end) + " bytes stand behind the footer");
  }
  if (corrupt_) {
    NameMissing(footer);
    return;
  }
  bool same = footer.batches == report_.batches.size() && footer.rows == row_count_ &&
              footer.index.size() == report_.batches.size();
  for (std::size_t i = 0; same && i < footer.index.size(); ++i) {
    const SegmentFooter::Entry& entry = footer.index[i];
    const BatchRecord& batch = report_.batches[i].record;
    same = entry.number == batch.number && entry.frame_offset == batch.frame_offset &&
           entry.frame_bytes == batch.frame_bytes && entry.first_key == batch.first_key &&
           entry.last_key == batch.last_key;
  }
  if (!same) Damage("the footer's totals or index do not agree with the batches");
}

void Scan::TakeFooter(const Record& record) {
  SegmentFooter footer;
  try {
    footer = FooterFromJson(record.json);
  } catch (const IntegrityError& error) {
    Damage(error.what());
    return;
  }
  CheckFooter(footer, record);
  report_.footer = std::move(footer);
  report_.footer_hash = Hex(record.hash);
  sealed_ = !corrupt_;
  if (sealed_) report_.whole_bytes = record.end;
}

Scan::Step Scan::TakeNext() {
  const std::uint64_t size = report_.file_bytes;
  if (report_.header) {
    const auto footer = ReadRecord(file_, position_, size);
    if (footer && footer->kind == RecordKind::kFooter) {
      TakeFooter(*footer);
      return Step::kEnd;
    }
  }
  const auto shape = MeasureFrame(file_, position_, size);
  if (!shape) return Step::kBroken;
  std::uint64_t behind = position_ + shape->frame_bytes;
  if (position_ == 0) {
    const auto header = ReadRecord(file_, behind, size);
    if (!header || header->kind != RecordKind::kHeader) return Step::kBroken;
    if (!TakeHeader(*header)) return Step::kEnd;
    behind = header->end;
  }
  const auto record = ReadRecord(file_, behind, size);
  if (!record || record->kind != RecordKind::kBatch) return Step::kBroken;
  TakeBatch(*record, shape);
  return Step::kNext;
}

Scan::Step Scan::Resume() {
  const std::uint64_t size = report_.file_bytes;
  const std::uint64_t broken = position_;
  const auto record = FindRecord(file_, broken, size, IsBatchOrFooter);
  if (!record) {
    report_.problems.push_back("the bytes from " + std::to_string(broken) + " to the end at " +
                               std::to_string(size) + " are no whole batch");
    return Step::kEnd;
  }
  if (!report_.header) {
    const auto header = FindHeader(file_);
    if (!header) {
      report_.problems.push_back("no whole header stands before the record at byte " +
                                 std::to_string(record->offset));
      return Step::kEnd;
    }
    if (!TakeHeader(*header)) return Step::kEnd;
  }
  Damage("the bytes from " + std::to_string(broken) + " to the record at " +
         std::to_string(record->offset) + " are no whole batch");
  chain_.reset();
  if (record->kind == RecordKind::kFooter) {
    TakeFooter(*record);
    return Step::kEnd;
  }
  TakeBatch(*record, FindFrameOf(*record));
  return Step::kNext;
}

// The record says where its frame starts. It is believed as far as a whole frame starts there,
// behind the broken bytes' start, and ends where the record begins. The first frame is not found
// so: it was there, or it is what is broken.
std::optional<FrameShape> Scan::FindFrameOf(const Record& record) {
  std::uint64_t start = 0;
  try {
    start = BatchFromJson(record.json).frame_offset;
  } catch (const IntegrityError&) {
    return std::nullopt;  // TakeBatch says what is wrong with it
  }
  if (start == 0 || start < position_ || start >= record.offset) return std::nullopt;
  position_ = start;
  const auto shape = MeasureFrame(file_, start, record.offset);
  if (!shape || start + shape->frame_bytes != record.offset) return std::nullopt;
  return shape;
}

void Scan::TakeRecordsBehind() {
  std::uint64_t from = report_.whole_bytes;
  while (const auto record = FindRecord(file_, from, report_.file_bytes, IsBatchOrFooter)) {
    report_.records_behind_whole = true;
    from = record->end;
    BatchRecord batch;
    try {
      if (record->kind == RecordKind::kBatch) batch = BatchFromJson(record->json);
    } catch (const IntegrityError&) {
      // TakeBatch says what is wrong with it.
    }
    report_.behind_whole.push_back(std::move(batch));
  }
}

void Scan::Conclude() {
  if (corrupt_ || !report_.header) TakeRecordsBehind();
  if (corrupt_) {
    report_.condition = SegmentCondition::kCorrupt;
  } else if (sealed_) {
    report_.condition = SegmentCondition::kSealed;
  } else if (report_.batches.empty()) {
    report_.condition = SegmentCondition::kEmpty;
  } else {
    report_.condition = report_.whole_bytes == report_.file_bytes ? SegmentCondition::kOpen
                                                                  : SegmentCondition::kTorn;
  }
}

SegmentReport Scan::Run() {
  file_.DropCache();
  report_.file_bytes = file_.Size();
  Step step = Step::kNext;
  while (step != Step::kEnd && position_ < report_.file_bytes) {
    step = TakeNext();
    if (step == Step::kBroken) step = Resume();
  }
  Conclude();
  return std::move(report_);
}

}  // namespace

SegmentReport ScanSegment(FileSystem& files, const std::filesystem::path& path, ScanDepth depth,
                          SegmentScanner* scanner) {
  const auto file = files.OpenForRead(path);
  return Scan(*file, depth, scanner).Run();
}

}  // namespace osarchiver
