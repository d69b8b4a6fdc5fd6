#include "destination/archive_root.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "destination/checksums.h"
#include "destination/older_journal.h"
#include "formats/segment.h"
#include "util/failpoint.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kMarkerVersion = 1;
constexpr std::uint64_t kSmallFile = 64 << 10;
constexpr const char* kMarkerName = "osarchiver.json";
constexpr const char* kDirectoryName = ".osarchiver";

json ReadJson(FileSystem& files, const fs::path& path) {
  json value = json::parse(ReadWholeFile(files, path, kSmallFile), nullptr, false);
  if (!value.is_object()) throw IntegrityError(path.string() + " is damaged: it is no JSON object");
  return value;
}

std::string TextOf(const json& object, const char* name, const fs::path& path) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) {
    throw IntegrityError(fmt::format("{} is damaged: it has no '{}'", path.string(), name));
  }
  return found->get<std::string>();
}

// The nearest directory upwards that exists.
fs::path ExistingAncestor(fs::path path) {
  std::error_code ignored;
  while (!fs::exists(path, ignored) && path.has_parent_path() && path != path.parent_path()) {
    path = path.parent_path();
  }
  return path.empty() ? fs::path(".") : path;
}

std::string MarkerIsGone(const fs::path& root) {
  return fmt::format("{} has no {}, though the journal knows archives there: is it not mounted?",
                     root.string(), kMarkerName);
}

}  // namespace

ArchiveRoot::ArchiveRoot(FileSystem& files, fs::path root, std::string destination)
    : files_(files), root_(std::move(root)), destination_(std::move(destination)) {}

bool ArchiveRoot::CheckMarker(const std::string& site) const {
  const fs::path path = root_ / kMarkerName;
  if (!files_.Exists(path)) return false;
  const json marker = ReadJson(files_, path);
  const auto version = marker.find("format");
  if (version == marker.end() || !version->is_number_integer()) {
    throw IntegrityError(path.string() + " is damaged: it has no format version");
  }
  if (version->get<int>() > kMarkerVersion) {
    throw ConfigError(path.string() + " was written by a newer version of osarchiver",
                      "upgrade osarchiver on this host");
  }
  const std::string other_destination = TextOf(marker, "destination", path);
  const std::string other_site = TextOf(marker, "site", path);
  if (other_destination != destination_ || other_site != site) {
    throw ConfigError(
        fmt::format("{} belongs to destination '{}' of site '{}', not to destination '{}' of site "
                    "'{}'",
                    root_.string(), other_destination, other_site, destination_, site),
        "give every destination of every site a directory of its own");
  }
  return true;
}

fs::path ArchiveRoot::LastRunFile(const RunContext& run) const {
  return root_ / kDirectoryName /
         (EncodeName(run.archiver) + "." + EncodeName(run.journal_id) + ".json");
}

fs::path ArchiveRoot::JournalCopy(const std::string& journal_id) const {
  return root_ / kDirectoryName / (EncodeName(journal_id) + ".db");
}

std::vector<std::string> ArchiveRoot::Check(const RunContext& run, const Journal* journal) const {
  std::vector<std::string> problems;
  const fs::path existing = ExistingAncestor(root_);
  std::error_code ignored;
  if (!fs::is_directory(existing, ignored)) {
    problems.push_back(existing.string() + " is no directory");
  } else if (::access(existing.c_str(), W_OK | X_OK) != 0) {
    problems.push_back(existing.string() + " is not writable for this user");
  }
  if (!problems.empty()) return problems;
  const bool known = journal != nullptr && journal->KnowsDestination(destination_);
  if (existing != root_ && !known) return problems;
  try {
    if (!CheckMarker(run.site) && known) problems.push_back(MarkerIsGone(root_));
  } catch (const Error& error) {
    problems.push_back(error.what());
  }
  return problems;
}

std::map<std::string, std::string> ArchiveRoot::LastRuns(const std::string& site,
                                                         const std::string& archiver) const {
  std::map<std::string, std::string> runs;
  if (!files_.Exists(root_ / kDirectoryName)) return runs;
  for (const std::string& name : files_.ListFiles(root_ / kDirectoryName)) {
    if (!name.ends_with(".json")) continue;
    const fs::path path = root_ / kDirectoryName / name;
    const json last = ReadJson(files_, path);
    if (TextOf(last, "archiver", path) != archiver || TextOf(last, "site", path) != site) continue;
    runs[TextOf(last, "journal", path)] = TextOf(last, "last_run", path);
  }
  return runs;
}

void ArchiveRoot::RequireJournal(const RunContext& run, const Journal* journal) const {
  if (files_.Exists(root_ / kDirectoryName)) CheckLastRuns(run, journal);
}

