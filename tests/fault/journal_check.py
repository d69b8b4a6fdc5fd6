"""Compares a journal, read as the SQLite file that it is, with what really lies in the source and at
the destinations."""

import contextlib
import hashlib
import os
import sqlite3

BATCHES_IN_FLIGHT = """
  SELECT id, state FROM batches
   WHERE state IN ('extracted', 'archived') OR (state = 'verified' AND settled = 0)"""
COUNTS = "SELECT COALESCE(SUM(deleted), 0), COALESCE(SUM(absent), 0) FROM batches"
FILES = """
  SELECT s.path, s.state, s.sha256,
         (SELECT COALESCE(SUM(b.row_count), 0) FROM copies c JOIN batches b ON b.id = c.batch_id
           WHERE c.segment_id = s.id)
    FROM segments s WHERE s.state <> 'retired'"""
# Copies without a segment lie in an archive database.
STORED = "SELECT COUNT(*) FROM copies WHERE segment_id IS NULL"


def check_journal(path, root, reality, problems):
    """After a run that went to its end. reality: as crash_check.py has it."""
    uri = f"file:{path}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as journal:
        _check_runs(journal, problems)
        _check_counts(journal, reality, problems)
        _check_files(journal, root, reality, problems)
        (stored,) = journal.execute(STORED).fetchone()
        for name, (_, entries) in reality.databases.items():
            if stored != entries:
                problems.append(f"journal: {stored} batches in {name}, which has {entries}")


def _check_runs(journal, problems):
    for (name,) in journal.execute("SELECT name FROM runs WHERE state = 'running'"):
        problems.append(f"journal: run {name} is running")
    for (name,) in journal.execute("SELECT name FROM runs WHERE settled = 0"):
        problems.append(f"journal: run {name} is not settled")
    for number, state in journal.execute(BATCHES_IN_FLIGHT):
        problems.append(f"journal: batch {number} is {state}")


def _check_counts(journal, reality, problems):
    gone = sum(len(reality.known[t]) - len(reality.source[t]) for t in reality.known)
    deleted, absent = journal.execute(COUNTS).fetchone()
    if (deleted, absent) != (gone, 0):
        problems.append(
            f"journal: {deleted} rows deleted, {absent} absent; {gone} left the source"
        )
    still = set()
    archived = [*reality.files.values(), *(copies for copies, _ in reality.databases.values())]
    for copies in archived:
        for table, keys in copies.items():
            still |= {(table, key) for key in keys if key in reality.source[table]}
    (kept,) = journal.execute("SELECT COUNT(*) FROM kept").fetchone()
    if kept != len(still):
        problems.append(f"journal: {kept} rows kept; {len(still)} are archived and still there")


def _check_files(journal, root, reality, problems):
    rows_in = {}
    for tables in reality.files.values():
        for keys in tables.values():
            for copies in keys.values():
                for copy in copies:
                    name = os.path.relpath(copy.file, root)
                    rows_in[name] = rows_in.get(name, 0) + 1
    for path, state, sha256, rows in journal.execute(FILES):
        where = os.path.join(root, path)
        # Put aside; what it held lies elsewhere by now.
        if state == "damaged" and rows == 0:
            continue
        if state != "sealed":
            problems.append(f"journal: {path} is {state}")
        if rows_in.pop(path, 0) != rows:
            problems.append(f"journal: {rows} rows in {path}, which has others")
        try:
            with open(where, "rb") as file:
                if hashlib.sha256(file.read()).hexdigest() != sha256:
                    problems.append(f"journal: {path} has another SHA-256")
        except OSError as error:
            problems.append(f"journal: {error}")
    for path in rows_in:
        problems.append(f"journal: knows nothing of {path}")
