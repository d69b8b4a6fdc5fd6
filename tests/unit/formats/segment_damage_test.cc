// What is left of a segment that was cut, flipped, or put together wrongly: never a wrong row,
// never "sealed".
#include <gtest/gtest.h>

#include "formats/segment_reader.h"
#include "formats/segment_record.h"
#include "formats/segment_writer.h"
#include "memory_files.h"
#include "sample_rows.h"
#include "util/error.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kBatches = 3;

// Two columns only: every byte of the segment is damaged in turn.
SegmentHeader SmallHeader() {
  SegmentHeader header = SampleHeader("csv");
  header.definition.columns.resize(2);
  return header;
}

RowBatch RowsOf(std::uint64_t number) {
  RowBatch rows(2);
  for (std::uint64_t id = number * 10; id < number * 10 + 2; ++id) {
    const std::string text = std::to_string(id);
    const std::string name = "it's row " + text;
    AppendValues({Bytes(text), Bytes(name)}, &rows);
  }
  return rows;
}

// Requires that every batch that is said to be whole holds the rows that were written.
class RightRowsOnly final : public SegmentScanner {
 public:
  void OnBatch(const SegmentHeader& header, const BatchRecord& record,
               const RowBatch& rows) override {
    EXPECT_EQ(header.run_name, SampleHeader("sql").run_name);
    const RowBatch expected = RowsOf(record.number);
    ASSERT_EQ(rows.row_count(), expected.row_count());
    for (std::size_t i = 0; i < rows.row_count(); ++i) ASSERT_EQ(rows.row(i), expected.row(i));
  }
};

class SegmentDamageTest : public testing::Test {
 protected:
  SegmentDamageTest() {
    const auto writer = SegmentWriter::Create(files_, path_, SmallHeader(), 3);
    for (std::uint64_t number = 1; number <= kBatches; ++number) {
      const RowBatch rows = RowsOf(number);
      locations_.push_back(writer->Append(number, rows, BatchDigest(RowHashes(rows)), {}));
    }
    static_cast<void>(writer->Seal(true));
    content_ = files_.contents[path_];
  }

  void Put(std::string_view content) { files_.contents[path_] = content; }
  SegmentReport ScanOf(std::string_view content, ScanDepth depth = ScanDepth::kContent) {
    Put(content);
    RightRowsOnly scanner;
    return ScanSegment(files_, path_, depth, &scanner);
  }
  // The bytes of batch `number`'s frame and records.
  std::string_view Part(std::uint64_t number) const {
    const FrameLocation& location = locations_[number - 1];
    return std::string_view(content_).substr(location.offset, location.end - location.offset);
  }
  std::string_view Footer() const {
    return std::string_view(content_).substr(locations_.back().end);
  }

  MemoryFileSystem files_;
  fs::path path_ = "segment.csv.zst";
  std::vector<FrameLocation> locations_;
  std::string content_;
};

TEST_F(SegmentDamageTest, CutAtEveryByte) {
  for (std::size_t size = 0; size < content_.size(); ++size) {
    const ScanDepth depth = size % 4 == 0 ? ScanDepth::kRecords : ScanDepth::kContent;
    const SegmentReport report = ScanOf(std::string_view(content_).substr(0, size), depth);
    std::size_t whole = 0;
    while (whole < kBatches && locations_[whole].end <= size) ++whole;
    const std::uint64_t whole_bytes = whole == 0 ? 0 : locations_[whole - 1].end;
    ASSERT_EQ(report.batches.size(), whole) << "cut at " << size;
    ASSERT_EQ(report.whole_bytes, whole_bytes) << "cut at " << size;
    ASSERT_FALSE(report.records_behind_whole) << "cut at " << size;
    ASSERT_EQ(report.condition, whole == 0            ? SegmentCondition::kEmpty
                                : size == whole_bytes ? SegmentCondition::kOpen
                                                      : SegmentCondition::kTorn)
        << "cut at " << size;
  }
}

