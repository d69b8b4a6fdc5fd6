#include "formats/segment_text.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <zstd.h>

#include "util/error.h"

namespace osarchiver {
namespace {

std::string Frame(const std::string& text) {
  std::string frame(ZSTD_compressBound(text.size()), '\0');
  frame.resize(ZSTD_compress(frame.data(), frame.size(), text.data(), text.size(), 3));
  return frame;
}

std::string Skippable(const std::string& payload) {
  std::string frame("\x50\x2a\x4d\x18", 4);
  for (int i = 0; i < 4; ++i) frame.push_back(static_cast<char>(payload.size() >> (8 * i)));
  return frame + payload;
}

class SegmentTextTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/osarchiver-text-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  std::string TextOf(const std::string& bytes) {
    WriteWholeFile(PosixFileSystem(), root_ / "file", bytes, 0600);
    std::string text;
    CopySegmentText(PosixFileSystem(), root_ / "file",
                    [&](std::string_view piece) { text += piece; });
    return text;
  }
  std::filesystem::path root_;
};

TEST_F(SegmentTextTest, GivesEveryFrameAndLeavesRecordsOut) {
  const std::string large(1 << 20, 'x');
  EXPECT_EQ(TextOf(Frame("first\n") + Skippable("record") + Frame(large) + Skippable("footer")),
            "first\n" + large);
  EXPECT_EQ(TextOf(""), "");
}

TEST_F(SegmentTextTest, ACutFrameIsAnError) {
  const std::string bytes = Frame("some text that is long enough to be cut");
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    EXPECT_THROW(TextOf(bytes.substr(0, size)), IntegrityError) << size;
  }
}

}  // namespace
}  // namespace osarchiver
