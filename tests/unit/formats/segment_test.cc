// Writing, scanning and reading segments that nothing has happened to.
#include "formats/segment.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "formats/segment_reader.h"
#include "formats/segment_writer.h"
#include "sample_rows.h"
#include "util/error.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

FrameLocation Append(SegmentWriter& writer, std::uint64_t number, const RowBatch& rows,
                     const std::vector<SupersededRow>& supersedes = {}) {
  return writer.Append(number, rows, BatchDigest(RowHashes(rows)), supersedes);
}

std::string RunAndCapture(const std::string& command) {
  std::string output;
  FILE* pipe = ::popen(command.c_str(), "r");
  char piece[4096];
  while (const std::size_t size = std::fread(piece, 1, sizeof piece, pipe))
    output.append(piece, size);
  EXPECT_EQ(::pclose(pipe), 0) << command;
  return output;
}

unsigned ModeOf(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

class SegmentTest : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<SegmentWriter> Create() {
    return SegmentWriter::Create(files_, path_, SampleHeader(GetParam()), 3);
  }

  FileSystem& files_ = PosixFileSystem();
  TemporaryDirectory directory_;
  fs::path path_ = directory_ / SegmentFileName(SampleHeader(GetParam()));
};

TEST_P(SegmentTest, BatchesComeBackFromScanAndReader) {
  auto writer = Create();
  EXPECT_EQ(ModeOf(path_), 0640u);
  std::vector<FrameLocation> locations;
  for (std::uint64_t number : {1, 2, 5}) {
    const std::string key = KeyBytes(SampleRows(7, 1).row(0), {0});
    const std::vector<SupersededRow> supersedes = {{key, "00ff00ff00ff00ff"}};
    locations.push_back(Append(*writer, number, SampleRows(number * 10, 4), supersedes));
    EXPECT_EQ(locations.back().end, writer->length());
    EXPECT_EQ(files_.OpenForRead(path_)->Size(), writer->length());
  }
  EXPECT_EQ(writer->batches(), 3u);
  EXPECT_EQ(writer->footer_hash(), "");
  const std::uint64_t length = writer->Seal(true);
  EXPECT_EQ(ModeOf(path_), 0440u);

  const SegmentReport report = ScanSegment(files_, path_, ScanDepth::kContent);
  EXPECT_EQ(report.condition, SegmentCondition::kSealed);
  EXPECT_EQ(report.problems, std::vector<std::string>{});
  EXPECT_EQ(report.whole_bytes, length);
  EXPECT_EQ(report.file_bytes, length);
  EXPECT_FALSE(report.records_behind_whole);
  EXPECT_EQ(report.footer_hash, writer->footer_hash());
  ASSERT_TRUE(report.header && report.footer);
  EXPECT_EQ(report.header->definition, SampleDefinition());
  EXPECT_EQ(report.header->run_name, "20261123T020000Z-7f3a09c1");
  EXPECT_FALSE(report.header->osarchiver_version.empty());
  EXPECT_TRUE(report.footer->last_part);
  EXPECT_EQ(report.footer->rows, 12u);
  ASSERT_EQ(report.batches.size(), 3u);
  EXPECT_EQ(report.batches[2].record.number, 5u);
  EXPECT_EQ(report.batches[2].location, locations[2]);
  ASSERT_EQ(report.batches[2].record.supersedes.size(), 1u);
  EXPECT_EQ(report.batches[2].record.supersedes[0].old_row_hash, "00ff00ff00ff00ff");

  const auto reader = SegmentReader::Open(files_, path_);
  RowBatch rows(SampleDefinition().columns.size());
  for (std::size_t i : {2, 0, 1}) {
    rows.Clear();
    const BatchRecord record = reader->ReadBatch(locations[i], &rows);
    EXPECT_EQ(BatchDigest(RowHashes(rows)), record.digest);
    EXPECT_EQ(record.first_key, KeyBytes(rows.row(0), {0}));
    EXPECT_EQ(record.last_key, KeyBytes(rows.row(3), {0}));
  }
  ASSERT_TRUE(reader->ReadFooter());
  EXPECT_EQ(reader->ReadFooter()->index.size(), 3u);
}

