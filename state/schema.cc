// The journal, version by version. What the triggers hold, and why, is listed in README.md under
// "Invariants".
#include "state/schema.h"

#include <fmt/format.h>

#include "state/row_marks.h"
#include "util/error.h"

namespace osarchiver {
namespace {

constexpr char kTables1[] = R"sql(
-- One row: which journal this is.
CREATE TABLE journal (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  id TEXT NOT NULL CHECK (length(id) = 32),
  created_at TEXT NOT NULL,
  created_by TEXT NOT NULL
) STRICT;

-- Configurations and table definitions, which rarely change from night to night: each text once.
CREATE TABLE texts (
  id INTEGER PRIMARY KEY,
  sha256 BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),
  text TEXT NOT NULL
) STRICT;

CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE CHECK (name <> ''),
  archiver TEXT NOT NULL CHECK (archiver <> ''),
  site TEXT NOT NULL,
  now TEXT NOT NULL,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  configuration INTEGER NOT NULL REFERENCES texts (id),
  options TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'completed', 'interrupted', 'failed')),
  settled INTEGER NOT NULL DEFAULT 0 CHECK (settled IN (0, 1)),
  started_at TEXT NOT NULL,
  finished_at TEXT,
  last_progress_at TEXT,
  exit_code INTEGER,
  error TEXT NOT NULL DEFAULT '',
  waiting TEXT NOT NULL DEFAULT '',
  CHECK ((state = 'running') = (finished_at IS NULL)),
  CHECK ((state = 'running') = (exit_code IS NULL)),
  CHECK (state = 'running' OR waiting = '')
) STRICT;
CREATE INDEX runs_by_archiver ON runs (archiver, id);
CREATE INDEX runs_unsettled ON runs (archiver, id) WHERE settled = 0;

CREATE TABLE invocations (
  id INTEGER PRIMARY KEY,
  command TEXT NOT NULL,
  archiver TEXT NOT NULL,
  run_id INTEGER REFERENCES runs (id),
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  started_at TEXT NOT NULL,
  finished_at TEXT,
  exit_code INTEGER,
  reason TEXT NOT NULL DEFAULT '',
  CHECK ((finished_at IS NULL) = (exit_code IS NULL))
) STRICT;

-- A table of a source as one archiver sees it: what keeps nights together.
CREATE TABLE tables (
  id INTEGER PRIMARY KEY,
  archiver TEXT NOT NULL,
  source TEXT NOT NULL,
  database_name TEXT NOT NULL,
  table_name TEXT NOT NULL,
  position BLOB NOT NULL DEFAULT x'',
  kept_rows INTEGER NOT NULL DEFAULT 0 CHECK (kept_rows >= 0),
  held_rows INTEGER NOT NULL DEFAULT 0 CHECK (held_rows >= 0),
  UNIQUE (archiver, source, database_name, table_name)
) STRICT;

-- The counters are kept by the triggers on batches, so that nobody has to add up a million batches to show a run.
CREATE TABLE passes (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES runs (id),
  table_id INTEGER NOT NULL REFERENCES tables (id),
  cutoff TEXT NOT NULL,
  definition INTEGER NOT NULL REFERENCES texts (id),
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'completed', 'failed', 'skipped')),
  reason TEXT NOT NULL DEFAULT '',
  started_at TEXT,
  finished_at TEXT,
  live_flag_rows INTEGER NOT NULL DEFAULT 0,
  conflict_rows INTEGER NOT NULL DEFAULT 0,
  blocked_before INTEGER NOT NULL DEFAULT 0,
  released_deleted INTEGER NOT NULL DEFAULT 0,
  released_absent INTEGER NOT NULL DEFAULT 0,
  batches_extracted INTEGER NOT NULL DEFAULT 0,
  batches_archived INTEGER NOT NULL DEFAULT 0,
  batches_verified INTEGER NOT NULL DEFAULT 0,
  batches_deleted INTEGER NOT NULL DEFAULT 0,
  rows_extracted INTEGER NOT NULL DEFAULT 0,
  rows_archived INTEGER NOT NULL DEFAULT 0,
  rows_verified INTEGER NOT NULL DEFAULT 0,
  rows_kept INTEGER NOT NULL DEFAULT 0,
  deleted INTEGER NOT NULL DEFAULT 0,
  absent INTEGER NOT NULL DEFAULT 0,
  changed INTEGER NOT NULL DEFAULT 0,
  blocked INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0,
  UNIQUE (run_id, table_id)
) STRICT;

