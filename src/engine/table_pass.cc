#include "engine/table_pass.h"

#include <fmt/format.h>

#include <cerrno>
#include <future>
#include <utility>

#include "engine/copy_repair.h"
#include "engine/throttle.h"
#include "formats/text_check.h"
#include "mariadb/retry.h"
#include "util/failpoint.h"
#include "util/log.h"

namespace osarchiver {
namespace {

// How often a walk's place is written down: what a crash may read once more.
constexpr std::chrono::seconds kPositionInterval{5};

// Of those that are sealed already it does nothing.
void Seal(const std::vector<PassArchive*>& archives) {
  for (PassArchive* archive : archives) archive->Seal();
}

KeptFilter::Kept WhatOfKept(PassMode mode) {
  switch (mode) {
    case PassMode::kArchiveOnly:
      return KeptFilter::Kept::kLeave;
    case PassMode::kDeleteOnly:
      return KeptFilter::Kept::kTake;
    default:
      return KeptFilter::Kept::kRelease;
  }
}

}  // namespace

PassMode ModeOf(const TableSettings& settings) {
  if (!settings.archive) return PassMode::kDeleteOnly;
  return settings.delete_rows ? PassMode::kMove : PassMode::kArchiveOnly;
}

TablePass::TablePass(RunServices& services, const SourceSettings& source, const SourcePlan& plan,
                     const TablePlan& table, PassTargets& targets, Throttle& throttle)
    : services_(services),
      source_(source),
      plan_(plan),
      table_(table),
      throttle_(throttle),
      mode_(ModeOf(table.settings)),
      targets_(targets),
      connection_(services.connect()) {
  (void)TargetFor(table_);
  Failpoint("pass-begin");
  const ReadPurpose purpose =
      mode_ == PassMode::kArchiveOnly ? ReadPurpose::kArchiveOnly : ReadPurpose::kDelete;
  reader_ = std::make_unique<UnitReader>(
      *connection_, plan_, table_, purpose,
      services_.journal.Position(services_.context.archiver, PassKeyOf(plan_, table_)),
      services_.clock, services_.stop);
  // A table with few rows to take is read for hours before there is a unit.
  reader_->BetweenStatements([this] {
    AddRead();
    services_.progress.SetShare(ToText(table_.name), reader_->progress());
    SavePosition(*reader_, false);
    (void)throttle_.Wait();  // the reader asks for a stop by itself
    read_began_ = services_.clock.Now();
  });
}

TablePass::~TablePass() = default;

PassTargets::Target& TablePass::TargetFor(const TablePlan& table) {
  tables_.insert(&table);
  return targets_.For(table);
}

void TablePass::AddRead() {
  throttle_.AddRead(
      std::chrono::duration_cast<std::chrono::milliseconds>(services_.clock.Now() - read_began_));
}

bool TablePass::ReadUnit(UnitReader& reader, std::uint64_t rows, Unit* unit) {
  ReadLimits limits;
  limits.rows = rows;
  limits.bytes = table_.settings.batch_bytes;
  bool more = false;
  // Reading changes nothing, so a lost connection only means reading the unit again.
  Retry(
      {}, services_.clock, "reading " + ToText(table_.name),
      [&] {
        *unit = Unit();
        read_began_ = services_.clock.Now();
        more = reader.Next(limits, unit);
        AddRead();
      },
      [&](const DatabaseError& error) {
        LogWarning(fmt::format("reading {}: {}; trying again", ToText(table_.name), error.what()));
        if (connection_->usable()) return;
        connection_ = services_.connect();
        reader.Reconnect(*connection_);
      },
      [&] { return services_.stop.stopped(); });
  // Apart from the reading: trying that again would read the unit behind this one.
  if (connection_->holds_large_buffer()) {
    Retry(
        {}, services_.clock, "connecting after a large row of " + ToText(table_.name),
        [&] { connection_ = services_.connect(); }, {}, [&] { return services_.stop.stopped(); });
    reader.Reconnect(*connection_);
  }
  return more;
}

// What no server takes again can be restored by nobody.
void TablePass::RequireText(const TableDefinition& definition, const RowBatch& rows) const {
  if (mode_ == PassMode::kDeleteOnly) return;
  const auto invalid = FindInvalidText(definition, rows);
  if (!invalid) return;
  const Column& column = definition.columns[invalid->column];
  throw Error(fmt::format("{}.{}: row {} holds bytes in column {} that are no {} text; no server "
                          "takes them again, so that its rows stay",
                          definition.database, definition.table,
                          KeyText(KeyBytes(rows.row(invalid->row), definition.key)), column.name,
                          column.charset),
              "repair the value, or make the column binary");
}

UnitInFlight TablePass::Prepare(Unit unit) {
  UnitInFlight prepared;
  for (UnitPart& part : unit.parts) {
    if (part.rows.row_count() == 0) continue;
    prepared.tables.push_back(part.table);
    services_.progress.AddRead(part.rows.row_count());
    PassTargets::Target& target = TargetFor(*part.table);
    KeptFilter::Result split = target.filter->Split(part, services_.first_batch, WhatOfKept(mode_));
    for (Release& release : split.releases) {
      release.table = part.table;
      release.by = target.pass;
      prepared.releases.push_back(std::move(release));
    }
    if (split.rows.row_count() == 0) continue;
    RequireText(part.table->definition(), split.rows);
    BatchInFlight batch;
    batch.table = part.table;
    batch.archive = target.archive.get();
    batch.pass = target.pass;
    batch.rows = std::move(split.rows);
    batch.hashes = std::move(split.hashes);
    batch.levels = std::move(split.levels);
    batch.supersedes = std::move(split.supersedes);
    DescribeRows(part.table->definition().key, &batch);
    prepared.batches.push_back(std::move(batch));
  }
  return prepared;
}

// Rows archived before a destination was added get their copy there first. Rare, so the pipeline
// runs empty for it: a destination has one writing and one reading side.
void TablePass::CompleteReleases(PassPipeline& pipeline, const UnitInFlight& unit) {
  for (const Release& release : unit.releases) {
    StoredBatch stored = LoadStoredBatch(services_.journal, release.batch);
    bool complete = true;
    for (const Destination* destination : services_.destinations) {
      bool found = false;
      for (const CopyLocation& copy : stored.batch.copies)
        found = found || copy.target == destination->target();
      complete = complete && found;
    }
    if (complete) continue;
    pipeline.WaitUntilIdle();
    CopyReader reader(services_.settings, services_.journal, services_.destinations);
    CompleteCopies(services_, reader, &stored);
  }
}

std::uint64_t TablePass::Round(Turn turn) {
  const ShownTable shown(services_.progress, ToText(table_.name), mode_ != PassMode::kArchiveOnly);
  PipelineOptions options;
  options.mode = mode_;
  options.delete_connections =
      reader_->needs_previous_unit_settled() ? 1 : source_.delete_connections;
  options.delete_target_ms = source_.delete_target_ms;
  options.batch_rows = table_.settings.batch_rows;
  // One that is stored, one verified and one deleted; the next is read outside of the budget.
  options.budget_bytes = 3 * table_.settings.batch_bytes;
  options.large_unit_bytes = table_.settings.batch_bytes;
  if (turn == Turn::kLast && mode_ == PassMode::kMove) options.seal = [this] { Seal(Archives()); };
  PassPipeline pipeline(services_, options, throttle_);

  bool complete = false;
  while (!services_.stop.stopped()) {
    if (!throttle_.Wait()) break;
    for (Destination* destination : services_.destinations) {
      if (auto reason = destination->LacksRoom()) throw IoError(ENOSPC, *reason);
    }
    RowShare share(services_.allowance, table_.settings.batch_rows);
    if (share.rows() == 0) break;
    pipeline.WaitForRoom();
    reader_->UseMemoryOf(pipeline.TakeMemory());
    Unit unit;
    if (!ReadUnit(*reader_, share.rows(), &unit)) {
      complete = !services_.stop.stopped();
      break;
    }
    Failpoint("batch-read");
    services_.progress.SetShare(ToText(table_.name), reader_->progress());
    std::uint64_t rows = 0;
    for (const UnitPart& part : unit.parts) rows += part.rows.row_count();
    UnitInFlight prepared = Prepare(std::move(unit));
    if (prepared.batches.empty() && prepared.releases.empty()) continue;
    share.Took(rows);
    // Where rows are deleted, those count that go.
    if (mode_ == PassMode::kArchiveOnly) throttle_.AddRows(rows);
    if (prepared.batches.size() + prepared.releases.size() > 1) {
      prepared.number = ++services_.last_unit;
      for (BatchInFlight& batch : prepared.batches) batch.info.unit = prepared.number;
    }
    CompleteReleases(pipeline, prepared);
    if (!pipeline.Push(std::move(prepared))) break;
    // The next unit may hold rows of this one that stayed; they are archived already.
    if (reader_->needs_previous_unit_settled()) pipeline.WaitUntilIdle();
    SavePosition(*reader_, false);
  }
  const PipelineCounts counts = pipeline.Finish();
  conflicts_ += counts.conflicts;
  blocked_late_ += counts.blocked;
  SavePosition(*reader_, complete);
  if (complete) reader_->Restart();
  return counts.deleted;
}

void TablePass::SavePosition(const UnitReader& reader, bool complete) {
  const auto now = services_.clock.Now();
  if (!complete && !services_.stop.stopped() && now - position_saved_ < kPositionInterval) return;
  position_saved_ = now;
  services_.journal.SetPosition(services_.context.archiver, PassKeyOf(plan_, table_),
                                complete ? std::string() : reader.position());
}

void TablePass::CountWhatStays() {
  const PassId pass = TargetFor(table_).pass;
  // What the walk met need not be counted by reading the table once more.
  const std::optional<std::uint64_t> live = reader_->live_flag_rows();
  services_.journal.SetLiveFlagRows(
      pass,
      live ? *live : CountLiveFlagRows(*connection_, table_, services_.clock, services_.stop));
  if (reader_->may_be_blocked() || blocked_late_ > 0) {
    CountBlockedOf(table_, blocked_late_ > 0 ? std::nullopt : reader_->blocked_rows(),
                   reader_->too_large());
  }
  // Their own passes may have counted rows that went with rows of this table since.
  for (const TablePlan* dependent : tables_) {
    if (dependent == &table_) continue;
    const std::vector<BlockedReason> before =
        services_.journal.Blocked(targets_.For(*dependent).pass);
    if (before.empty()) continue;
    std::vector<BlockedCount> too_large;
    for (const BlockedReason& reason : before) {
      if (reason.why != kTooLargeTree) continue;
      too_large.push_back({reason.referring, reason.constraint, reason.why, reason.advice,
                           reason.rows, reason.examples, reason.select_sql});
    }
    CountBlockedOf(*dependent, std::nullopt, std::move(too_large));
  }
}

void TablePass::CountBlockedOf(const TablePlan& table,
                               const std::optional<std::vector<RowSet>>& among,
                               std::vector<BlockedCount> too_large) {
  std::uint64_t rows = 0;
  std::vector<BlockedCount> counts =
      CountBlocked(*connection_, plan_, table, services_.clock, services_.stop, among, &rows);
  for (BlockedCount& count : too_large) {
    rows += count.rows;
    counts.push_back(std::move(count));
  }
  std::vector<BlockedReason> reasons;
  for (BlockedCount& count : counts) {
    reasons.push_back({count.referring, count.constraint, count.why, count.rows,
                       std::move(count.example_keys), count.select_sql, count.advice});
  }
  services_.journal.SetBlocked(targets_.For(table).pass, rows, reasons);
}

std::vector<PassArchive*> TablePass::Archives() {
  std::vector<PassArchive*> archives;
  for (const TablePlan* table : tables_) archives.push_back(targets_.For(*table).archive.get());
  return archives;
}

void TablePass::Finish() {
  const bool stopped = services_.stop.stopped();
  // Sealing reads files, counting waits for the server.
  std::future<void> sealed = std::async(std::launch::async, Seal, Archives());
  if (!stopped) CountWhatStays();
  sealed.get();
  for (const TablePlan* table : tables_) {
    if (conflicts_ > 0) {
      targets_.End(*table, PassState::kFailed,
                   fmt::format("{} rows conflict with rows at a destination", conflicts_));
    } else if (stopped) {
      targets_.End(*table, PassState::kRunning, services_.stop.reason());
    } else {
      targets_.End(*table, PassState::kCompleted, "");
    }
  }
  Failpoint("pass-end");
}

void TablePass::Fail(const std::string& reason) {
  for (const TablePlan* table : tables_) targets_.Fail(*table, reason);
}

}  // namespace osarchiver
