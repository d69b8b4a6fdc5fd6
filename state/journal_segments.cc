// Segments. Their lengths move in journal_batches.cc, with the batches.
#include <fmt/format.h>

#include "state/journal_state.h"
#include "util/error.h"

namespace osarchiver {
namespace {

#define SEGMENT_COLUMNS                                                                     \
  "s.id, s.pass_id, t.destination, t.format, s.part, s.path, s.length, s.state, s.sha256, " \
  "s.footer_hash"                                                                           \
  " FROM segments s JOIN targets t ON t.id = s.target_id"

SegmentInfo ReadSegment(const Statement& row) {
  SegmentInfo segment;
  segment.id = row.Int(0);
  segment.pass = row.Int(1);
  segment.target = {row.Text(2), row.Text(3)};
  segment.part = static_cast<std::uint32_t>(row.Int(4));
  segment.path = row.Text(5);
  segment.length = row.Count(6);
  segment.state = SegmentStateFromText(row.Text(7));
  segment.sha256 = row.Text(8);
  segment.footer_hash = row.Text(9);
  return segment;
}

// The segment's state and name; throws StateError unless `to` may follow.
struct Named {
  SegmentState state;
  std::string path;
};
Named RequireTransition(Database& db, SegmentId segment, SegmentState to) {
  Statement found = db.Query("SELECT state, path FROM segments WHERE id = ?", segment);
  if (!found.Step())
    throw StateError(fmt::format("the journal has no segment with id {}", segment));
  Named named{SegmentStateFromText(found.Text(0)), found.Text(1)};
  if (!MayFollow(named.state, to)) {
    throw StateError(fmt::format("segment {} is {} and cannot become {}", named.path,
                                 ToText(named.state), ToText(to)));
  }
  return named;
}

}  // namespace

SegmentId Journal::AddSegment(PassId pass, const CopyTarget& target, std::uint32_t part,
                              std::string_view path) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db, Transaction::Kind::kWriteWithNext);
  state_->db->Run("INSERT INTO segments (pass_id, target_id, part, path) VALUES (?, ?, ?, ?)", pass,
                  state_->TargetId(target), part, path);
  const SegmentId id = state_->db->last_insert_id();
  transaction.Commit();
  state_->NoteUndurable(state_->undurable_segments, id);
  return id;
}

void Journal::MarkSealing(SegmentId segment) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db, Transaction::Kind::kWriteWithNext);
  (void)RequireTransition(*state_->db, segment, SegmentState::kSealing);
  state_->db->Run("UPDATE segments SET state = 'sealing' WHERE id = ?", segment);
  transaction.Commit();
  state_->NoteUndurable(state_->undurable_segments, segment);
}

void Journal::EnsureSegmentDurable(SegmentId segment) {
  const State::Call call(*state_);
  state_->EnsureDurable(state_->undurable_segments, segment);
}

void Journal::MarkSealed(SegmentId segment, std::uint64_t length, std::string_view sha256,
                         std::string_view footer_hash) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db, Transaction::Kind::kWriteWithNext);
  (void)RequireTransition(*state_->db, segment, SegmentState::kSealed);
  state_->db->Run(
      "UPDATE segments SET state = 'sealed', length = ?, sha256 = ?, footer_hash = ? WHERE id = ?",
      length, sha256, footer_hash, segment);
  transaction.Commit();
}

void Journal::MarkRetired(SegmentId segment) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db);
  (void)RequireTransition(*state_->db, segment, SegmentState::kRetired);
  state_->db->Run("UPDATE segments SET state = 'retired' WHERE id = ?", segment);
  transaction.Commit();
}

void Journal::MarkDamaged(SegmentId segment, std::string_view new_path) {
  const State::Call call(*state_);
  Transaction transaction(*state_->db);
  (void)RequireTransition(*state_->db, segment, SegmentState::kDamaged);
  state_->db->Run("UPDATE segments SET state = 'damaged', path = ? WHERE id = ?", new_path,
                  segment);
  transaction.Commit();
}

std::optional<SegmentInfo> Journal::FindSegment(SegmentId segment) const {
  const State::Call call(*state_);
  Statement rows = state_->db->Query("SELECT " SEGMENT_COLUMNS " WHERE s.id = ?", segment);
  if (!rows.Step()) return std::nullopt;
  return ReadSegment(rows);
}

std::optional<SegmentInfo> Journal::FindSegment(const CopyTarget& target,
                                                std::string_view path) const {
  const State::Call call(*state_);
  Statement rows = state_->db->Query("SELECT " SEGMENT_COLUMNS
                                     " WHERE t.destination = ? AND t.format = ? AND s.path = ?",
                                     target.destination, target.format, path);
  if (!rows.Step()) return std::nullopt;
  return ReadSegment(rows);
}

std::vector<SegmentInfo> Journal::ListSegments(PassId pass) const {
  const State::Call call(*state_);
  Statement rows =
      state_->db->Query("SELECT " SEGMENT_COLUMNS " WHERE s.pass_id = ? ORDER BY s.id", pass);
  std::vector<SegmentInfo> segments;
  while (rows.Step()) segments.push_back(ReadSegment(rows));
  return segments;
}

std::uint32_t Journal::LastPart(PassId pass, const CopyTarget& target) const {
  const State::Call call(*state_);
  return static_cast<std::uint32_t>(state_->db->QueryInt(
      "SELECT coalesce(max(s.part), 0) FROM segments s JOIN targets t ON t.id = s.target_id"
      " WHERE s.pass_id = ? AND t.destination = ? AND t.format = ?",
      pass, target.destination, target.format));
}

}  // namespace osarchiver
