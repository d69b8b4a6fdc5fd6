// What `verify` asks of the journal itself.
#include <fmt/format.h>

#include "state/journal_state.h"
#include "state/row_marks.h"

namespace osarchiver {
namespace {

// Each query answers one line per contradiction. Triggers keep these things true step by step; here
// they are asked of the whole, because a damaged file keeps no promise of its triggers.
struct Invariant {
  const char* sql;
};

constexpr Invariant kInvariants[] = {
    {"SELECT 'batch ' || b.id || ' is ' || b.state || ' and has no copy' FROM batches b"
     " WHERE b.state IN ('archived', 'verified', 'deleted') AND b.unarchived = 0"
     " AND NOT EXISTS (SELECT 1 FROM copies WHERE batch_id = b.id)"},
    {"SELECT 'batch ' || c.batch_id || ' has a copy behind the end of segment ' || s.path"
     " FROM copies c JOIN segments s ON s.id = c.segment_id WHERE c.frame_end > s.length"},
    {"SELECT 'batch ' || c.batch_id || ' has a copy in segment ' || s.path || ', which is retired'"
     " FROM copies c JOIN segments s ON s.id = c.segment_id WHERE s.state = 'retired'"},
    {"SELECT 'segment ' || s.path || ' is sealed and holds batch ' || b.id || ', which is ' || "
     "b.state"
     " FROM segments s JOIN copies c ON c.segment_id = s.id JOIN batches b ON b.id = c.batch_id"
     " WHERE s.state = 'sealed' AND b.state NOT IN ('verified', 'deleted')"},
    {"SELECT 'segment ' || s.path || ' holds copies that overlap at ' || c.frame_offset FROM "
     "segments s"
     " JOIN copies c ON c.segment_id = s.id JOIN copies d ON d.segment_id = s.id"
     " WHERE d.frame_end > c.frame_offset AND d.frame_end < c.frame_end"},
    {"SELECT 'run ' || r.name || ' is settled and has batch ' || b.id || ' in flight' FROM runs r"
     " JOIN passes p ON p.run_id = r.id JOIN batches b ON b.pass_id = p.id"
     " WHERE r.settled = 1 AND (b.state IN ('extracted', 'archived') OR (b.state = 'verified' AND "
     "b.settled = 0))"},
    {"SELECT 'run ' || r.name || ' is settled and has release ' || x.id || ' in flight' FROM runs r"
     " JOIN passes p ON p.run_id = r.id JOIN releases x ON x.pass_id = p.id WHERE r.settled = 1"},
    {"SELECT 'the counts of table pass ' || p.id || ' are not those of its batches' FROM passes p"
     " LEFT JOIN batches b ON b.pass_id = p.id GROUP BY p.id"
     " HAVING p.rows_extracted <> coalesce(sum(b.row_count * (b.state = 'extracted')), 0)"
     " OR p.rows_archived <> coalesce(sum(b.row_count * (b.state = 'archived')), 0)"
     " OR p.rows_verified <> coalesce(sum(b.row_count * (b.state = 'verified')), 0)"
     " OR p.batches_deleted <> coalesce(sum(b.state = 'deleted'), 0)"
     " OR p.rows_kept <> coalesce(sum(b.kept_rows * b.settled), 0)"
     " OR p.deleted <> coalesce(sum(b.deleted), 0) OR p.absent <> coalesce(sum(b.absent), 0)"
     " OR p.changed <> coalesce(sum(b.changed), 0) OR p.blocked <> coalesce(sum(b.blocked), 0)"},
    {"SELECT 'the kept rows of batch ' || b.id || ' are not as many as counted' FROM batches b"
     " LEFT JOIN (SELECT batch_id, count(*) AS rows FROM kept GROUP BY batch_id) k ON k.batch_id = "
     "b.id"
     " WHERE b.kept_rows <> coalesce(k.rows, 0)"},
};

}  // namespace

std::vector<std::string> Journal::Check() {
  const State::Call call(*state_);
  std::vector<std::string> findings;
  {
    Statement rows = state_->db->Query("PRAGMA integrity_check");
    while (rows.Step()) {
      if (rows.Text(0) != "ok") findings.push_back(rows.Text(0));
    }
  }
  // Questions about the content of a broken structure have no answers.
  if (!findings.empty()) return findings;
  Statement references = state_->db->Query("PRAGMA foreign_key_check");
  while (references.Step()) {
    findings.push_back(fmt::format("row {} of {} refers to a row of {} that is not there",
                                   references.Int(1), references.Text(0), references.Text(2)));
  }
  const Transaction snapshot(*state_->db, Transaction::Kind::kRead);
  for (const Invariant& invariant : kInvariants) {
    Statement rows = state_->db->Query(invariant.sql);
    while (rows.Step()) findings.push_back(rows.Text(0));
  }
  Statement tables = state_->db->Query(RowsNotAsCountedSql(Compare::kMarks));
  while (tables.Step()) {
    findings.push_back("the kept rows of " + tables.Text(0) + " are not those that were counted");
  }
  return findings;
}

}  // namespace osarchiver