CREATE TABLE blocked (
  pass_id INTEGER NOT NULL REFERENCES passes (id),
  ordinal INTEGER NOT NULL,
  referring TEXT NOT NULL,
  constraint_name TEXT NOT NULL,
  why TEXT NOT NULL,
  row_count INTEGER NOT NULL CHECK (row_count >= 0),
  examples TEXT NOT NULL,
  select_sql TEXT NOT NULL,
  advice TEXT NOT NULL,
  PRIMARY KEY (pass_id, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE targets (
  id INTEGER PRIMARY KEY,
  destination TEXT NOT NULL,
  format TEXT NOT NULL,
  UNIQUE (destination, format)
) STRICT;

CREATE TABLE segments (
  id INTEGER PRIMARY KEY,
  pass_id INTEGER NOT NULL REFERENCES passes (id),
  target_id INTEGER NOT NULL REFERENCES targets (id),
  part INTEGER NOT NULL CHECK (part >= 1),
  path TEXT NOT NULL CHECK (path <> ''),
  length INTEGER NOT NULL DEFAULT 0 CHECK (length >= 0),
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'sealing', 'sealed', 'retired', 'damaged')),
  sha256 TEXT NOT NULL DEFAULT '',
  footer_hash TEXT NOT NULL DEFAULT '',
  UNIQUE (pass_id, target_id, part),
  UNIQUE (target_id, path),
  CHECK (CASE state WHEN 'sealed' THEN length(sha256) = 64 AND footer_hash <> ''
                    WHEN 'damaged' THEN 1
                    ELSE sha256 = '' AND footer_hash = '' END)
) STRICT;
CREATE INDEX segments_damaged ON segments (pass_id) WHERE state = 'damaged';

CREATE TABLE batches (
  id INTEGER PRIMARY KEY,
  pass_id INTEGER NOT NULL REFERENCES passes (id),
  number INTEGER NOT NULL CHECK (number >= 1),
  unit INTEGER NOT NULL,
  row_count INTEGER NOT NULL CHECK (row_count >= 1),
  bytes INTEGER NOT NULL CHECK (bytes >= 0),
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  first_key BLOB NOT NULL,
  last_key BLOB NOT NULL,
  state TEXT NOT NULL DEFAULT 'extracted' CHECK (state IN ('extracted', 'archived', 'verified', 'deleted', 'forgotten')),
  settled INTEGER NOT NULL DEFAULT 0 CHECK (settled IN (0, 1)),
  delete_begun INTEGER NOT NULL DEFAULT 0 CHECK (delete_begun IN (0, 1)),
  unarchived INTEGER NOT NULL DEFAULT 0 CHECK (unarchived IN (0, 1)),
  deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted >= 0),
  absent INTEGER NOT NULL DEFAULT 0 CHECK (absent >= 0),
  changed INTEGER NOT NULL DEFAULT 0 CHECK (changed >= 0),
  blocked INTEGER NOT NULL DEFAULT 0 CHECK (blocked >= 0),
  kept_rows INTEGER NOT NULL DEFAULT 0 CHECK (kept_rows >= 0),
  UNIQUE (pass_id, number),
  CHECK (settled = 0 OR state = 'verified'),
  CHECK (delete_begun = 0 OR state IN ('verified', 'deleted')),
  CHECK (unarchived = 0 OR state = 'deleted'),
  CHECK (deleted + absent + changed + blocked <= row_count),
  CHECK (state <> 'deleted' OR (deleted + absent + changed + blocked = row_count AND delete_begun = 1)),
  CHECK (state IN ('verified', 'deleted') OR deleted + absent + changed + blocked = 0),
  CHECK (state IN ('verified', 'deleted') OR kept_rows = 0)
) STRICT;
CREATE INDEX batches_in_flight ON batches (pass_id, number)
  WHERE state IN ('extracted', 'archived') OR (state = 'verified' AND settled = 0);