// Also every batch that can still be read by its place is the one that was written.
TEST_F(SegmentDamageTest, FlippedByteIsAlwaysFound) {
  std::string content = content_;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const unsigned flip = 1u << (i % 8);
    content[i] = static_cast<char>(static_cast<unsigned char>(content_[i]) ^ flip);
    const SegmentReport report = ScanOf(content);
    ASSERT_NE(report.condition, SegmentCondition::kSealed) << "byte " << i;
    ASSERT_NE(report.condition, SegmentCondition::kOpen) << "byte " << i;
    ASSERT_FALSE(report.problems.empty()) << "byte " << i;
    ASSERT_LE(report.whole_bytes, i) << "byte " << i;
    // All but the last record have another one behind them, and nothing may be cut there.
    const bool in_footer = i >= locations_.back().end;
    ASSERT_EQ(report.records_behind_whole, !in_footer) << "byte " << i;
    std::size_t hit = 0;
    while (hit < kBatches && i >= locations_[hit].end) ++hit;
    // One flipped byte costs one batch at most, in the header too.
    ASSERT_GE(report.batches.size(), in_footer ? kBatches : kBatches - 1) << "byte " << i;
    for (const FoundBatch& found : report.batches) {
      ASSERT_NE(found.location, hit < kBatches ? locations_[hit] : FrameLocation{});
    }
    content[i] = content_[i];
  }
}

TEST_F(SegmentDamageTest, OtherBatchesStayReadableByTheirPlace) {
  for (std::size_t i = 0; i < content_.size(); i += 3) {
    std::string content = content_;
    content[i] = static_cast<char>(content[i] ^ 0x10);
    Put(content);
    const auto reader = SegmentReader::Open(files_, path_);
    for (std::size_t number = 1; number <= kBatches; ++number) {
      const FrameLocation& location = locations_[number - 1];
      const bool hit = i >= location.offset && i < location.end;
      RowBatch rows(2);
      if (hit) {
        ASSERT_THROW(reader->ReadBatch(location, &rows), IntegrityError) << "byte " << i;
        ASSERT_EQ(rows.row_count(), 0u);
      } else {
        ASSERT_EQ(reader->ReadBatch(location, &rows).number, number) << "byte " << i;
        ASSERT_EQ(rows.row(0), RowsOf(number).row(0));
      }
    }
  }
}

TEST_F(SegmentDamageTest, RepeatedRemovedAndReorderedBatchesBreakTheChain) {
  const std::string one(Part(1)), two(Part(2)), three(Part(3)), footer(Footer());
  ASSERT_EQ(ScanOf(one + two + three + footer).condition, SegmentCondition::kSealed);
  for (const std::string& content :
       {one + two + two + three + footer, one + three + footer, one + three + two + footer,
        one + two + footer, one + one + two + three + footer, one + two + three + footer + footer,
        one + two + three + footer + three, one + footer + two + three, two + three + footer,
        one + two + one + footer, footer + one + two + three}) {
    for (const ScanDepth depth : {ScanDepth::kRecords, ScanDepth::kContent}) {
      const SegmentReport report = ScanOf(content, depth);
      EXPECT_TRUE(report.condition == SegmentCondition::kCorrupt ||
                  report.condition == SegmentCondition::kEmpty);
      EXPECT_FALSE(report.problems.empty());
      EXPECT_TRUE(report.records_behind_whole);
    }
  }
}

// Two batches of equal length change places with a batch of another segment.
TEST_F(SegmentDamageTest, BatchOfAnotherSegmentBreaksTheChain) {
  const std::string original = content_;
  SegmentHeader header = SmallHeader();
  header.run_name = "20261124T020000Z-7f3a09c1";
  const fs::path other = "other.csv.zst";
  const auto writer = SegmentWriter::Create(files_, other, header, 3);
  for (std::uint64_t number = 1; number <= kBatches; ++number) {
    const RowBatch rows = RowsOf(number);
    ASSERT_EQ(writer->Append(number, rows, BatchDigest(RowHashes(rows)), {}),
              locations_[number - 1]);
  }
  const std::string foreign = files_.contents[other];
  std::string content = content_;
  const std::size_t start = locations_[1].offset;
  content.replace(start, Part(2).size(), foreign, start, Part(2).size());
  const SegmentReport report = ScanOf(content, ScanDepth::kRecords);
  EXPECT_EQ(report.condition, SegmentCondition::kCorrupt);
  EXPECT_EQ(report.whole_bytes, locations_[0].end);
  Put(content);
  RowBatch rows(2);
  const auto reader = SegmentReader::Open(files_, path_);
  EXPECT_THROW(reader->ReadBatch(locations_[1], &rows), IntegrityError);
}

TEST_F(SegmentDamageTest, DamageIsNamedByBatchAndKeys) {
  std::string content = content_;
  content[locations_[1].offset + locations_[1].frame_bytes - 6] ^= 1;
  const SegmentReport report = ScanOf(content);
  EXPECT_EQ(report.condition, SegmentCondition::kCorrupt);
  ASSERT_EQ(report.damaged.size(), 1u);
  EXPECT_EQ(report.damaged[0].number, 2u);
  EXPECT_EQ(report.batches.size(), 2u);
  ASSERT_FALSE(report.problems.empty());
  EXPECT_NE(report.problems[0].find("batch 2 (keys 20 to 21)"), std::string::npos);
}

