#include "formats/row_batch.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sample_rows.h"

namespace osarchiver {
namespace {

std::string Canonical(const std::vector<Value>& values) {
  RowBatch rows(values.size());
  AppendValues(values, &rows);
  return std::string(rows.row(0));
}

TEST(RowBatchTest, CanonicalBytesAreMarkLengthAndBytes) {
  const std::string row = Canonical({Bytes("ab"), Value{}, Bytes(""), {ValueKind::kEnumError, {}}});
  EXPECT_EQ(Hex(row),
            "01"
            "0200000000000000"
            "6162"
            "00"
            "01"
            "0000000000000000"
            "02");
}

// Archives of all years hold these: they never change.
TEST(RowBatchTest, HashesAreTheKnownOnes) {
  RowBatch rows(2);
  AppendValues({Bytes("1"), Value{}}, &rows);
  AppendValues({Bytes("2"), Bytes("")}, &rows);
  const std::vector<Hash> hashes = RowHashes(rows);
  ASSERT_EQ(hashes.size(), 2u);
  EXPECT_EQ(Hex(hashes[0]), "11389e52ce835b9a6b1f25c0274bfc1b0deee211a9d1c385ff547ef6ab04bd8a");
  EXPECT_EQ(Hex(hashes[1]), "43d5fc01429ee243956d1abcf5e1c6491d5a3f9c89f04dd7b8b35e5984d605df");
  EXPECT_EQ(Hex(BatchDigest(hashes)),
            "7e08754f2aec6d4a94e481dad2324d74cfa0c17eccd532e6add1e3d2029e5e88");
}

TEST(RowBatchTest, DigestDoesNotDependOnTheOrderOfRows) {
  std::vector<Hash> hashes = RowHashes(SampleRows(1, 20));
  const Hash digest = BatchDigest(hashes);
  std::reverse(hashes.begin(), hashes.end());
  EXPECT_EQ(BatchDigest(hashes), digest);
  hashes.push_back(hashes[0]);
  EXPECT_NE(BatchDigest(hashes), digest);
}

TEST(RowBatchTest, ValuesThatJoinToTheSameTextHashDifferently) {
  EXPECT_NE(Canonical({Bytes("ab"), Bytes("c")}), Canonical({Bytes("a"), Bytes("bc")}));
  EXPECT_NE(Canonical({Value{}}), Canonical({Bytes("")}));
  EXPECT_NE(Canonical({{ValueKind::kEnumError, {}}}), Canonical({Bytes("")}));
}

TEST(RowBatchTest, ValuesAndRowsAreReadBack) {
  RowBatch rows(2);
  AppendValues({Bytes("k1"), Value{}}, &rows);
  rows.BeginBytes();
  rows.AddPiece("k");
  *rows.AddSpace(1) = '2';
  rows.EndBytes();
  rows.AppendBytes("v2");
  rows.EndRow();
  EXPECT_EQ(rows.value(0, 0), Bytes("k1"));
  EXPECT_EQ(rows.value(0, 1), Value{});
  EXPECT_EQ(rows.value(1, 0), Bytes("k2"));
  EXPECT_EQ(rows.value(1, 1), Bytes("v2"));
  EXPECT_EQ(rows.byte_count(), rows.row(0).size() + rows.row(1).size());
}

TEST(RowBatchTest, AbandonedAndTruncatedRowsAreGone) {
  RowBatch rows(1);
  for (const char* text : {"a", "b", "c"}) AppendValues({Bytes(text)}, &rows);
  const std::string second(rows.row(1));
  rows.AppendBytes("half a row");
  rows.AbandonRow();
  rows.Truncate(2);
  ASSERT_EQ(rows.row_count(), 2u);
  EXPECT_EQ(rows.row(1), second);
  rows.AppendRow(second);
  EXPECT_EQ(rows.value(2, 0), Bytes("b"));
  rows.Clear();
  EXPECT_EQ(rows.row_count(), 0u);
  EXPECT_EQ(rows.byte_count(), 0u);
}

TEST(RowBatchTest, StartsOverInTheMemoryThatItHas) {
  RowBatch rows(1);
  rows.Reserve(100'000);
  rows.AppendRow(Canonical({Bytes("a")}));
  const std::size_t capacity = rows.capacity();
  rows.Restart(2);
  EXPECT_EQ(rows.row_count(), 0u);
  EXPECT_EQ(rows.column_count(), 2u);
  EXPECT_EQ(rows.capacity(), capacity);
  rows.Reserve(capacity + 1);
  EXPECT_LT(rows.capacity(), capacity + capacity / 8) << "twice as much for a few bytes more";
  rows.AppendRow(Canonical({Bytes("b"), Bytes("c")}));
  EXPECT_EQ(rows.value(0, 1), Bytes("c"));
}

TEST(KeyTest, KeyBytesFollowTheKeysOrder) {
  const std::string row = Canonical({Bytes("a"), Bytes("b"), Bytes("c")});
  EXPECT_EQ(KeyBytes(row, {2, 0}), Canonical({Bytes("c"), Bytes("a")}));
}

TEST(KeyTest, KeyTextIsForPeople) {
  EXPECT_EQ(KeyText(Canonical({Bytes("7"), Bytes("gr\xc3\xbc\xc3\x9f")})), "7,gr\xc3\xbc\xc3\x9f");
  EXPECT_EQ(KeyText(Canonical({Bytes("\x01\xff"), Value{}})), "0x01ff,NULL");
  EXPECT_EQ(KeyText(Canonical({Bytes("a\nb")})), "0x610a62");
}

TEST(KeyTest, KeyTextIsCutAt200Characters) {
  std::string exact, longer;
  for (int i = 0; i < 200; ++i) exact += "\xc3\xbc";
  longer = exact + "x";
  EXPECT_EQ(KeyText(Canonical({Bytes(exact)})), exact);
  EXPECT_EQ(KeyText(Canonical({Bytes(longer)})), exact.substr(0, 394) + "...");
  const std::string binary(3072, '\xff');
  EXPECT_EQ(KeyText(Canonical({Bytes(binary)})).size(), 200u);
}

}  // namespace
}  // namespace osarchiver