CREATE TABLE copies (
  batch_id INTEGER NOT NULL REFERENCES batches (id),
  target_id INTEGER NOT NULL REFERENCES targets (id),
  segment_id INTEGER REFERENCES segments (id),
  frame_offset INTEGER NOT NULL CHECK (frame_offset >= 0),
  frame_bytes INTEGER NOT NULL CHECK (frame_bytes >= 0),
  frame_end INTEGER NOT NULL CHECK (frame_end >= 0),
  PRIMARY KEY (batch_id, target_id),
  CHECK (segment_id IS NULL OR frame_offset + frame_bytes <= frame_end)
) STRICT, WITHOUT ROWID;
CREATE INDEX copies_by_segment ON copies (segment_id, frame_end) WHERE segment_id IS NOT NULL;

-- Rows that are archived and still in the source, by short hashes.
CREATE TABLE kept (
  table_id INTEGER NOT NULL REFERENCES tables (id),
  key_hash INTEGER NOT NULL,
  row_hash INTEGER NOT NULL,
  batch_id INTEGER NOT NULL REFERENCES batches (id),
  PRIMARY KEY (table_id, key_hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE holds (
  table_id INTEGER NOT NULL REFERENCES tables (id),
  key_hash INTEGER NOT NULL,
  reason INTEGER NOT NULL REFERENCES texts (id),
  PRIMARY KEY (table_id, key_hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE verifications (
  id INTEGER PRIMARY KEY,
  destination TEXT NOT NULL,
  path TEXT NOT NULL,
  result TEXT NOT NULL,
  detail TEXT NOT NULL,
  at TEXT NOT NULL,
  batches INTEGER NOT NULL,
  row_count INTEGER NOT NULL
) STRICT;
CREATE INDEX verifications_by_path ON verifications (destination, path, id);
CREATE INDEX verifications_by_destination ON verifications (destination, id);
)sql";

constexpr char kTriggers1[] = R"sql(
-- Nothing that happened is taken out of the journal.
CREATE TRIGGER runs_stay BEFORE DELETE ON runs BEGIN SELECT RAISE(ABORT, 'runs are never removed'); END;
CREATE TRIGGER passes_stay BEFORE DELETE ON passes BEGIN SELECT RAISE(ABORT, 'table passes are never removed'); END;
CREATE TRIGGER segments_stay BEFORE DELETE ON segments BEGIN SELECT RAISE(ABORT, 'segments are never removed'); END;
CREATE TRIGGER batches_stay BEFORE DELETE ON batches BEGIN SELECT RAISE(ABORT, 'batches are never removed'); END;

CREATE TRIGGER runs_begin BEFORE INSERT ON runs WHEN NEW.state <> 'running' OR NEW.settled <> 0
BEGIN SELECT RAISE(ABORT, 'a run begins as running'); END;
CREATE TRIGGER runs_end BEFORE UPDATE OF state ON runs WHEN NEW.state <> OLD.state AND OLD.state <> 'running'
BEGIN SELECT RAISE(ABORT, 'illegal run transition: it has ended already'); END;
CREATE TRIGGER runs_same BEFORE UPDATE OF id, name, archiver, site, now, configuration, started_at ON runs
BEGIN SELECT RAISE(ABORT, 'what a run is never changes'); END;
CREATE TRIGGER runs_settle BEFORE UPDATE OF settled ON runs WHEN NEW.settled = 1 AND OLD.settled = 0
BEGIN
  SELECT RAISE(ABORT, 'a run with batches in flight is not settled')
  WHERE EXISTS (
    SELECT 1 FROM passes JOIN batches ON batches.pass_id = passes.id
    WHERE passes.run_id = NEW.id
      AND (batches.state IN ('extracted', 'archived') OR (batches.state = 'verified' AND batches.settled = 0)));
  SELECT RAISE(ABORT, 'a run with open segments is not settled')
  WHERE EXISTS (
    SELECT 1 FROM passes JOIN segments ON segments.pass_id = passes.id
    WHERE passes.run_id = NEW.id AND segments.state IN ('open', 'sealing'));
END;

CREATE TRIGGER passes_same BEFORE UPDATE OF id, run_id, table_id, cutoff, definition ON passes
BEGIN SELECT RAISE(ABORT, 'what a table pass is never changes'); END;
CREATE TRIGGER passes_pending BEFORE UPDATE OF state ON passes WHEN NEW.state = 'pending' AND OLD.state <> 'pending'
BEGIN SELECT RAISE(ABORT, 'illegal table pass transition: it was begun already'); END;

CREATE TRIGGER segments_begin BEFORE INSERT ON segments
BEGIN
  SELECT RAISE(ABORT, 'a segment begins open and empty') WHERE NEW.state <> 'open' OR NEW.length <> 0;
  SELECT RAISE(ABORT, 'parts of a table pass ascend')
  WHERE NEW.part <= (SELECT max(part) FROM segments WHERE pass_id = NEW.pass_id AND target_id = NEW.target_id);
END;
-- A segment that is added to a run that was settled (a missing copy) may be left open by a crash.
CREATE TRIGGER segments_unsettle AFTER INSERT ON segments
BEGIN
  UPDATE runs SET settled = 0 WHERE settled = 1 AND id = (SELECT run_id FROM passes WHERE id = NEW.pass_id);
END;
CREATE TRIGGER segments_same BEFORE UPDATE OF id, pass_id, target_id, part ON segments
BEGIN SELECT RAISE(ABORT, 'what a segment is never changes'); END;
CREATE TRIGGER segments_transition BEFORE UPDATE OF state ON segments
WHEN NEW.state <> OLD.state AND NOT (
  (OLD.state = 'open' AND NEW.state IN ('sealing', 'retired', 'damaged')) OR
  (OLD.state = 'sealing' AND NEW.state IN ('sealed', 'retired', 'damaged')) OR
  (OLD.state IN ('sealed', 'retired') AND NEW.state = 'damaged'))
BEGIN SELECT RAISE(ABORT, 'illegal segment transition'); END;
CREATE TRIGGER segments_seal BEFORE UPDATE OF state ON segments WHEN NEW.state = 'sealed' AND OLD.state <> 'sealed'
BEGIN
  SELECT RAISE(ABORT, 'a segment is sealed when all its batches are verified')
  WHERE EXISTS (SELECT 1 FROM copies JOIN batches ON batches.id = copies.batch_id
                WHERE copies.segment_id = NEW.id AND batches.state IN ('extracted', 'archived'));
END;
CREATE TRIGGER segments_retire BEFORE UPDATE OF state ON segments WHEN NEW.state = 'retired' AND OLD.state <> 'retired'
BEGIN
  SELECT RAISE(ABORT, 'a segment that holds copies is not retired')
  WHERE EXISTS (SELECT 1 FROM copies WHERE segment_id = NEW.id);
END;
CREATE TRIGGER segments_length BEFORE UPDATE OF length ON segments WHEN NEW.length <> OLD.length
BEGIN
  SELECT RAISE(ABORT, 'a segment never shrinks') WHERE NEW.length < OLD.length;
  SELECT RAISE(ABORT, 'a segment grows while it is open, and by its footer')
  WHERE NOT (OLD.state = 'open' AND NEW.state = 'open') AND NOT (OLD.state = 'sealing' AND NEW.state = 'sealed');
  SELECT RAISE(ABORT, 'a segment grows by whole batches')
  WHERE NEW.state = 'open'
    AND NOT EXISTS (SELECT 1 FROM copies WHERE segment_id = NEW.id AND frame_end = NEW.length);
END;
CREATE TRIGGER segments_sealed BEFORE UPDATE OF path, sha256, footer_hash ON segments
WHEN (NEW.path <> OLD.path OR NEW.sha256 <> OLD.sha256 OR NEW.footer_hash <> OLD.footer_hash)
  AND NOT (OLD.state = 'sealing' AND NEW.state = 'sealed' AND NEW.path = OLD.path)
  AND NOT (NEW.state = 'damaged' AND NEW.sha256 = OLD.sha256 AND NEW.footer_hash = OLD.footer_hash)
BEGIN SELECT RAISE(ABORT, 'a segment''s name and hashes never change'); END;

CREATE TRIGGER batches_begin BEFORE INSERT ON batches
BEGIN
  SELECT RAISE(ABORT, 'a batch begins as extracted')
  WHERE NEW.state <> 'extracted' OR NEW.settled OR NEW.delete_begun OR NEW.unarchived OR NEW.kept_rows
     OR NEW.deleted OR NEW.absent OR NEW.changed OR NEW.blocked;
  SELECT RAISE(ABORT, 'batch numbers of a table pass ascend')
  WHERE NEW.number <= (SELECT max(number) FROM batches WHERE pass_id = NEW.pass_id);
  SELECT RAISE(ABORT, 'a run that has ended takes no batches')
  WHERE 'running' <> (SELECT runs.state FROM runs JOIN passes ON passes.run_id = runs.id WHERE passes.id = NEW.pass_id);
END;
CREATE TRIGGER batches_same
BEFORE UPDATE OF id, pass_id, number, unit, row_count, bytes, digest, first_key, last_key ON batches
BEGIN SELECT RAISE(ABORT, 'what a batch is never changes'); END;
CREATE TRIGGER batches_transition BEFORE UPDATE OF state ON batches
WHEN NEW.state <> OLD.state AND NOT (
  (OLD.state = 'extracted' AND NEW.state = 'archived') OR
  (OLD.state = 'archived' AND NEW.state = 'verified') OR
  (OLD.state = 'verified' AND NEW.state = 'deleted') OR
  (OLD.state = 'extracted' AND NEW.state = 'deleted' AND NEW.unarchived = 1) OR
  (OLD.state IN ('extracted', 'archived') AND NEW.state = 'forgotten') OR
  (OLD.state = 'verified' AND NEW.state = 'forgotten' AND OLD.delete_begun = 0))
BEGIN SELECT RAISE(ABORT, 'illegal batch transition'); END;
CREATE TRIGGER batches_archive BEFORE UPDATE OF state ON batches WHEN NEW.state = 'archived' AND OLD.state = 'extracted'
BEGIN
  SELECT RAISE(ABORT, 'a batch without a copy is not archived')
  WHERE NOT EXISTS (SELECT 1 FROM copies WHERE batch_id = NEW.id);
  SELECT RAISE(ABORT, 'a batch behind the length of its segment is not archived')
  WHERE EXISTS (SELECT 1 FROM copies JOIN segments ON segments.id = copies.segment_id
                WHERE copies.batch_id = NEW.id AND copies.frame_end > segments.length);
END;
CREATE TRIGGER batches_unarchived BEFORE UPDATE OF unarchived ON batches WHEN NEW.unarchived <> OLD.unarchived
BEGIN
  SELECT RAISE(ABORT, 'only a batch that has no copy is deleted unarchived')
  WHERE NEW.unarchived = 0 OR OLD.state <> 'extracted' OR EXISTS (SELECT 1 FROM copies WHERE batch_id = NEW.id);
END;
CREATE TRIGGER batches_delete_begun BEFORE UPDATE OF delete_begun ON batches WHEN NEW.delete_begun < OLD.delete_begun
BEGIN SELECT RAISE(ABORT, 'a deletion that was begun stays begun'); END;
CREATE TRIGGER batches_counts BEFORE UPDATE OF deleted, absent, changed, blocked ON batches
WHEN NEW.deleted + NEW.absent + NEW.changed + NEW.blocked <> OLD.deleted + OLD.absent + OLD.changed + OLD.blocked
BEGIN
  SELECT RAISE(ABORT, 'rows are counted once their deletion was begun') WHERE NEW.delete_begun = 0;
  SELECT RAISE(ABORT, 'a row that was accounted for stays accounted for')
  WHERE NEW.deleted + NEW.absent + NEW.changed + NEW.blocked < OLD.deleted + OLD.absent + OLD.changed + OLD.blocked;
END;

CREATE TRIGGER batches_count_new AFTER INSERT ON batches
BEGIN
  UPDATE passes SET batches_extracted = batches_extracted + 1, rows_extracted = rows_extracted + NEW.row_count
  WHERE id = NEW.pass_id;
END;
CREATE TRIGGER batches_count AFTER UPDATE OF state, settled, deleted, absent, changed, blocked, kept_rows ON batches
BEGIN
  UPDATE passes SET
    batches_extracted = batches_extracted + (NEW.state = 'extracted') - (OLD.state = 'extracted'),
    batches_archived = batches_archived + (NEW.state = 'archived') - (OLD.state = 'archived'),
    batches_verified = batches_verified + (NEW.state = 'verified') - (OLD.state = 'verified'),
    batches_deleted = batches_deleted + (NEW.state = 'deleted') - (OLD.state = 'deleted'),
    rows_extracted = rows_extracted + NEW.row_count * ((NEW.state = 'extracted') - (OLD.state = 'extracted')),
    rows_archived = rows_archived + NEW.row_count * ((NEW.state = 'archived') - (OLD.state = 'archived')),
    rows_verified = rows_verified + NEW.row_count * ((NEW.state = 'verified') - (OLD.state = 'verified')),
    rows_kept = rows_kept + NEW.kept_rows * NEW.settled - OLD.kept_rows * OLD.settled,
    deleted = deleted + NEW.deleted - OLD.deleted,
    absent = absent + NEW.absent - OLD.absent,
    changed = changed + NEW.changed - OLD.changed,
    blocked = blocked + NEW.blocked - OLD.blocked,
    bytes = bytes + NEW.bytes * ((NEW.state IN ('archived', 'verified', 'deleted') AND NEW.unarchived = 0)
                               - (OLD.state IN ('archived', 'verified', 'deleted') AND OLD.unarchived = 0))
  WHERE id = NEW.pass_id;
END;

-- A copy comes behind everything that its segment held, in the segment of its own table pass and target.
CREATE TRIGGER copies_add BEFORE INSERT ON copies
BEGIN
  SELECT RAISE(ABORT, 'a forgotten or unarchived batch has no copies')
  WHERE EXISTS (SELECT 1 FROM batches WHERE id = NEW.batch_id AND (state = 'forgotten' OR unarchived = 1));
  SELECT RAISE(ABORT, 'a copy goes behind the end of an open segment of its table pass and target')
  WHERE NEW.segment_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM segments JOIN batches ON batches.pass_id = segments.pass_id
    WHERE segments.id = NEW.segment_id AND batches.id = NEW.batch_id AND segments.state = 'open'
      AND segments.target_id = NEW.target_id AND NEW.frame_offset >= segments.length
      AND NEW.frame_end > segments.length);
END;
CREATE TRIGGER copies_move BEFORE UPDATE ON copies
BEGIN
  SELECT RAISE(ABORT, 'a copy stays with its batch and target')
  WHERE NEW.batch_id <> OLD.batch_id OR NEW.target_id <> OLD.target_id;
  SELECT RAISE(ABORT, 'a copy goes behind the end of an open segment of its table pass and target')
  WHERE NEW.segment_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM segments JOIN batches ON batches.pass_id = segments.pass_id
    WHERE segments.id = NEW.segment_id AND batches.id = NEW.batch_id AND segments.state = 'open'
      AND segments.target_id = NEW.target_id AND NEW.frame_offset >= segments.length
      AND NEW.frame_end > segments.length);
END;
CREATE TRIGGER copies_last BEFORE DELETE ON copies
BEGIN
  SELECT RAISE(ABORT, 'the last copy of a batch stays')
  WHERE EXISTS (SELECT 1 FROM batches WHERE id = OLD.batch_id AND state IN ('archived', 'verified', 'deleted'))
    AND 1 = (SELECT count(*) FROM copies WHERE batch_id = OLD.batch_id);
END;
)sql";

