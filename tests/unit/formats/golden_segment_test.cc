// Files written by the first version of the format, as they lie in tests/unit/formats/golden:
// archives live for years, so every later version reads them. formats/README.md shows them as its
// example.
#include <gtest/gtest.h>

#include <filesystem>

#include "formats/segment_reader.h"
#include "sample_rows.h"

namespace osarchiver {
namespace {

class GoldenSegmentTest : public testing::TestWithParam<std::string> {
 protected:
  std::filesystem::path path_ =
      std::filesystem::path(OSARCHIVER_GOLDEN_DIRECTORY) / ("version1." + GetParam() + ".zst");
};

TEST_P(GoldenSegmentTest, StaysReadable) {
  FileSystem& files = PosixFileSystem();
  const SegmentReport report = ScanSegment(files, path_, ScanDepth::kContent);
  EXPECT_EQ(report.condition, SegmentCondition::kSealed);
  EXPECT_EQ(report.problems, std::vector<std::string>{});
  ASSERT_TRUE(report.header);
  EXPECT_EQ(report.header->definition.table, "tags");
  ASSERT_EQ(report.batches.size(), 2u);
  EXPECT_EQ(Hex(report.batches[0].record.digest),
            "86a918bce434d500baead4eb6c12a7e1cfdb4e3d1bd5a0e1570582570dc440f7");

  RowBatch rows(4);
  const auto reader = SegmentReader::Open(files, path_);
  for (const FoundBatch& found : report.batches) {
    static_cast<void>(reader->ReadBatch(found.location, &rows));
  }
  RowBatch expected(4);
  AppendValues({Bytes("7"), Bytes("it's \"new\"\n"), Bytes({"\x00\xff", 2}), Bytes("a")},
               &expected);
  AppendValues({Bytes("8"), Bytes(""), Value{}, {ValueKind::kEnumError, {}}}, &expected);
  AppendValues({Bytes("12"), Value{}, Bytes(""), Bytes("b")}, &expected);
  ASSERT_EQ(rows.row_count(), expected.row_count());
  for (std::size_t i = 0; i < rows.row_count(); ++i) EXPECT_EQ(rows.row(i), expected.row(i));
}

INSTANTIATE_TEST_SUITE_P(Formats, GoldenSegmentTest, testing::Values("csv", "sql"),
                         [](const auto& param_info) { return param_info.param; });

}  // namespace
}  // namespace osarchiver
