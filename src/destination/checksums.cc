#include "destination/checksums.h"

#include <algorithm>
#include <map>

#include "util/failpoint.h"
#include "util/hash.h"

namespace osarchiver {

namespace fs = std::filesystem;

std::string HashOfFile(FileSystem& files, const fs::path& path) {
  const auto file = files.OpenForRead(path);
  file->DropCache();
  Sha256 sha;
  std::string buffer(std::clamp<std::uint64_t>(file->Size(), 1, 1 << 20), '\0');
  std::uint64_t offset = 0;
  while (const std::size_t count = file->ReadAt(offset, buffer.data(), buffer.size())) {
    sha.Update(std::string_view(buffer.data(), count));
    offset += count;
  }
  return Hex(sha.Finish());
}

void WriteChecksumLists(FileSystem& files, const fs::path& root, const std::string& destination,
                        const std::string& run_name, const Journal& journal) {
  const auto run = journal.FindRun(run_name);
  if (!run) return;
  std::map<fs::path, std::map<std::string, std::string>> lists;  // directory: name: sha256
  for (const PassInfo& pass : journal.ListPasses(run->id)) {
    for (const SegmentInfo& segment : journal.ListSegments(pass.id)) {
      if (segment.state != SegmentState::kSealed || segment.target.destination != destination) {
        continue;
      }
      const fs::path path = root / segment.path;
      lists[path.parent_path()][path.filename().string()] = segment.sha256;
    }
  }
  for (const auto& [directory, names] : lists) {
    std::string content;
    for (const auto& [name, sha256] : names) content += sha256 + "  " + name + "\n";
    const fs::path path = directory / (run_name + ".sha256");
    if (files.Exists(path) && ReadWholeFile(files, path, UINT64_MAX) == content) continue;
    Failpoint("checksums-before");
    WriteWholeFile(files, path, content, 0440);
    Failpoint("checksums-after");
  }
}

}  // namespace osarchiver