void ArchiveRoot::CheckLastRuns(const RunContext& run, const Journal* journal) const {
  const fs::path own = LastRunFile(run);
  if (files_.Exists(own)) {
    const std::string last = TextOf(ReadJson(files_, own), "last_run", own);
    if (last == run.run_name || (journal != nullptr && journal->HasRunNamed(last))) return;
    throw OlderJournalError(
        fmt::format("the journal is older than the archives in {}: it does not know run {}, which "
                    "wrote there",
                    root_.string(), last),
        "put the newest journal back, or run osarchiver rebuild-journal");
  }
  // A journal that wrote here before and lost the small file is no new one.
  if (journal != nullptr && journal->KnowsDestination(destination_)) return;
  for (const std::string& name : files_.ListFiles(root_ / kDirectoryName)) {
    if (!name.ends_with(".json")) continue;
    const fs::path path = root_ / kDirectoryName / name;
    const json other = ReadJson(files_, path);
    if (TextOf(other, "archiver", path) != run.archiver ||
        TextOf(other, "site", path) != run.site) {
      continue;
    }
    throw ConfigError(
        fmt::format("{} holds archives of archiver '{}' of this site by another journal ({}), and "
                    "this journal has written nothing there",
                    root_.string(), run.archiver, TextOf(other, "journal", path)),
        fmt::format("if the journal was lost, put it back (a copy lies in {}) or run osarchiver "
                    "rebuild-journal; if it is another installation's, give this one another site "
                    "or archiver name",
                    (root_ / kDirectoryName).string()));
  }
}

void ArchiveRoot::Open(const RunContext& run, const Journal& journal) {
  if (!CheckMarker(run.site)) {
    if (journal.KnowsDestination(destination_)) {
      throw IoError(ENOENT, MarkerIsGone(root_), "mount it, or put the directory back");
    }
    CheckLastRuns(run, &journal);
    files_.CreateDirectories(root_);
    const json marker = {
        {"format", kMarkerVersion}, {"destination", destination_}, {"site", run.site}};
    WriteWholeFile(files_, root_ / kMarkerName, marker.dump() + "\n", 0440, run.archiver);
  } else {
    CheckLastRuns(run, &journal);
  }
}

void ArchiveRoot::RequireMarker(const std::string& site) const {
  if (CheckMarker(site)) return;
  throw IoError(ENOENT,
                fmt::format("{} has no {}: is it not mounted?", root_.string(), kMarkerName),
                "mount it; if nothing was ever archived there, leave the destination out of the "
                "configuration for now");
}

void ArchiveRoot::BeginToRecordRun(const RunContext& run) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  // Another format is at it, and RecordRun() waits for it.
  if (!lock || recording_.valid() || recorded_[LastRunFile(run)] >= run.run_name) return;
  recording_ = std::async(std::launch::async, [this, run] { RecordNow(run); });
}

void ArchiveRoot::RecordRun(const RunContext& run) {
  std::future<void> recording;
  {
    const std::lock_guard lock(mutex_);
    recording = std::exchange(recording_, {});
  }
  if (recording.valid()) recording.get();
  RecordNow(run);
}

void ArchiveRoot::RecordNow(const RunContext& run) {
  const fs::path path = LastRunFile(run);
  const std::lock_guard lock(mutex_);
  std::string& recorded = recorded_[path];
  // Run names begin with the time.
  if (recorded.empty() && files_.Exists(path))
    recorded = TextOf(ReadJson(files_, path), "last_run", path);
  if (recorded >= run.run_name) return;
  files_.CreateDirectories(root_ / kDirectoryName);
  const json last = {{"archiver", run.archiver},
                     {"site", run.site},
                     {"journal", run.journal_id},
                     {"last_run", run.run_name}};
  WriteWholeFile(files_, path, last.dump() + "\n", 0640);
  recorded = run.run_name;
}

void ArchiveRoot::FinishRun(const RunContext& run, Journal& journal) {
  if (std::exchange(finished_, run.run_name) == run.run_name) return;
  RepairChecksumLists(files_, root_, destination_, journal);
  // Beside the copy, for both wait for the disk. An earlier run that got copies it lacked, for a
  // destination that was added or after damage, has new files too.
  std::future<void> lists = std::async(std::launch::async, [this, &run, &journal] {
    for (const RunInfo& open : journal.UnsettledRuns(run.archiver))
      WriteChecksumLists(files_, root_, destination_, open.name, journal);
  });
  Failpoint("journal-copy-before");
  const fs::path copy = JournalCopy(run.journal_id);
  // A first run with nothing to archive made only the root and its marker.
  files_.CreateDirectories(copy.parent_path());
  // Two archivers may copy the same journal to the same root at the same time; one archiver runs
  // once.
  journal.CopyTo(copy, EncodeName(run.archiver));
  Failpoint("journal-copy-after");
  lists.get();
}

}  // namespace osarchiver