TEST_F(SegmentDamageTest, LostRecordIsNamedByTheIndex) {
  std::string content = content_;
  content[locations_[1].end - 20] ^= 1;
  const SegmentReport report = ScanOf(content);
  EXPECT_EQ(report.condition, SegmentCondition::kCorrupt);
  EXPECT_EQ(report.batches.size(), 2u);
  EXPECT_TRUE(report.footer);
  EXPECT_NE(report.problems.back().find("batch 2 (keys 20 to 21)"), std::string::npos);
}

TEST_F(SegmentDamageTest, TornBytesAreNotMistakenForRecords) {
  const std::string whole(content_.substr(0, locations_.back().end));
  const std::string magic = "\x5E\x2A\x4D\x18";
  for (const std::string& torn :
       {std::string("x"), std::string(100000, '\0'), magic, magic + "osaBATC1",
        magic + std::string("\x40\0\0\0", 4) + "osaBATC1" + std::string(200, 'x'),
        magic + std::string("\xff\xff\xff\xff", 4) + "osaBATC1" + std::string(200, 'x'),
        std::string(Part(3).substr(0, Part(3).size() - 1)), std::string("\x28\xB5\x2F\xFD")}) {
    const SegmentReport report = ScanOf(whole + torn);
    EXPECT_EQ(report.condition, SegmentCondition::kTorn);
    EXPECT_EQ(report.whole_bytes, whole.size());
    EXPECT_FALSE(report.records_behind_whole);
    EXPECT_EQ(report.batches.size(), kBatches);
  }
}

// A frame may say that it holds terabytes; that costs nothing.
TEST_F(SegmentDamageTest, DeclaredSizesAreNotBelieved) {
  // Content size in 8 bytes, checksum, single segment; one raw block of 1 byte.
  std::string frame("\x28\xB5\x2F\xFD\xE4", 5);
  frame += std::string("\0\0\0\0\0\1\0\0", 8) + std::string("\x09\0\0", 3) + "x" + "sum!";
  const SegmentReport report = ScanOf(frame + content_);
  EXPECT_NE(report.condition, SegmentCondition::kSealed);
  EXPECT_EQ(report.whole_bytes, 0u);
  EXPECT_TRUE(report.records_behind_whole);
}

TEST_F(SegmentDamageTest, NewerFormatVersionIsNamed) {
  const SegmentHeader header = SmallHeader();
  std::string json = HeaderToJson(header);
  json.replace(json.find("\"format_version\":1"), 18, "\"format_version\":2");
  const FrameLocation& first = locations_[0];
  const std::string frame = content_.substr(0, first.frame_bytes);
  const SegmentReport report = ScanOf(frame + EncodeRecord(RecordKind::kHeader, json).frame);
  EXPECT_EQ(report.condition, SegmentCondition::kCorrupt);
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_NE(report.problems[0].find("version 2"), std::string::npos);
}

// Symptom: verify --file crashed. A record may be whole and say nonsense: its checksum only proves
// that nobody changed it since it was written.
TEST_F(SegmentDamageTest, KeysThatAreNoCanonicalBytesAreDamage) {
  const FrameLocation& first = locations_[0];
  const std::string frame = content_.substr(0, first.frame_bytes);
  const std::string head =
      frame + EncodeRecord(RecordKind::kHeader, HeaderToJson(SmallHeader())).frame;
  for (const std::string key :
       {"01", "0109000000000000003130", "01ffffffffffffffff31", "05", "000101"}) {
    BatchRecord record;
    record.number = 1;
    std::string json = BatchToJson(record);
    json.replace(json.find("\"first_key\":\"\""), 14, "\"first_key\":\"" + key + "\"");
    EXPECT_THROW(static_cast<void>(BatchFromJson(json)), IntegrityError) << key;
    const SegmentReport report = ScanOf(head + EncodeRecord(RecordKind::kBatch, json).frame);
    EXPECT_NE(report.condition, SegmentCondition::kSealed);
    EXPECT_NE(report.condition, SegmentCondition::kOpen);
  }
}

TEST_F(SegmentDamageTest, MissingFileIsAnIoError) {
  EXPECT_THROW(ScanSegment(files_, "none", ScanDepth::kRecords), IoError);
  EXPECT_THROW(SegmentReader::Open(files_, "none"), IoError);
  Put("");
  EXPECT_THROW(SegmentReader::Open(files_, path_), IntegrityError);
}

}  // namespace
}  // namespace osarchiver
