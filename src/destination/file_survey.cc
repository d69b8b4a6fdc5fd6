#include "destination/file_survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "destination/file_inventory.h"
#include "destination/quarantine.h"
#include "formats/segment_reader.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

using BatchesByNumber = std::map<std::uint64_t, BatchInfo>;

struct PassFacts {
  const FileTarget& target;
  const RunInfo& run;
  const PassInfo& pass;
  const std::string& journal_id;
  BatchesByNumber batches;
};

// What a header of ours must say, and what it says instead; "" when all is right.
std::string HeaderContradiction(const PassFacts& facts, const SegmentHeader& header) {
  const auto differs = [](std::string_view what, const std::string& found,
                          const std::string& ours) {
    return found == ours ? std::string()
                         : fmt::format("{} '{}' instead of '{}'", what, found, ours);
  };
  for (const std::string& text :
       {differs("run", header.run_name, facts.run.name),
        differs("source", header.source, facts.pass.key.source),
        differs("database", header.definition.database, facts.pass.key.database),
        differs("table", header.definition.table, facts.pass.key.table),
        differs("format", header.format, facts.target.target.format),
        differs("journal", header.journal_id, facts.journal_id)}) {
    if (!text.empty()) return text;
  }
  return {};
}

void SurveyBatch(const PassFacts& facts, const SegmentInfo& segment, const FoundBatch& found,
                 Survey* survey) {
  const std::string path = facts.target.PathOf(segment).string();
  const std::uint64_t number = found.record.number;
  const auto known = facts.batches.find(number);
  if (known == facts.batches.end()) {
    survey->journal_is_older.push_back(
        fmt::format("{} holds batch {}, which the journal does not know", path, number));
    return;
  }
  if (known->second.batch.digest != found.record.digest ||
      known->second.batch.rows != found.record.rows) {
    survey->journal_is_older.push_back(
        fmt::format("{} holds another batch {} than the journal knows", path, number));
    return;
  }
  survey->copies.push_back({number,
                            {segment.target, segment.id, found.location.offset,
                             found.location.frame_bytes, found.location.end},
                            found.record.digest,
                            found.record.rows,
                            found.location.end > segment.length});
}

// Whether what stands behind a segment's whole bytes is the record of the one batch that was being
// written. So a loss of power leaves a file when the end of what was written last is on the disk
// and its beginning is not. Never two: each is synced before the next is written. The journal has
// the batch extracted, or a run that was killed while it settled this one had dealt with it and not
// yet cut the file.
bool IsOnlyInFlight(const PassFacts& facts, const SegmentInfo& segment,
                    const SegmentReport& report) {
  if (report.behind_whole.size() != 1) return false;
  const BatchRecord& record = report.behind_whole.front();
  const auto known = facts.batches.find(record.number);
  if (known == facts.batches.end()) return false;
  const BatchInfo& batch = known->second;
  if (batch.batch.digest != record.digest) return false;
  return batch.state == BatchState::kExtracted || IsSettledElsewhere(batch, segment);
}

