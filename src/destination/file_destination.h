// One format of a file destination. The formats of one destination share its root, which does what
// is done once for all of them.
#pragma once

#include <memory>
#include <string>

#include "config/settings.h"
#include "destination/archive_root.h"
#include "destination/destination.h"
#include "destination/file_target.h"
#include "destination/segment_reader_pool.h"

namespace osarchiver {

class FileDestination final : public Destination {
 public:
  // Throws ConfigError when there is no such format. `root` is that of the settings' directory,
  // the same one for all formats of the destination.
  FileDestination(const FileDestinationSettings& settings, const std::string& format,
                  std::shared_ptr<ArchiveRoot> root);

  bool may_conflict() const override { return false; }
  const CopyTarget& target() const override { return target_.target; }
  std::vector<std::string> Check(const RunContext& run, const Journal* journal) override;
  void Open(const RunContext& run, Journal& journal) override;
  void RequireJournal(const RunContext& run, const std::vector<PassKey>& tables,
                      const Journal* journal) override;
  std::unique_ptr<TableWriter> OpenTable(const PassContext& pass, Journal& journal) override;
  std::optional<std::string> LacksRoom() override;
  Hash ReadBack(const CopyReference& copy, const TableDefinition& definition, Journal& journal,
                const DigestedRows* known, RowBatch* rows) override;
  std::vector<std::string> FindUnknown(const RunInfo& run, Journal& journal) override;
  bool PutDamagedAside(Journal& journal) override;
  Survey SurveyPass(const RunInfo& run, const PassInfo& pass, Journal& journal) override;
  void CloseInterrupted(const RunInfo& run, const PassInfo& pass, Journal& journal) override;
  std::vector<VerifyFinding> Verify(const RunInfo& run, const PassInfo& pass, Journal& journal,
                                    double sample, std::uint64_t seed) override;
  std::vector<VerifyFinding> VerifyRun(const RunInfo& run, const Journal& journal) override;
  std::filesystem::path PlaceOfJournalCopy(const std::string& journal_id) const override;
  Inventory TakeInventory(const std::string& site, const std::string& archiver) override;
  void Quarantine(const CopyLocation& location, Journal& journal) override;
  void FinishRun(const RunContext& run, Journal& journal) override;

 private:
  FileDestinationSettings settings_;
  FileTarget target_;
  std::shared_ptr<ArchiveRoot> root_;
  SegmentReaderPool readers_;
};

}  // namespace osarchiver
