"""What the harnesses of the journal share: a run that is stopped at a chosen commit of its journal,
a copy of the journal from another one, and what must hold after whatever was done to it.

A world is what a run left: source, archives, archive database. It knows more than an older journal,
and everything there is to know when the journal is lost.
"""

import contextlib
import hashlib
import os
import shutil
import sqlite3

import crash_sample
from bench import Bench, Failed
from crash_check import Checker, check_sums, check_verify
from crash_sample import ARCHIVE, SOURCE, TABLES

# Destinations of a case: which formats, and whether there is an archive database.
DESTINATIONS = {
    "both": (("sql", "csv"), True),
    "files": (("csv",), False),
    "database": ((), True),
}
ENDINGS = ("", "-wal", "-shm")
DAMAGE = 3
PUT_ASIDE = ".damaged"


def begin(bench, destinations, delete=True, **options):
    formats, database = DESTINATIONS[destinations]
    bench.begin(source={"delete": delete, **options.pop("source", {})}, **options)
    chosen = bench.settings["destinations"]
    if formats:
        chosen["files"]["formats"] = list(formats)
    else:
        del chosen["files"]
    if not database:
        del chosen["history"]
    bench.settings["archivers"]["main"]["destinations"] = list(chosen)
    bench.rewrite()


def deletes(bench):
    return bench.settings["sources"]["db"]["delete"]


def run_to(bench, stop_at=None, copy_at=None, copy="copy.db"):
    """A run that is killed before commit number `stop_at` of its journal returns (None: runs to its
    end), and copies the journal, log and all, right after commit `copy_at`. Returns whether it got
    that far."""
    target = os.path.join(bench.directory, copy)
    points = []
    if copy_at is not None:
        path = bench.journal
        # Nobody else commits meanwhile, so the two files belong together.
        points.append(
            f"journal-commit-after=run:cp {path} {target}; cp {path}-wal {target}-wal@{copy_at}"
        )
    if stop_at is not None:
        points.append(f"journal-commit-before=kill@{stop_at}")
    result = bench.osarchiver("run", allowed=(0, -9), failpoints=",".join(points) or None)
    reached = result.code == -9 if stop_at is not None else True
    return reached and (copy_at is None or os.path.exists(target))


def put_back(bench, copy="copy.db", log=True):
    """The copy becomes the journal."""
    lose(bench)
    shutil.copy(os.path.join(bench.directory, copy), bench.journal)
    if log:
        shutil.copy(os.path.join(bench.directory, copy + "-wal"), bench.journal + "-wal")


def lose(bench):
    for ending in ENDINGS:
        if os.path.exists(bench.journal + ending):
            os.remove(bench.journal + ending)


def world(bench):
    """A digest for each thing that a run might touch but for the journal: to show that nothing did."""
    things = {}
    for directory, _, names in os.walk(bench.archives):
        for name in names:
            path = os.path.join(directory, name)
            with open(path, "rb") as file:
                things[path] = hashlib.sha256(file.read()).hexdigest()
    tables = bench.server.query(
        "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.TABLES WHERE "
        f"TABLE_SCHEMA IN ('{SOURCE}', '{ARCHIVE}') ORDER BY 1"
    )
    names = ", ".join(name for (name,) in tables)
    for name, checksum in bench.server.query(f"CHECKSUM TABLE {names}"):
        things[name] = checksum
    return things


def require_same(before, after):
    changed = sorted(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )
    if changed:
        raise Failed("a command that may change nothing changed " + ", ".join(changed))


def archived_anything(bench):
    """Whether a destination holds a whole batch."""
    for _, _, names in os.walk(bench.archives):
        if any(name.endswith(".zst") for name in names):
            return True
    there = bench.server.value(
        f"SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA='{ARCHIVE}' AND "
        "TABLE_NAME='osarchiver_batches'"
    )
    entries = f"SELECT COUNT(*) FROM {ARCHIVE}.osarchiver_batches"
    return there != "0" and bench.server.value(entries) != "0"