// Segments that the journal calls open or sealing.
void SurveyUnsealed(const PassFacts& facts, const SegmentInfo& segment, Survey* survey) {
  const fs::path path = facts.target.PathOf(segment);
  if (!facts.target.files.Exists(path)) {
    // The row is written before the file, so a missing file that should be empty is no surprise.
    if (segment.length > 0) {
      survey->problems.push_back(fmt::format("{} is missing; the journal knows {} bytes of it",
                                             path.string(), segment.length));
    }
    return;
  }
  SegmentReport report = ScanSegment(facts.target.files, path, ScanDepth::kRecords);
  if (report.whole_bytes >= segment.length && IsOnlyInFlight(facts, segment, report)) {
    // As if its record were torn like the rest of it.
    report.records_behind_whole = false;
    std::erase_if(report.batches,
                  [&](const FoundBatch& found) { return found.location.end > report.whole_bytes; });
    report.condition = SegmentCondition::kTorn;
  }
  const auto older = [&](const std::string& what) {
    survey->journal_is_older.push_back(path.string() + " " + what);
  };
  if (report.header) {
    const std::string contradiction = HeaderContradiction(facts, *report.header);
    if (!contradiction.empty()) older("says " + contradiction);
  }
  if (report.footer && segment.state == SegmentState::kOpen) {
    older("is sealed, and the journal says that it is open");
  }
  // Within the journaled length it is damage; such a file is put aside whole and never cut.
  if (report.records_behind_whole && report.whole_bytes >= segment.length) {
    older("holds records of batches behind bytes that are not whole");
  }
  if (report.file_bytes < segment.length) {
    older(fmt::format("is {} bytes long, and the journal says {}", report.file_bytes,
                      segment.length));
  } else if (report.whole_bytes < segment.length) {
    survey->problems.push_back(fmt::format("{} is damaged at byte {}, the journal vouches for {}",
                                           path.string(), report.whole_bytes, segment.length));
  }
  if (report.condition == SegmentCondition::kCorrupt) {
    for (const std::string& problem : report.problems) {
      survey->problems.push_back(path.string() + ": " + problem);
    }
  }
  for (const FoundBatch& found : report.batches) SurveyBatch(facts, segment, found, survey);
}

// A sealed segment is never touched again, so the journal's word is enough here.
void SurveySealed(const PassFacts& facts, const SegmentInfo& segment, Survey* survey) {
  for (const auto& [number, batch] : facts.batches) {
    for (const CopyLocation& copy : batch.copies) {
      if (copy.segment != segment.id) continue;
      survey->copies.push_back({number, copy, batch.batch.digest, batch.batch.rows, false});
    }
  }
}

}  // namespace

bool IsSettledElsewhere(const BatchInfo& batch, const SegmentInfo& segment) {
  const auto elsewhere = [&segment](const CopyLocation& copy) {
    return copy.target == segment.target && copy.segment != segment.id;
  };
  return batch.state == BatchState::kForgotten ||
         std::any_of(batch.copies.begin(), batch.copies.end(), elsewhere);
}

// Every segment's row is written before its file: a file of this run that the journal does not know
// was written after the journal's backup was made. It may be of a table pass that began after it,
// and the layout may have been another one, so it is looked for everywhere.
std::vector<std::string> FindUnknownSegments(const FileTarget& target, const RunInfo& run,
                                             Journal& journal) {
  std::set<fs::path> known;
  for (const PassInfo& pass : journal.ListPasses(run.id)) {
    for (const SegmentInfo& segment : journal.ListSegments(pass.id)) {
      if (segment.target == target.target) known.insert(target.PathOf(segment).lexically_normal());
    }
  }
  std::vector<std::string> unknown;
  const std::string middle = "." + EncodeName(run.name) + ".";
  for (const fs::path& path : SegmentFiles(target.root, target.target.format)) {
    if (path.filename().string().find(middle) == std::string::npos) continue;
    // What was put aside is in nobody's way; when it was a segment without a header, no journal
    // that is made again can name it.
    if (path.string().ends_with(kDamagedEnding)) continue;
    if (known.contains(path.lexically_normal())) continue;
    unknown.push_back(path.string() + " is not in the journal");
  }
  return unknown;
}

Survey SurveySegments(const FileTarget& target, const RunInfo& run, const PassInfo& pass,
                      Journal& journal) {
  PassFacts facts{target, run, pass, journal.id(), {}};
  for (BatchInfo& batch : journal.ListBatches(pass.id)) {
    facts.batches[batch.batch.number] = std::move(batch);
  }
  Survey survey;
  for (const SegmentInfo& segment : journal.ListSegments(pass.id)) {
    if (segment.target != target.target) continue;
    if (segment.state == SegmentState::kSealed) SurveySealed(facts, segment, &survey);
    if (segment.state == SegmentState::kOpen || segment.state == SegmentState::kSealing) {
      SurveyUnsealed(facts, segment, &survey);
    }
  }
  return survey;
}

}  // namespace osarchiver
