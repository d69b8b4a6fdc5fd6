#include "util/file_system.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cerrno>

#include "util/error.h"

namespace osarchiver {
namespace {

class FileSystemTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "/osarchiver-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  FileSystem& files_ = PosixFileSystem();
  std::filesystem::path root_;
};

TEST_F(FileSystemTest, NeverCreatesOverAnExistingFile) {
  files_.Create(root_ / "a", 0640)->Append("first");
  try {
    files_.Create(root_ / "a", 0640);
    FAIL() << "the second creation must fail";
  } catch (const IoError& error) {
    EXPECT_EQ(error.error_number(), EEXIST);
  }
  EXPECT_EQ(ReadWholeFile(files_, root_ / "a", 100), "first");
}

TEST_F(FileSystemTest, AppendsBehindTheEndAlsoAfterTruncation) {
  const auto file = files_.Create(root_ / "a", 0640);
  file->Append("0123456789");
  file->Truncate(4);
  file->Append("ab");
  file->Sync();
  EXPECT_EQ(file->Size(), 6u);
  char buffer[16];
  EXPECT_EQ(file->ReadAt(2, buffer, sizeof buffer), 4u);
  EXPECT_EQ(std::string(buffer, 4), "23ab");
}

TEST_F(FileSystemTest, WholeFilesAreReplacedWithTheirMode) {
  WriteWholeFile(files_, root_ / "status.json", "one", 0644);
  WriteWholeFile(files_, root_ / "status.json", "two", 0644);
  EXPECT_EQ(ReadWholeFile(files_, root_ / "status.json", 100), "two");
  EXPECT_EQ(files_.ListFiles(root_), std::vector<std::string>{"status.json"});
  EXPECT_THROW(ReadWholeFile(files_, root_ / "status.json", 2), IoError);
}

TEST_F(FileSystemTest, DirectoriesAreMadeForTheOwnerAndGroup) {
  files_.CreateDirectories(root_ / "a" / "b");
  struct stat status {};
  ASSERT_EQ(stat((root_ / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777 & ~0750, 0u);
  files_.CreateDirectories(root_ / "a" / "b");
  WriteWholeFile(files_, root_ / "file", "", 0640);
  EXPECT_THROW(files_.CreateDirectories(root_ / "file" / "c"), IoError);
  EXPECT_TRUE(files_.ListFiles(root_ / "missing").empty());
}

}  // namespace
}  // namespace osarchiver
