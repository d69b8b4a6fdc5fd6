// A file destination of two formats over one root, and its files.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "destination/file_destination.h"
#include "destination_fixture.h"

namespace osarchiver {

inline constexpr const char* kRun = "20261123T020000Z-00000001";

class FileDestinationTest : public DestinationTest {
 protected:
  void SetUp() override {
    DestinationTest::SetUp();
    settings.directory = (directory.path() / "archives").string();
    settings.min_free_bytes = 1;
    BeginRun(kRun);
  }

  std::unique_ptr<FileDestination> Make(const std::string& format = "sql") {
    return std::make_unique<FileDestination>(
        settings, format,
        std::make_shared<ArchiveRoot>(PosixFileSystem(), settings.directory, "files"));
  }
  // Opened for the run at hand.
  std::unique_ptr<FileDestination> Opened(const std::string& format = "sql") {
    auto made = Make(format);
    made->Open(context, *journal);
    return made;
  }
  SegmentInfo Segment(const CopyLocation& copy) {
    return journal->FindSegment(copy.segment).value();
  }
  std::filesystem::path Root() const { return settings.directory; }
  std::filesystem::path PathOf(const TestBatch& batch) {
    return Root() / Segment(batch.copies.at(0)).path;
  }
  // Names of all files below the root that end so, relative to it, sorted.
  std::vector<std::string> Files(const std::string& ending) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(Root())) {
      const std::string name = entry.path().lexically_relative(Root()).string();
      if (entry.is_regular_file() && name.ends_with(ending)) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  FileDestinationSettings settings;
};

}  // namespace osarchiver
