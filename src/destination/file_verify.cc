#include "destination/file_verify.h"

#include <fmt/format.h>

#include <map>

#include "destination/sample.h"
#include "formats/segment_reader.h"

namespace osarchiver {
namespace {

namespace fs = std::filesystem;

class SegmentVerifier {
 public:
  SegmentVerifier(const FileTarget& target, const PassInfo& pass, Journal& journal, double sample,
                  std::uint64_t seed)
      : target_(target), pass_(pass), sample_(sample), seed_(seed) {
    for (BatchInfo& batch : journal.ListBatches(pass.id)) {
      batches_[batch.batch.number] = std::move(batch);
    }
  }

  // Nothing for a segment that is nobody's loss.
  std::optional<VerifyFinding> Verify(const SegmentInfo& segment) {
    VerifyFinding finding;
    finding.path = target_.PathOf(segment).string();
    finding.result = "ok";
    const std::map<std::uint64_t, const BatchInfo*> expected = CopiesIn(segment);
    switch (segment.state) {
      case SegmentState::kRetired:
        return std::nullopt;
      case SegmentState::kDamaged:
        if (expected.empty()) return std::nullopt;  // made again elsewhere
        Fail(&finding, "corrupt",
             fmt::format("was found damaged; {} batches have no other copy here", expected.size()));
        return finding;
      case SegmentState::kOpen:
      case SegmentState::kSealing:
        finding.result = "open";
        break;
      case SegmentState::kSealed:
        break;
    }
    if (!target_.files.Exists(target_.PathOf(segment))) {
      if (segment.length > 0) Fail(&finding, "missing", "the file is not there");
      return finding;
    }
    VerifyFile(segment, expected, &finding);
    return finding;
  }

 private:
  static void Fail(VerifyFinding* finding, const char* result, std::string problem) {
    // The first finding names the kind; "missing" and "corrupt" are worse than "incomplete".
    if (finding->problems.empty() || finding->result == "incomplete") finding->result = result;
    finding->problems.push_back(std::move(problem));
  }

  std::map<std::uint64_t, const BatchInfo*> CopiesIn(const SegmentInfo& segment) const {
    std::map<std::uint64_t, const BatchInfo*> copies;
    for (const auto& [number, batch] : batches_) {
      for (const CopyLocation& copy : batch.copies) {
        if (copy.segment == segment.id) copies[number] = &batch;
      }
    }
    return copies;
  }

  void VerifyFile(const SegmentInfo& segment,
                  const std::map<std::uint64_t, const BatchInfo*>& expected,
                  VerifyFinding* finding) {
    const fs::path path = target_.PathOf(segment);
    const bool all = sample_ >= 1;
    SegmentReport report;
    try {
      report = ScanSegment(target_.files, path, all ? ScanDepth::kContent : ScanDepth::kRecords);
    } catch (const IoError& error) {
      Fail(finding, "corrupt", error.what());
      return;
    }
    finding->bytes = report.file_bytes;
    finding->batches = report.batches.size();
    for (const FoundBatch& found : report.batches) finding->rows += found.record.rows;
    CheckWhole(segment, report, finding);
    CheckBatches(segment, report, expected, finding);
    if (!all) ReadSample(segment, report, finding);
  }

  void CheckWhole(const SegmentInfo& segment, const SegmentReport& report, VerifyFinding* finding) {
    const bool sealed = segment.state == SegmentState::kSealed;
    if (sealed ? report.file_bytes != segment.length : report.file_bytes < segment.length) {
      Fail(finding, "corrupt",
           fmt::format("is {} bytes long where the journal says {}", report.file_bytes,
                       segment.length));
    }
    // Behind the length of an open segment anything may stand: a run is writing, or was killed.
    const bool whole = sealed ? report.condition == SegmentCondition::kSealed
                              : report.whole_bytes >= segment.length &&
                                    report.condition != SegmentCondition::kCorrupt;
    if (!whole) {
      if (report.problems.empty()) {
        Fail(finding, "corrupt", fmt::format("is whole to byte {} only", report.whole_bytes));
      }
      for (const std::string& problem : report.problems) Fail(finding, "corrupt", problem);
    } else if (sealed && report.footer_hash != segment.footer_hash) {
      Fail(finding, "corrupt", "has another footer than the one that was written");
    }
  }

  void CheckBatches(const SegmentInfo& segment, const SegmentReport& report,
                    const std::map<std::uint64_t, const BatchInfo*>& expected,
                    VerifyFinding* finding) {
    std::map<std::uint64_t, const FoundBatch*> found;
    for (const FoundBatch& batch : report.batches) {
      const std::uint64_t number = batch.record.number;
      found[number] = &batch;
      if (batch.location.end > segment.length) continue;  // not vouched for yet
      const auto known = batches_.find(number);
      if (known == batches_.end()) {
        Fail(finding, "corrupt",
             fmt::format("holds batch {}, which the journal does not know", number));
      } else if (known->second.batch.digest != batch.record.digest ||
                 known->second.batch.rows != batch.record.rows) {
        Fail(finding, "corrupt",
             fmt::format("batch {}: digest or number of rows is not the journal's", number));
      }
    }
    for (const auto& [number, batch] : expected) {
      if (found.contains(number)) continue;
      Fail(finding, "incomplete",
           fmt::format("batch {} ({} rows, keys {} to {}) is not in it", number, batch->batch.rows,
                       KeyText(batch->batch.first_key), KeyText(batch->batch.last_key)));
    }
  }

  void ReadSample(const SegmentInfo& segment, const SegmentReport& report, VerifyFinding* finding) {
    if (!report.header) return;
    std::unique_ptr<SegmentReader> reader;
    for (const FoundBatch& batch : report.batches) {
      if (!InSample(sample_, seed_, static_cast<std::uint64_t>(pass_.id), batch.record.number)) {
        continue;
      }
      try {
        if (!reader) reader = SegmentReader::Open(target_.files, target_.PathOf(segment));
        RowBatch rows(report.header->definition.columns.size());
        (void)reader->ReadBatch(batch.location, &rows);
      } catch (const IntegrityError& error) {
        Fail(finding, "corrupt", error.what());
      } catch (const IoError& error) {
        Fail(finding, "corrupt", error.what());
      }
    }
  }

  const FileTarget& target_;
  const PassInfo& pass_;
  double sample_;
  std::uint64_t seed_;
  std::map<std::uint64_t, BatchInfo> batches_;
};

}  // namespace

std::vector<VerifyFinding> VerifySegments(const FileTarget& target, const PassInfo& pass,
                                          Journal& journal, double sample, std::uint64_t seed) {
  std::vector<VerifyFinding> findings;
  SegmentVerifier verifier(target, pass, journal, sample, seed);
  for (const SegmentInfo& segment : journal.ListSegments(pass.id)) {
    if (segment.target != target.target) continue;
    if (auto finding = verifier.Verify(segment)) findings.push_back(*std::move(finding));
  }
  return findings;
}

}  // namespace osarchiver
