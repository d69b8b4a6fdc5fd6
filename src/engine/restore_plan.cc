#include "engine/restore_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "util/file_system.h"
#include "util/log.h"

namespace osarchiver {
namespace {

constexpr std::size_t kAllRuns = SIZE_MAX / 2;

std::vector<RunInfo> SelectRuns(const Journal& journal, const RestoreSelection& selection) {
  if (selection.run.empty()) return journal.ListRuns(selection.archiver, kAllRuns);
  auto run = journal.FindRun(selection.run, selection.archiver);
  if (!run)
    throw ConfigError("the journal has no run '" + selection.run + "'",
                      "osarchiver status --limit 20 lists runs");
  return {*run};
}

bool LeftTheSource(const BatchInfo& batch) {
  // Verified batches are either kept (the rows are still there and are found identical) or released
  // in part.
  return (batch.state == BatchState::kDeleted || batch.state == BatchState::kVerified) &&
         !batch.copies.empty();
}

// What all formats of a part have in common.
std::string IdentityOf(const SegmentHeader& header) {
  return fmt::format("{} {} {} {} {}", header.run_name, header.source, header.definition.database,
                     header.definition.table, header.part);
}

RestoreFile::Batch& BatchOf(RestoreFile* file, const BatchRecord& record) {
  for (RestoreFile::Batch& batch : file->batches) {
    if (batch.number == record.number) return batch;
  }
  file->batches.push_back({record.number, record.rows, {}});
  return file->batches.back();
}

void AddBatches(const std::filesystem::path& path, const SegmentReport& report, RestoreFile* file) {
  for (const FoundBatch& found : report.batches) {
    BatchOf(file, found.record).copies.push_back({path, found.location});
  }
  for (const BatchRecord& record : report.damaged) (void)BatchOf(file, record);
}

template <typename T>
std::vector<T> Reordered(std::vector<T> items, const std::vector<std::size_t>& order) {
  std::vector<T> sorted;
  for (const std::size_t index : order) sorted.push_back(std::move(items[index]));
  return sorted;
}

}  // namespace

std::vector<std::size_t> ParentsFirst(const std::vector<const TableDefinition*>& definitions) {
  std::map<TableName, std::vector<std::size_t>> by_name;
  for (std::size_t i = 0; i < definitions.size(); ++i) {
    by_name[{definitions[i]->database, definitions[i]->table}].push_back(i);
  }
  std::vector<std::size_t> order;
  std::set<TableName> done, open;
  const auto visit = [&](const auto& self, const TableName& name) -> void {
    if (done.contains(name) || !open.insert(name).second) return;
    for (const std::size_t index : by_name[name]) {
      for (const ForeignKey& key : definitions[index]->foreign_keys) {
        const TableName parent{key.referenced_database, key.referenced_table};
        if (parent != name && by_name.contains(parent)) self(self, parent);
      }
    }
    done.insert(name);
    for (const std::size_t index : by_name[name]) order.push_back(index);
  };
  std::vector<TableName> names;
  for (const auto& [name, positions] : by_name) names.push_back(name);
  for (const TableName& name : names) visit(visit, name);
  return order;
}

std::vector<RestoreItem> PlanRestore(const Journal& journal, const RestoreSelection& selection) {
  std::vector<RestoreItem> items;
  // Newest run first, so that of several versions of a row the newest goes in.
  for (const RunInfo& run : SelectRuns(journal, selection)) {
    for (PassInfo& pass : journal.ListPasses(run.id)) {
      if (selection.table && (pass.key.database != selection.table->database ||
                              pass.key.table != selection.table->table)) {
        continue;
      }
      RestoreItem item;
      item.run = run;
      for (BatchInfo& batch : journal.ListBatches(pass.id)) {
        if (LeftTheSource(batch)) item.batches.push_back(std::move(batch));
      }
      if (item.batches.empty()) continue;
      std::reverse(item.batches.begin(), item.batches.end());
      item.definition = DefinitionFromJson(pass.definition);
      item.pass = std::move(pass);
      items.push_back(std::move(item));
    }
  }
  if (items.empty())
    throw ConfigError("nothing that was archived matches",
                      "osarchiver status --limit 20 lists runs and tables");
  std::vector<const TableDefinition*> definitions;
  for (const RestoreItem& item : items) definitions.push_back(&item.definition);
  const std::vector<std::size_t> order = ParentsFirst(definitions);
  return Reordered(std::move(items), order);
}

RestoreFilesPlan PlanRestoreFiles(const std::vector<std::filesystem::path>& paths,
                                  const std::optional<TableName>& table) {
  RestoreFilesPlan plan;
  std::map<std::string, std::size_t> places;
  for (const std::filesystem::path& path : paths) {
    const SegmentReport report = ScanSegment(PosixFileSystem(), path, ScanDepth::kRecords);
    for (const std::string& problem : report.problems) {
      plan.problems.push_back(path.string() + ": " + problem);
    }
    if (!report.header) {
      if (report.problems.empty()) plan.problems.push_back(path.string() + " has no whole header");
      continue;
    }
    if (report.condition == SegmentCondition::kOpen) {
      // Cut behind a batch, a file looks like one of a run that was interrupted there.
      LogWarning(path.string() +
                 " has no footer: its run was interrupted, or it was cut; only the journal knows "
                 "whether there were more rows");
    }
    const SegmentHeader& header = *report.header;
    const TableName name{header.definition.database, header.definition.table};
    if (table && name != *table) continue;
    const auto [place, added] = places.emplace(IdentityOf(header), plan.files.size());
    if (added) plan.files.push_back({header, {}});
    AddBatches(path, report, &plan.files[place->second]);
  }
  std::erase_if(plan.files, [](const RestoreFile& file) { return file.batches.empty(); });
  if (plan.files.empty() && plan.problems.empty()) {
    throw ConfigError("the files hold no batch of that table",
                      "osarchiver verify --file tells more");
  }
  for (RestoreFile& file : plan.files) {
    std::sort(file.batches.begin(), file.batches.end(),
              [](const auto& a, const auto& b) { return a.number > b.number; });
  }
  // Run names begin with the time: newest first.
  std::stable_sort(plan.files.begin(), plan.files.end(),
                   [](const RestoreFile& a, const RestoreFile& b) {
                     return std::tie(b.header.run_name, b.header.part) <
                            std::tie(a.header.run_name, a.header.part);
                   });
  std::vector<const TableDefinition*> definitions;
  for (const RestoreFile& file : plan.files) definitions.push_back(&file.header.definition);
  const std::vector<std::size_t> order = ParentsFirst(definitions);
  plan.files = Reordered(std::move(plan.files), order);
  return plan;
}

}  // namespace osarchiver
