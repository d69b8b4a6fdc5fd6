#include "util/hash.h"

#include <gtest/gtest.h>

namespace osarchiver {
namespace {

TEST(HashTest, KnownAnswersOfFips180) {
  Sha256 sha;
  EXPECT_EQ(Hex(sha.Of("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Hex(sha.Of("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(HashTest, AStreamIsItsPieces) {
  Sha256 sha;
  sha.Update("a");
  sha.Update("bc");
  const Hash pieces = sha.Finish();
  EXPECT_EQ(pieces, sha.Of("abc"));
}

TEST(HashTest, HexIsStrict) {
  EXPECT_EQ(BytesFromHex("00ff"), std::string("\0\xff", 2));
  EXPECT_EQ(BytesFromHex("0"), std::nullopt);
  EXPECT_EQ(BytesFromHex("0g"), std::nullopt);
  EXPECT_EQ(HashFromHex("00"), std::nullopt);
  const Hash hash = Sha256().Of("x");
  EXPECT_EQ(HashFromHex(Hex(hash)), hash);
}

TEST(HashTest, RandomNamesDiffer) {
  EXPECT_EQ(RandomHex(4).size(), 8u);
  EXPECT_NE(RandomHex(16), RandomHex(16));
}

}  // namespace
}  // namespace osarchiver