def rebuild(bench, allowed=(0,)):
    """rebuild-journal, which must leave everything as it was but files that no journal can name."""
    before = world(bench)
    result = bench.osarchiver("rebuild-journal", allowed=allowed)
    if result.code == 0:
        after = world(bench)
        for path, digest in before.items():
            # A file without a batch: put aside as it was, and said.
            told = f"{path} holds no whole batch" in result.stderr
            if path not in after and told and after.get(path + PUT_ASIDE) == digest:
                after[path] = after.pop(path + PUT_ASIDE)
        require_same(before, after)
    return result


class KeepingChecker(Checker):
    """Also for archivers that only archive, and for part of the destinations."""

    deletes = True

    def _referred(self, table, source):
        return super()._referred(table, source) if self.deletes else set(source[table])


class JournalBench(Bench):
    """Its checker is a KeepingChecker; the writer may be started in mid-case."""

    def __init__(self, **options):
        super().__init__(**options)
        self.checker.__class__ = KeepingChecker

    def begin_writer(self, seed):
        self.writer = crash_sample.Writer(self.server, seed)


def rows_gone(checker):
    reality = checker.look("/nonexistent", TABLES, (), [])
    return sum(len(reality.known[table]) - len(reality.source[table]) for table in TABLES)


def judge(bench, strict=True):
    """Like Bench.judge(), for journals that were made again or put back: those know of a row that is
    gone only that it is, so deleted and absent rows are counted together. strict: the journal must
    agree; otherwise only rows and files are judged, for a journal that is silently wrong."""
    bench.stop_writer()
    destinations = bench.settings["destinations"]
    formats = destinations.get("files", {}).get("formats", ())
    databases = (ARCHIVE,) if "history" in destinations else ()
    checker, problems = bench.checker, []
    checker.deletes = deletes(bench)
    reality = checker.look(bench.archives, bench.tables, databases, problems)
    if checker.deletes and strict:
        checker._check_left_behind(reality.source, problems)
    places = [(name, reality.files[name]) for name in formats]
    places += [(name, copies) for name, (copies, _) in reality.databases.items()]
    for name, copies in places:
        for table in TABLES:
            checker._check_table(name, table, reality, copies[table], 1, problems)
    if strict:
        if formats:
            check_sums(bench.archives, problems)
        gone = sum(len(reality.known[table]) - len(reality.source[table]) for table in TABLES)
        problems += _check_journal(bench, gone, _versions(reality))
        problems += check_verify(bench.osarchiver("verify", "--json", allowed=None))
    if problems:
        raise Failed("\n".join(problems[:12]))


def _versions(reality):
    """How many versions rows have had beside the last one of each."""
    return sum(len(rows) - 1 for table in reality.known.values() for rows in table.values())


def _check_journal(bench, gone, versions):
    """A journal that was made again finds that each version of a row is not there any more."""
    problems = []
    accounted = sum_of_batches(bench.journal, "deleted + absent")
    if not gone <= accounted <= gone + versions:
        problems.append(f"journal: {accounted} rows deleted or absent; {gone} left the source")
    for run in bench.status()["runs"]:
        for kind in ("extracted", "archived"):
            if run["batches"][kind]:
                problems.append(f"status: run {run['run']} has batches {kind}")
    with reading(bench.journal) as journal:
        found = [row[0] for row in journal.execute("PRAGMA integrity_check")]
    return problems if found == ["ok"] else problems + [f"journal: {line}" for line in found]


def reading(path):
    return contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True))


def sum_of_batches(path, expression):
    with reading(path) as journal:
        return journal.execute(f"SELECT COALESCE(SUM({expression}), 0) FROM batches").fetchone()[0]


def soft_delete_more(bench):
    """Gives the next run something to do: rows that were live become old enough, in tables that no
    live row refers to, and a row that was archived comes back changed."""
    statements = ["SET time_zone='+00:00', foreign_key_checks=1;\n"]
    for table in ("labels", "server_faults"):
        columns = ",".join(TABLES[table])
        statements.append(
            f"UPDATE {SOURCE}.{table} SET deleted_at='2020-05-05 05:05:05', deleted=77 "
            f"WHERE deleted_at IS NULL;\n"
            f"INSERT INTO {SOURCE}_oracle.{table} ({columns}) SELECT {columns} FROM "
            f"{SOURCE}.{table} WHERE deleted=77;\n"
        )
    bench.server.sql("".join(statements))