TEST_P(SegmentTest, KnownRowsAreComparedAndOthersDigested) {
  auto writer = Create();
  const FrameLocation location = Append(*writer, 1, SampleRows(1, 3));
  const auto reader = SegmentReader::Open(files_, path_);
  RowBatch rows(SampleDefinition().columns.size());
  rows.AppendRow(SampleRows(9, 1).row(0));  // what stood there before is not compared
  const RowBatch same = SampleRows(1, 3), other = SampleRows(1, 2);
  const DigestedRows known{same, BatchDigest(RowHashes(same))};
  EXPECT_EQ(reader->ReadBatch(location, &rows, &known).digest, known.digest);
  EXPECT_EQ(rows.row_count(), 4u);
  // Whose digest is taken: equal rows have the known one, which is not the recorded one here.
  const DigestedRows false_digest{same, BatchDigest(RowHashes(other))};
  EXPECT_THROW(reader->ReadBatch(location, &rows, &false_digest), IntegrityError);
  const DigestedRows unlike{other, BatchDigest(RowHashes(other))};
  EXPECT_EQ(reader->ReadBatch(location, &rows, &unlike).digest, known.digest);
}

TEST_P(SegmentTest, OpenSegmentIsReadWhileItIsWritten) {
  auto writer = Create();
  EXPECT_EQ(ScanSegment(files_, path_, ScanDepth::kContent).condition, SegmentCondition::kEmpty);
  const FrameLocation first = Append(*writer, 1, SampleRows(1, 3));
  EXPECT_EQ(ScanSegment(files_, path_, ScanDepth::kContent).condition, SegmentCondition::kOpen);
  const auto reader = SegmentReader::Open(files_, path_);
  const FrameLocation second = Append(*writer, 2, SampleRows(4, 3));
  RowBatch rows(SampleDefinition().columns.size());
  EXPECT_EQ(reader->ReadBatch(first, &rows).number, 1u);
  EXPECT_EQ(reader->ReadBatch(second, &rows).number, 2u);
  EXPECT_EQ(rows.row_count(), 6u);
  EXPECT_FALSE(reader->ReadFooter());
  const SegmentReport report = ScanSegment(files_, path_, ScanDepth::kRecords);
  EXPECT_EQ(report.condition, SegmentCondition::kOpen);
  EXPECT_EQ(report.whole_bytes, second.end);
}

