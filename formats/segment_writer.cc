#include "formats/segment_writer.h"

#include <string>
#include <utility>

#include "formats/segment_reader.h"
#include "formats/segment_record.h"
#include "formats/zstd_frame.h"
#include "util/clock.h"
#include "util/error.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

// Batches up to here are turned into text as a whole; larger ones are written twice, the first time
// only to learn the text's length, which stands at the start of the frame.
constexpr std::size_t kWholeTextRowBytes = std::size_t{8} << 20;

class StringSink final : public TextSink {
 public:
  explicit StringSink(std::string* text) : text_(text) {}
  void Write(std::string_view text) override { text_->append(text); }

 private:
  std::string* text_;
};

class CountingSink final : public TextSink {
 public:
  void Write(std::string_view text) override { bytes += text.size(); }
  std::uint64_t bytes = 0;
};

class FileSink final : public TextSink {
 public:
  explicit FileSink(File& file) : file_(file) {}
  void Write(std::string_view text) override {
    file_.Append(text);
    sha256_.Update(text);
    bytes += text.size();
  }
  Hash Finish() { return sha256_.Finish(); }
  std::uint64_t bytes = 0;

 private:
  File& file_;
  Sha256 sha256_;
};

const Format& RequireFormat(const std::string& name) {
  const Format* format = FindFormat(name);
  if (format == nullptr) throw Error("there is no archive format " + name);
  return *format;
}

fs::path DirectoryOf(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

}  // namespace

struct SegmentWriter::State {
  State(fs::path segment_path, SegmentHeader segment_header, int compression_level)
      : path(std::move(segment_path)),
        header(std::move(segment_header)),
        format(RequireFormat(header.format)),
        compressor(compression_level) {}

  // Every call that writes goes through here: whatever it throws ends the writer's life.
  template <typename Work>
  auto Write(const char* what, Work work) {
    if (dead) throw Error(std::string("cannot ") + what + " " + path.string() + ": it is closed");
    dead = true;
    auto result = work();
    dead = false;
    return result;
  }

  void WriteText(const RowBatch& batch, TextSink& out) const {
    if (batches == 0) format.WritePrologue(header.definition, out);
    format.WriteRows(header.definition, batch, out);
  }
  // Appends the frame; fills in its length and the text's.
  void WriteFrame(const RowBatch& batch, BatchRecord* record);
  // Appends a record and makes it the chain's last.
  void WriteRecord(RecordKind kind, std::string_view json);
  FrameLocation Append(const RowBatch& batch, BatchRecord record);
  std::uint64_t Seal(bool last_part);

  fs::path path;
  std::unique_ptr<File> file;
  SegmentHeader header;
  const Format& format;
  FrameCompressor compressor;
  std::string text;  // of one batch; kept for its memory
  std::uint64_t length = 0;
  std::uint64_t unsynced_length = 0;
  std::uint64_t batches = 0;
  std::uint64_t rows = 0;
  std::uint64_t last_number = 0;
  Hash last_record{};
  std::vector<SegmentFooter::Entry> index;
  std::string footer_hash;
  bool only_seal = false;
  bool dead = false;
};

void SegmentWriter::State::WriteFrame(const RowBatch& batch, BatchRecord* record) {
  FileSink out(*file);
  if (batch.byte_count() <= kWholeTextRowBytes) {
    text.clear();
    StringSink sink(&text);
    WriteText(batch, sink);
    record->text_bytes = text.size();
    out.Write(compressor.Compress(text));
  } else {
    CountingSink count;
    WriteText(batch, count);
    record->text_bytes = count.bytes;
    if (count.bytes > kTextBytesMax) {
      throw Error("batch " + std::to_string(record->number) +
                  " is too large for a segment: " + std::to_string(count.bytes) + " bytes of text");
    }
    compressor.CompressPieces(
        count.bytes, [&](TextSink& sink) { WriteText(batch, sink); }, out);
  }
  record->frame_bytes = out.bytes;
  record->frame_hash = out.Finish();
  unsynced_length += out.bytes;
}

void SegmentWriter::State::WriteRecord(RecordKind kind, std::string_view json) {
  const EncodedRecord record = EncodeRecord(kind, json);
  file->Append(record.frame);
  unsynced_length += record.frame.size();
  last_record = record.hash;
}