// Kept rows for which a DELETE was begun: eight bytes of each row's key, as in kept.
constexpr char kVersion2[] = R"sql(
CREATE TABLE releases (
  id INTEGER PRIMARY KEY,
  pass_id INTEGER NOT NULL REFERENCES passes (id),
  batch_id INTEGER NOT NULL REFERENCES batches (id),
  unit INTEGER NOT NULL,
  key_hashes BLOB NOT NULL CHECK (length(key_hashes) > 0 AND length(key_hashes) % 8 = 0)
) STRICT;
CREATE INDEX releases_by_pass ON releases (pass_id, id);

-- One row that always changes: what is written when nothing but a sync is wanted.
CREATE TABLE syncs (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  count INTEGER NOT NULL
) STRICT;
INSERT INTO syncs VALUES (1, 0);

-- status asks every few seconds what is damaged, among the verifications of every night.
CREATE INDEX verifications_doubtful ON verifications (destination, path, id) WHERE result NOT IN ('ok', 'open');

CREATE TRIGGER releases_begin BEFORE INSERT ON releases
BEGIN
  SELECT RAISE(ABORT, 'only rows of a kept or deleted batch whose deletion was begun are released')
  WHERE NOT EXISTS (SELECT 1 FROM batches WHERE id = NEW.batch_id AND delete_begun = 1 AND unarchived = 0
                    AND (state = 'deleted' OR (state = 'verified' AND settled = 1)));
  SELECT RAISE(ABORT, 'a run that has ended releases nothing')
  WHERE 'running' <> (SELECT runs.state FROM runs JOIN passes ON passes.run_id = runs.id WHERE passes.id = NEW.pass_id);
  SELECT RAISE(ABORT, 'a table pass releases rows of its own table')
  WHERE (SELECT table_id FROM passes WHERE id = NEW.pass_id)
     <> (SELECT passes.table_id FROM batches JOIN passes ON passes.id = batches.pass_id WHERE batches.id = NEW.batch_id);
