// The root of a file destination: the marker that says whose it is, and one small file per archiver
// and journal with the name of its last run. Together they tell a directory that is not mounted, a
// directory of somebody else, and a journal that is older than the archives. And what a run leaves
// once for all formats when it ends: the lists of checksums and the journal's copy.
//
//   <root>/osarchiver.json                             destination, site, format version
//   <root>/.osarchiver/<archiver>.<journal id>.json    the last run that wrote segments here
//   <root>/.osarchiver/<journal id>.db                 the journal's copy
#pragma once

#include <filesystem>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "destination/destination.h"
#include "state/journal.h"
#include "util/file_system.h"

namespace osarchiver {

class ArchiveRoot {
 public:
  // `files` outlives it.
  ArchiveRoot(FileSystem& files, std::filesystem::path root, std::string destination);

  FileSystem& files() const { return files_; }
  const std::filesystem::path& path() const { return root_; }
  const std::string& destination() const { return destination_; }
  // What keeps a run from using the root, one line each. Changes nothing. `journal` is null where
  // there is none yet.
  std::vector<std::string> Check(const RunContext& run, const Journal* journal) const;
  // Makes root and marker on the first run, durable on return. Safe to repeat. Throws as
  // Destination::Open says.
  void Open(const RunContext& run, const Journal& journal);
  // Destination::RequireJournal(); a root that is not there yet holds nothing.
  void RequireJournal(const RunContext& run, const Journal* journal) const;
  // Throws IoError where there is no marker: what was archived there cannot be told.
  void RequireMarker(const std::string& site) const;
  // Before a run's first segment: from now on a journal without this run is an older one. Not for
  // runs that have nothing to write: no archive could give their names back to a lost journal.
  // Durable on return; an older run, whose missing copies are made, changes nothing.
  void RecordRun(const RunContext& run);
  // The same in a thread of its own, for its two syncs to be waited for beside the journal's:
  // RecordRun() waits for it and throws what it threw.
  void BeginToRecordRun(const RunContext& run);
  // By journal: the last run of the archiver that wrote here.
  std::map<std::string, std::string> LastRuns(const std::string& site,
                                              const std::string& archiver) const;
  std::filesystem::path JournalCopy(const std::string& journal_id) const;
  // Destination::FinishRun(), when the first format asks; the others find it done, or failed.
  void FinishRun(const RunContext& run, Journal& journal);

 private:
  // Throws ConfigError when the marker is another site's or destination's; false: no marker.
  bool CheckMarker(const std::string& site) const;
  void CheckLastRuns(const RunContext& run, const Journal* journal) const;
  std::filesystem::path LastRunFile(const RunContext& run) const;
  void RecordNow(const RunContext& run);

  FileSystem& files_;
  std::filesystem::path root_;
  std::string destination_;
  std::mutex mutex_;  // guards what follows
  std::map<std::filesystem::path, std::string> recorded_;
  std::string finished_;         // the last run that FinishRun() was called for
  std::future<void> recording_;  // last: it waits for its thread, which uses all of the others
};

}  // namespace osarchiver
