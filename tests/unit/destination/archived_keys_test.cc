#include "destination/archived_keys.h"

#include <gtest/gtest.h>

#include "destination/superseded_rows.h"
#include "destination_fixture.h"
#include "formats/compress.h"
#include "util/error.h"

namespace osarchiver {
namespace {

RowBatch CompositeRows() {
  RowBatch rows(3);
  for (const std::string key : {"a", "", "it's"}) {
    rows.AppendBytes("7");
    rows.AppendNull();
    rows.AppendBytes(key);
    rows.EndRow();
  }
  return rows;
}

TEST(ArchivedKeysTest, KeysAndRowHashesComeBack) {
  const RowBatch rows = CompositeRows();
  const std::vector<Hash> hashes = RowHashes(rows);
  const ArchivedKeys keys = DecodeKeys(EncodeKeys({2, 0}, rows, hashes), 2);
  ASSERT_EQ(keys.keys.row_count(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(keys.keys.row(i), KeyBytes(rows.row(i), {2, 0}));
    EXPECT_EQ(keys.row_hashes[i], ShortHash(hashes[i]));
  }
}

TEST(ArchivedKeysTest, EveryCutAndEveryFlipIsNoticed) {
  const RowBatch rows = CompositeRows();
  const std::string blob = EncodeKeys({2, 0}, rows, RowHashes(rows));
  for (std::size_t size = 0; size < blob.size(); ++size) {
    EXPECT_THROW((void)DecodeKeys(blob.substr(0, size), 2), IntegrityError) << size;
    std::string flipped = blob;
    flipped[size] = static_cast<char>(flipped[size] ^ 0x10);
    try {
      const ArchivedKeys keys = DecodeKeys(flipped, 2);
      // Bits of the frame header that mean nothing.
      EXPECT_EQ(keys.keys.row_count(), 3u) << size;
    } catch (const IntegrityError&) {
    }
  }
  EXPECT_THROW((void)DecodeKeys(blob + "x", 2), IntegrityError);
}

// Inside a whole frame: lengths that lead outside, kinds that are none.
TEST(ArchivedKeysTest, MalformedContentIsNoticed) {
  const RowBatch rows = CompositeRows();
  const std::string content = Decompress(EncodeKeys({2, 0}, rows, RowHashes(rows)), 1 << 20);
  for (std::size_t size = 0; size < content.size(); ++size) {
    try {
      EXPECT_LT(DecodeKeys(Compress(content.substr(0, size)), 2).keys.row_count(), 3u);
    } catch (const IntegrityError&) {
    }
    std::string changed = content;
    changed[size] = static_cast<char>(0xee);
    try {
      (void)DecodeKeys(Compress(changed), 2);
    } catch (const IntegrityError&) {
    }
  }
}

TEST(ArchivedKeysTest, ConditionNamesKeysExactly) {
  TableDefinition definition = SmallTable();
  definition.key = {0};
  RowBatch keys(1);
  for (const char* key : {"7", "8", "9"}) {
    keys.AppendBytes(key);
    keys.EndRow();
  }
  EXPECT_EQ(KeyListCondition(definition, keys, 0, 2), "`id` IN (7,8)");
  definition.key = {0, 1};
  RowBatch pairs(2);
  pairs.AppendBytes("7");
  pairs.AppendBytes("it's");
  pairs.EndRow();
  EXPECT_EQ(KeyListCondition(definition, pairs, 0, 1), R"((`id`,`name`) IN ((7,'it\'s')))");
}

TEST(ArchivedKeysTest, RangesCoverAllKeys) {
  RowBatch keys(1);
  for (int i = 0; i < 2500; ++i) {
    keys.AppendBytes(std::string(i % 700, 'x'));
    keys.EndRow();
  }
  std::size_t ranges = 0;
  for (std::size_t begin = 0; begin < keys.row_count(); ++ranges) {
    const std::size_t end = KeyRangeEnd(keys, begin, 10000);
    ASSERT_GT(end, begin);
    ASSERT_LE(end - begin, 1000u);
    begin = end;
  }
  EXPECT_GT(ranges, 100u);
}

TEST(SupersededRowsTest, RoundTrip) {
  EXPECT_EQ(EncodeSuperseded({}), "");
  EXPECT_TRUE(DecodeSuperseded("").empty());
  const std::string blob = EncodeSuperseded(
      {{std::string("\1\0k", 3), std::string("\0\xff", 2), "run", 7}, {"a", "b", "", 0}});
  const auto versions = DecodeSuperseded(blob);
  ASSERT_EQ(versions.size(), 2u);
  EXPECT_EQ(versions[0].key, std::string("\1\0k", 3));
  EXPECT_EQ(versions[0].row, std::string("\0\xff", 2));
  EXPECT_EQ(versions[0].run_name, "run");
  EXPECT_EQ(versions[0].number, 7u);
  EXPECT_EQ(versions[1].row, "b");
  EXPECT_THROW((void)DecodeSuperseded(blob.substr(1)), IntegrityError);
  EXPECT_THROW((void)DecodeSuperseded(Compress("{}]")), IntegrityError);
  EXPECT_THROW((void)DecodeSuperseded(Compress(R"([{"key":"0"}])")), IntegrityError);
  EXPECT_THROW((void)DecodeSuperseded(Compress(R"([{"key":"zz","row":"","run":"","batch":1}])")),
               IntegrityError);
}

}  // namespace
}  // namespace osarchiver
