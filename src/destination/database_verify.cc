#include "destination/database_verify.h"

#include <fmt/format.h>

#include <map>

#include "destination/database_reader.h"
#include "destination/sample.h"
#include "mariadb/retry.h"

namespace osarchiver {
namespace {

using Entries = std::map<std::uint64_t, ControlSummary>;

void Fail(VerifyFinding* finding, const char* result, std::string problem) {
  if (finding->problems.empty() || finding->result == "incomplete") finding->result = result;
  finding->problems.push_back(std::move(problem));
}

// An entry that was changed, or whose predecessor was taken away, does not fit its hash.
void CheckChain(const Entries& entries, VerifyFinding* finding) {
  for (const auto& [number, summary] : entries) {
    std::string previous_chain;
    if (summary.entry.previous != 0) {
      const auto previous = entries.find(summary.entry.previous);
      if (previous == entries.end()) {
        Fail(finding, "corrupt",
             fmt::format("the entry of batch {} is gone, which stood before that of batch {}",
                         summary.entry.previous, number));
        continue;
      }
      previous_chain = previous->second.entry.chain;
    }
    if (ChainHash(summary, previous_chain) != summary.entry.chain) {
      Fail(finding, "corrupt", fmt::format("the entry of batch {} was changed", number));
    }
  }
}

void CheckContent(Connection& connection, const ControlTable& control, const RunInfo& run,
                  const ControlSummary& summary, VerifyFinding* finding) {
  const std::uint64_t number = summary.entry.number;
  try {
    const auto entry = control.Find(connection, run.name, summary.entry.table_id, number);
    if (!entry) {
      Fail(finding, "incomplete", fmt::format("batch {} has no entry any more", number));
      return;
    }
    const TableDefinition definition = DefinitionFromJson(entry->definition);
    RowBatch rows(definition.columns.size());
    const Hash digest = ReadEntry(connection, control, *entry, definition, &rows);
    finding->bytes += rows.byte_count();
    if (rows.row_count() != entry->rows || digest != entry->digest) {
      Fail(finding, "corrupt",
           fmt::format("batch {}: the rows are not the rows that were archived", number));
    }
  } catch (const IntegrityError& error) {
    Fail(finding, "corrupt", error.what());
  } catch (const DatabaseError& error) {
    // Nothing is proven by a server that cannot be reached.
    if (Classify(error) != ErrorClass::kPermanent) throw;
    Fail(finding, "corrupt", error.what());
  }
}

}  // namespace

std::vector<VerifyFinding> VerifyDatabasePass(Connection& connection,
                                              const std::optional<ControlTable>& control,
                                              const std::string& database, const CopyTarget& target,
                                              const RunInfo& run, const PassInfo& pass,
                                              Journal& journal, double sample, std::uint64_t seed) {
  std::map<std::uint64_t, BatchInfo> expected, known;
  for (const BatchInfo& batch : journal.ListBatches(pass.id)) {
    known[batch.batch.number] = batch;
    for (const CopyLocation& copy : batch.copies) {
      if (copy.target == target) expected[batch.batch.number] = batch;
    }
  }
  VerifyFinding finding;
  finding.path = database + "." + pass.key.table;
  finding.result = "ok";
  Entries entries;
  if (control) {
    for (ControlSummary& summary : control->List(connection, run.name, TableId(pass.key))) {
      finding.path = control->database() + "." + summary.entry.archive_table;
      entries.emplace(summary.entry.number, std::move(summary));
    }
  }
  if (expected.empty() && entries.empty()) return {};
  if (!control) {
    Fail(&finding, "missing", fmt::format("{}.{} is not there", database, kControlTableName));
    return {finding};
  }
  for (const auto& [number, batch] : expected) {
    if (entries.contains(number)) continue;
    Fail(&finding, "incomplete",
         fmt::format("batch {} ({} rows, keys {} to {}) is not there", number, batch.batch.rows,
                     KeyText(batch.batch.first_key), KeyText(batch.batch.last_key)));
  }
  CheckChain(entries, &finding);
  for (const auto& [number, summary] : entries) {
    ++finding.batches;
    finding.rows += summary.entry.rows;
    const auto journaled = known.find(number);
    if (journaled == known.end()) {
      Fail(&finding, "corrupt",
           fmt::format("batch {} is there, which the journal does not know", number));
    } else if (journaled->second.batch.digest != summary.entry.digest ||
               journaled->second.batch.rows != summary.entry.rows) {
      Fail(&finding, "corrupt",
           fmt::format("batch {}: digest or number of rows is not the journal's", number));
    }
    if (!InSample(sample, seed, static_cast<std::uint64_t>(pass.id), number)) continue;
    CheckContent(connection, *control, run, summary, &finding);
  }
  return {finding};
}

}  // namespace osarchiver
