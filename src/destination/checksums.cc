#include "destination/checksums.h"

#include <algorithm>
#include <map>

#include "util/failpoint.h"
#include "util/hash.h"
#include "util/log.h"

namespace osarchiver {

namespace fs = std::filesystem;

namespace {

// What every list of the run should say, by path.
std::map<fs::path, std::string> ListsOf(const fs::path& root, const std::string& destination,
                                        const RunInfo& run, const Journal& journal) {
  std::map<fs::path, std::map<std::string, std::string>> lines;  // list: file name: sha256
  for (const PassInfo& pass : journal.ListPasses(run.id)) {
    for (const SegmentInfo& segment : journal.ListSegments(pass.id)) {
      if (segment.state != SegmentState::kSealed || segment.target.destination != destination) {
        continue;
      }
      const fs::path path = root / segment.path;
      const fs::path list = path.parent_path() / (run.name + std::string(kChecksumListEnding));
      lines[list][path.filename().string()] = segment.sha256;
    }
  }
  std::map<fs::path, std::string> lists;
  for (const auto& [list, names] : lines) {
    std::string& content = lists[list];
    for (const auto& [name, sha256] : names) content += sha256 + "  " + name + "\n";
  }
  return lists;
}

}  // namespace

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
  for (const auto& [path, content] : ListsOf(root, destination, *run, journal)) {
    if (files.Exists(path) && ReadWholeFile(files, path, UINT64_MAX) == content) continue;
    Failpoint("checksums-before");
    WriteWholeFile(files, path, content, 0440);
    Failpoint("checksums-after");
  }
}

std::vector<VerifyFinding> VerifyChecksumLists(FileSystem& files, const fs::path& root,
                                               const std::string& destination, const RunInfo& run,
                                               const Journal& journal) {
  std::vector<VerifyFinding> findings;
  if (!run.settled) return findings;
  for (const auto& [path, content] : ListsOf(root, destination, run, journal)) {
    VerifyFinding finding;
    finding.path = path.string();
    try {
      if (!files.Exists(path)) {
        finding.result = "missing";
        finding.problems.emplace_back("the list of checksums is not there");
      } else if (ReadWholeFile(files, path, UINT64_MAX) != content) {
        finding.result = "corrupt";
        finding.problems.emplace_back("the list of checksums is not the one that was written");
      } else {
        continue;
      }
    } catch (const IoError& error) {
      finding.result = "corrupt";
      finding.problems.emplace_back(error.what());
    }
    findings.push_back(std::move(finding));
  }
  return findings;
}

void RepairChecksumLists(FileSystem& files, const fs::path& root, const std::string& destination,
                         Journal& journal) {
  for (const std::string& path : journal.DoubtfulPaths(destination)) {
    const fs::path list(path);
    if (list.extension() != kChecksumListEnding) continue;
    WriteChecksumLists(files, root, destination, list.stem().string(), journal);
    journal.RecordVerification({destination, path, "ok", "", "", 0, 0});
    LogWarning(path + " was wrong or missing and was written again");
  }
}

}  // namespace osarchiver