END;
CREATE TRIGGER releases_same BEFORE UPDATE ON releases
BEGIN SELECT RAISE(ABORT, 'what a release is never changes'); END;
CREATE TRIGGER runs_settle_releases BEFORE UPDATE OF settled ON runs WHEN NEW.settled = 1 AND OLD.settled = 0
BEGIN
  SELECT RAISE(ABORT, 'a run with releases in flight is not settled')
  WHERE EXISTS (SELECT 1 FROM passes JOIN releases ON releases.pass_id = passes.id WHERE passes.run_id = NEW.id);
END;
)sql";

std::string RowMarks2() {
  return fmt::format(
      "ALTER TABLE tables ADD COLUMN kept_mark INTEGER NOT NULL DEFAULT 0;"
      "ALTER TABLE tables ADD COLUMN held_mark INTEGER NOT NULL DEFAULT 0;"
      "UPDATE tables SET"
      " kept_mark = (SELECT coalesce(sum({}), 0) FROM kept WHERE table_id = tables.id),"
      " held_mark = (SELECT coalesce(sum({}), 0) FROM holds WHERE table_id = tables.id);",
      kKeptMarkSql, kHeldMarkSql);
}

constexpr char kIdentity1[] = "PRAGMA application_id = 0x6f736172;";

}  // namespace