TEST_P(SegmentTest, CommonToolsReadTheFile) {
  auto writer = Create();
  for (std::uint64_t number = 1; number <= 3; ++number) {
    static_cast<void>(Append(*writer, number, SampleRows(number * 10, 2)));
  }
  static_cast<void>(writer->Seal(true));
  if (std::system("zstd --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "zstd is not installed";
  const std::string quoted = "'" + path_.string() + "'";
  RunAndCapture("zstd -q -t " + quoted);
  const std::string text = RunAndCapture("zstdcat " + quoted);
  RowBatch rows(SampleDefinition().columns.size());
  FindFormat(GetParam())->ReadRows(SampleDefinition(), text, true, &rows);
  EXPECT_EQ(rows.row_count(), 6u);
}

TEST_P(SegmentTest, LargeBatchesAreStreamed) {
  std::string text(30 << 20, 'x');
  for (std::size_t i = 0; i < text.size(); i += 7) text[i] = static_cast<char>(i * i / 49);
  RowBatch rows(SampleDefinition().columns.size());
  std::vector<Value> values = NullRow("1");
  values[1] = Bytes(text);
  AppendValues(values, &rows);
  auto writer = Create();
  const FrameLocation large = Append(*writer, 1, rows);
  const FrameLocation small = Append(*writer, 2, SampleRows(2, 2));
  const auto reader = SegmentReader::Open(files_, path_);
  RowBatch read(SampleDefinition().columns.size());
  EXPECT_EQ(reader->ReadBatch(large, &read).rows, 1u);
  ASSERT_EQ(read.row(0), rows.row(0));
  EXPECT_EQ(reader->ReadBatch(small, &read).rows, 2u);
  EXPECT_EQ(ScanSegment(files_, path_, ScanDepth::kContent).condition, SegmentCondition::kOpen);
}

TEST_P(SegmentTest, ExistingFilesAreNeverOpened) {
  std::ofstream(path_) << "somebody's";
  EXPECT_THROW(Create(), IoError);
  EXPECT_EQ(ReadWholeFile(files_, path_, 100), "somebody's");
}

TEST_P(SegmentTest, WriterTakesAscendingBatchesWithRowsOnly) {
  auto writer = Create();
  EXPECT_THROW(static_cast<void>(writer->Seal(true)), Error);
  static_cast<void>(Append(*writer, 2, SampleRows(1, 1)));
  EXPECT_THROW(static_cast<void>(Append(*writer, 2, SampleRows(2, 1))), Error);
  const RowBatch none(SampleDefinition().columns.size());
  EXPECT_THROW(static_cast<void>(Append(*writer, 3, none)), Error);
  static_cast<void>(Append(*writer, 3, SampleRows(2, 1)));
  static_cast<void>(writer->Seal(false));
  EXPECT_THROW(static_cast<void>(Append(*writer, 4, SampleRows(3, 1))), Error);
  EXPECT_THROW(static_cast<void>(writer->Seal(false)), Error);
}

TEST_P(SegmentTest, WriterIsDeadAfterAFailure) {
  auto writer = Create();
  static_cast<void>(Append(*writer, 1, SampleRows(1, 1)));
  RowBatch bad(SampleDefinition().columns.size());
  AppendValues(NullRow("no number"), &bad);
  EXPECT_THROW(static_cast<void>(Append(*writer, 2, bad)), IntegrityError);
  EXPECT_THROW(static_cast<void>(Append(*writer, 3, SampleRows(2, 1))), Error);
  EXPECT_THROW(static_cast<void>(writer->Seal(true)), Error);
}

TEST_P(SegmentTest, CutSegmentIsReopenedAndSealed) {
  auto writer = Create();
  static_cast<void>(Append(*writer, 1, SampleRows(1, 3)));
  const FrameLocation second = Append(*writer, 4, SampleRows(4, 2));
  writer.reset();
  std::ofstream(path_, std::ios::app) << "torn";
  EXPECT_THROW(SegmentWriter::ReopenToSeal(files_, path_, second.end), IntegrityError);
  fs::resize_file(path_, second.end);
  EXPECT_THROW(SegmentWriter::ReopenToSeal(files_, path_, second.end - 1), IntegrityError);

  const auto sealer = SegmentWriter::ReopenToSeal(files_, path_, second.end);
  EXPECT_THROW(static_cast<void>(Append(*sealer, 5, SampleRows(6, 1))), Error);
  const std::uint64_t length = sealer->Seal(false);
  const SegmentReport report = ScanSegment(files_, path_, ScanDepth::kContent);
  EXPECT_EQ(report.condition, SegmentCondition::kSealed);
  EXPECT_EQ(report.whole_bytes, length);
  EXPECT_EQ(report.footer->rows, 5u);
  EXPECT_FALSE(report.footer->last_part);
  EXPECT_EQ(report.footer_hash, sealer->footer_hash());
}

TEST_P(SegmentTest, WrongLocationsAreRefused) {
  auto writer = Create();
  const FrameLocation first = Append(*writer, 1, SampleRows(1, 2));
  const FrameLocation second = Append(*writer, 2, SampleRows(3, 2));
  const auto reader = SegmentReader::Open(files_, path_);
  RowBatch rows(SampleDefinition().columns.size());
  const std::uint64_t far = std::uint64_t{1} << 63;
  for (const FrameLocation& wrong :
       {FrameLocation{}, FrameLocation{first.offset, first.frame_bytes, second.end},
        FrameLocation{first.offset, first.frame_bytes + 1, first.end},
        FrameLocation{second.offset, second.frame_bytes, second.end + 1},
        FrameLocation{second.offset + 1, second.frame_bytes - 1, second.end},
        FrameLocation{far, far, far}, FrameLocation{far, far, 0},
        FrameLocation{0, second.end, second.end}}) {
    EXPECT_THROW(reader->ReadBatch(wrong, &rows), IntegrityError);
  }
  EXPECT_EQ(rows.row_count(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Formats, SegmentTest, testing::ValuesIn(FormatNames()),
                         [](const auto& param_info) { return param_info.param; });

TEST(SegmentNameTest, NamesFromTheDatabaseAreEncoded) {
  EXPECT_EQ(EncodeName("nova_cell0-x"), "nova_cell0-x");
  EXPECT_EQ(EncodeName("a.b/c d%\xc3\xbc`"), "a%2Eb%2Fc%20d%25%C3%BC%60");
  EXPECT_EQ(EncodeName(""), "%");
  EXPECT_EQ(EncodeName(".."), "%2E%2E");
  EXPECT_EQ(SegmentFileName(SampleHeader("sql")),
            "nova.odd%20%60table%60.nova.20261123T020000Z-7f3a09c1.1.sql.zst");
}

TEST(SegmentNameTest, LongNamesAreShortenedAndStayApart) {
  SegmentHeader header = SampleHeader("csv");
  for (int i = 0; i < 64; ++i) header.definition.table += "\xe2\x82\xac";
  header.definition.database = header.definition.table;
  const std::string name = SegmentFileName(header);
  EXPECT_LE(name.size(), 235u);
  header.definition.table += "x";
  EXPECT_NE(SegmentFileName(header), name);
}

}  // namespace
}  // namespace osarchiver
