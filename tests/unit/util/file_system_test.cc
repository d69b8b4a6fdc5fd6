#include "util/file_system.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

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

// status.json is written by the run of each archiver, every few seconds and at its end.
TEST_F(FileSystemTest, WritersOfOneFileDoNotDisturbEachOther) {
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const std::string content(static_cast<std::size_t>(1000 * (i + 1)),
                                static_cast<char>('a' + i));
      for (int round = 0; round < 50; ++round) {
        try {
          // Two threads of each of two processes.
          ReplaceFile(files_, root_ / "status.json", content, 0644, i % 2 == 0 ? "nova" : "cinder");
        } catch (const Error&) {
          ++failures;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  const std::string last = ReadWholeFile(files_, root_ / "status.json", 10000);
  EXPECT_EQ(last, std::string(last.size(), last.at(0)));
  EXPECT_EQ(files_.ListFiles(root_), std::vector<std::string>{"status.json"});
}

// A disk that drops the first byte of what is appended and reports nothing.
class LossyFile final : public File {
 public:
  explicit LossyFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
  void Append(std::string_view bytes) override { file_->Append(bytes.substr(1)); }
  void Sync() override { file_->Sync(); }
  void Truncate(std::uint64_t size_bytes) override { file_->Truncate(size_bytes); }
  std::uint64_t Size() override { return file_->Size(); }
  std::size_t ReadAt(std::uint64_t offset, char* buffer, std::size_t size) override {
    return file_->ReadAt(offset, buffer, size);
  }
  void DropCache() override { file_->DropCache(); }
  void ReadAhead(std::uint64_t offset, std::uint64_t bytes) override {
    file_->ReadAhead(offset, bytes);
  }
  void SetMode(unsigned mode) override { file_->SetMode(mode); }

 private:
  std::unique_ptr<File> file_;
};

class LossyFileSystem final : public FileSystem {
 public:
  explicit LossyFileSystem(FileSystem& files) : files_(files) {}
  std::unique_ptr<File> Create(const std::filesystem::path& path, unsigned mode) override {
    return std::make_unique<LossyFile>(files_.Create(path, mode));
  }
  std::unique_ptr<File> OpenForAppend(const std::filesystem::path& path) override {
    return files_.OpenForAppend(path);
  }
  std::unique_ptr<File> OpenForRead(const std::filesystem::path& path) override {
    return files_.OpenForRead(path);
  }
  void SyncDirectory(const std::filesystem::path& path) override { files_.SyncDirectory(path); }
  void CreateDirectories(const std::filesystem::path& path) override {
    files_.CreateDirectories(path);
  }
  void Rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    files_.Rename(from, to);
  }
  void Remove(const std::filesystem::path& path) override { files_.Remove(path); }
  bool Exists(const std::filesystem::path& path) override { return files_.Exists(path); }
  std::vector<std::string> ListFiles(const std::filesystem::path& directory) override {
    return files_.ListFiles(directory);
  }
  std::uint64_t FreeBytes(const std::filesystem::path& path) override {
    return files_.FreeBytes(path);
  }

 private:
  FileSystem& files_;
};

TEST_F(FileSystemTest, AWholeFileThatDidNotArriveTakesNoPlace) {
  WriteWholeFile(files_, root_ / "marker.json", "one", 0644);
  LossyFileSystem lossy(files_);
  EXPECT_THROW(WriteWholeFile(lossy, root_ / "marker.json", "two", 0644), IoError);
  EXPECT_EQ(ReadWholeFile(files_, root_ / "marker.json", 100), "one");
  EXPECT_EQ(files_.ListFiles(root_), std::vector<std::string>{"marker.json"});
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