std::span<const char* const> Migrations() {
  static const std::string version1 = fmt::format("{}{}{}", kIdentity1, kTables1, kTriggers1);
  static const std::string version2 = fmt::format("{}{}", kVersion2, RowMarks2());
  static const char* const scripts[] = {version1.c_str(), version2.c_str()};
  return scripts;
}

std::int64_t CheckIdentity(Database& database) {
  const std::string name = database.path().string();
  if (database.QueryInt("PRAGMA application_id") != kJournalApplicationId) {
    throw IntegrityError(name + " is an SQLite database, but no journal of osarchiver",
                         "let the setting 'state' name another file");
  }
  const std::int64_t version = database.QueryInt("PRAGMA user_version");
  const auto latest = static_cast<std::int64_t>(Migrations().size());
  if (version > latest) {
    throw IntegrityError(
        fmt::format("the journal {} is from a newer osarchiver (version {} of the journal; this "
                    "one knows up to {})",
                    name, version, latest),
        "use the newer osarchiver, or restore the journal's copy from before the upgrade");
  }
  return version;
}

void Migrate(Database& database) {
  const auto scripts = Migrations();
  for (;;) {
    Transaction transaction(database);
    // Asked inside the transaction: another process may have been faster.
    const std::int64_t version = database.QueryInt("PRAGMA user_version");
    if (version >= static_cast<std::int64_t>(scripts.size())) return;
    database.RunScript(scripts[static_cast<std::size_t>(version)]);
    database.RunScript(fmt::format("PRAGMA user_version = {}", version + 1));
    transaction.Commit();
  }
}

}  // namespace osarchiver