FrameLocation SegmentWriter::State::Append(const RowBatch& batch, BatchRecord record) {
  record.frame_offset = length;
  WriteFrame(batch, &record);
  if (batches == 0) WriteRecord(RecordKind::kHeader, HeaderToJson(header));
  record.previous_record = Hex(last_record);
  WriteRecord(RecordKind::kBatch, BatchToJson(record));
  file->Sync();
  length = unsynced_length;
  ++batches;
  rows += record.rows;
  last_number = record.number;
  index.push_back(
      {record.number, record.frame_offset, record.frame_bytes, record.first_key, record.last_key});
  return {record.frame_offset, record.frame_bytes, length};
}

std::uint64_t SegmentWriter::State::Seal(bool last_part) {
  SegmentFooter footer;
  footer.batches = batches;
  footer.rows = rows;
  footer.last_part = last_part;
  footer.sealed_at = FormatUtc(SystemClock().UnixSeconds());
  footer.previous_record = Hex(last_record);
  footer.index = index;
  footer.header_json = HeaderToJson(header);
  WriteRecord(RecordKind::kFooter, FooterToJson(footer));
  file->Sync();
  length = unsynced_length;
  file->SetMode(0440);
  footer_hash = Hex(last_record);
  return length;
}

SegmentWriter::SegmentWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}

SegmentWriter::~SegmentWriter() = default;

std::unique_ptr<SegmentWriter> SegmentWriter::Create(FileSystem& files, const fs::path& path,
                                                     SegmentHeader header, int compression_level) {
  if (header.osarchiver_version.empty()) header.osarchiver_version = OSARCHIVER_VERSION;
  if (header.created_at.empty()) header.created_at = FormatUtc(SystemClock().UnixSeconds());
  auto state = std::make_unique<State>(path, std::move(header), compression_level);
  state->file = files.Create(path, 0640);
  files.SyncDirectory(DirectoryOf(path));
  return std::unique_ptr<SegmentWriter>(new SegmentWriter(std::move(state)));
}

std::unique_ptr<SegmentWriter> SegmentWriter::ReopenToSeal(FileSystem& files, const fs::path& path,
                                                           std::uint64_t length) {
  SegmentReport report = ScanSegment(files, path, ScanDepth::kRecords);
  if (report.condition != SegmentCondition::kOpen || report.file_bytes != length) {
    throw IntegrityError("cannot seal " + path.string() + ": it is not whole up to byte " +
                         std::to_string(length) +
                         (report.problems.empty() ? "" : ": " + report.problems.front()));
  }
  constexpr int kAnyLevel = 1;  // nothing is compressed any more
  auto state = std::make_unique<State>(path, *std::move(report.header), kAnyLevel);
  for (const FoundBatch& found : report.batches) {
    state->rows += found.record.rows;
    state->index.push_back({found.record.number, found.location.offset, found.location.frame_bytes,
                            found.record.first_key, found.record.last_key});
  }
  state->batches = report.batches.size();
  state->length = state->unsynced_length = length;
  state->only_seal = true;
  state->file = files.OpenForAppend(path);
  const auto last = ReadRecordBefore(*state->file, length);
  if (!last || last->kind != RecordKind::kBatch) {
    throw IntegrityError("cannot seal " + path.string() + ": no batch ends at byte " +
                         std::to_string(length));
  }
  state->last_record = last->hash;
  return std::unique_ptr<SegmentWriter>(new SegmentWriter(std::move(state)));
}

FrameLocation SegmentWriter::Append(std::uint64_t number, const RowBatch& rows, const Hash& digest,
                                    const std::vector<SupersededRow>& supersedes) {
  if (state_->only_seal || number <= state_->last_number || rows.row_count() == 0) {
    throw Error("cannot append batch " + std::to_string(number) + " to " + state_->path.string() +
                ": batches have rows and ascend, and a reopened segment takes none");
  }
  BatchRecord record;
  record.number = number;
  record.rows = rows.row_count();
  record.first_key = KeyBytes(rows.row(0), state_->header.definition.key);
  record.last_key = KeyBytes(rows.row(rows.row_count() - 1), state_->header.definition.key);
  record.digest = digest;
  record.supersedes = supersedes;
  return state_->Write("append to", [&] { return state_->Append(rows, std::move(record)); });
}

std::uint64_t SegmentWriter::Seal(bool last_part) {
  if (state_->batches == 0) {
    throw Error("cannot seal " + state_->path.string() + ": it holds no batch");
  }
  const std::uint64_t length = state_->Write("seal", [&] { return state_->Seal(last_part); });
  state_->dead = true;
  return length;
}

const SegmentHeader& SegmentWriter::header() const { return state_->header; }
std::uint64_t SegmentWriter::length() const { return state_->length; }
std::uint64_t SegmentWriter::batches() const { return state_->batches; }
std::string SegmentWriter::footer_hash() const { return state_->footer_hash; }

}  // namespace osarchiver
