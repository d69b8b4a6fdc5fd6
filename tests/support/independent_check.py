"""Checks archives without osarchiver's own readers: every row is in the source or exactly once in
every destination.

    before = snapshot(source, databases=["nova", "cinder"])
    ... osarchiver runs, crashes, continues ...
    problems = check(before, source, files="/path/of/archives", archive=archive_server)

SQL files are loaded by `zstdcat FILE | mariadb SCRATCH`, CSV files are parsed by a tokenizer of our
own and by Python's csv module, archive tables are read by SQL. Rows are compared in hexadecimal,
column by column, so that nothing is rounded, converted or trimmed on the way. File names, column
classes and renderings are those of formats/README.md.
"""

import collections
import os
import subprocess
import urllib.parse

from csv_text import CsvError, parse_csv, same_value
from private_mariadb import MariadbError, PrivateMariadb, quote_name
from segment_forge import take_apart
from table_rows import base_tables, read_rows, snapshot

PROBLEMS_PER_KIND = 10


Archived = collections.namedtuple("Archived", "file row")


def archive_files(root, ending):
    """Every *.<ending>.zst below root, sorted by path, with the (database, table) that its name
    says."""
    found = []
    for directory, _, names in sorted(os.walk(root)):
        for name in sorted(names):
            parts = name.split(".")
            if name.endswith(f".{ending}.zst"):
                table = tuple(map(urllib.parse.unquote, parts[:2])) if len(parts) == 7 else None
                path = os.path.join(directory, name)
                if any("%~" in part for part in parts[:2]):
                    # A long name that was cut; the header says it whole.
                    header = next(part.json for part in take_apart(path) if part.tag == b"osaHEAD1")
                    table = (header["table"]["database"], header["table"]["table"])
                found.append((path, table))
    return found


def _decompress(path):
    done = subprocess.run(["zstdcat", path], capture_output=True)
    if done.returncode != 0:
        raise CsvError("zstdcat: " + done.stderr.decode(errors="replace").strip())
    return done.stdout


def _load_sql(path, server, database):
    # As an operator would: a shell pipe and a plain client. Its default max_allowed_packet stays as
    # it is, too.
    client = [
        part for part in server.client(database) if not part.startswith("--max-allowed-packet")
    ]
    unpack = subprocess.Popen(["zstdcat", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    load = subprocess.run(client, stdin=unpack.stdout, capture_output=True)
    unpack.stdout.close()
    errors = unpack.stderr.read() + load.stderr
    unpack.stderr.close()
    if unpack.wait() != 0 or load.returncode != 0:
        raise MariadbError(errors.decode(errors="replace").strip())


def _read_sql(path, table, shape, server, problems):
    """The rows of an SQL file as it inserts them, doubles included."""
    server.sql("CREATE OR REPLACE DATABASE scratch_keyed; CREATE OR REPLACE DATABASE scratch_free;")
    _load_sql(path, server, "scratch_keyed")
    keyed = read_rows(server, "scratch_keyed", table, shape.columns)
    _load_sql(path, server, "scratch_keyed")
    again = read_rows(server, "scratch_keyed", table, shape.columns)
    if sorted(map(str, keyed)) != sorted(map(str, again)):
        problems.append(f"{path}: loading it a second time changes the rows")
    # Without any key nothing is a duplicate, so ON DUPLICATE KEY UPDATE hides no row that stands in
    # the file twice.
    columns = ", ".join(quote_name(column.name) for column in shape.columns)
    name = quote_name(table)
    server.sql(
        f"SET sql_mode=''; CREATE TABLE scratch_free.{name} AS SELECT {columns} FROM scratch_keyed.{name} LIMIT 0"
    )
    _load_sql(path, server, "scratch_free")
    return read_rows(server, "scratch_free", table, shape.columns)


def _collect_files(original, root, ending, server, problems):
    """{table: {key: [Archived, ...]}} over all files of one format."""
    copies = {table: collections.defaultdict(list) for table in original}
    for path, table in archive_files(root, ending):
        if subprocess.run(["zstd", "-q", "-t", path], capture_output=True).returncode != 0:
            problems.append(f"{path}: zstd -t fails")
        shape = original.get(table)
        if shape is None or shape.key is None:
            problems.append(f"{path}: belongs to no table that could be archived")
            continue
        try:
            rows = (
                parse_csv(_decompress(path).decode("utf-8"), shape)
                if ending == "csv"
                else _read_sql(path, table[1], shape, server, problems)
            )
        except (CsvError, MariadbError, UnicodeDecodeError) as error:
            problems.append(f"{path}: {error}")
            continue
        seen = set()
        full_keys = (
            {_without_numbers(shape, key): key for key in shape.rows} if ending == "csv" else {}
        )
        for row in rows:
            key = full_keys.get(shape.key_of(row), shape.key_of(row))
            if key in seen:
                problems.append(f"{path}: key {key_text(key)} stands in it twice")
            seen.add(key)
            copies[table][key].append(Archived(path, row))
    return copies


def _without_numbers(shape, key):
    """A key as CSV gives it: ENUM and SET columns without their numbers."""
    return tuple(
        value.partition(".")[0]
        if value and shape.columns[index].data_type in ("enum", "set")
        else value
        for index, value in zip(shape.key, key)
    )


def _collect_database(original, archive, database_of, table_suffix):
    copies = {}
    existing = set(base_tables(archive, {database_of(database) for database, _ in original}))
    for (database, table), shape in original.items():
        copies[(database, table)] = collections.defaultdict(list)
        there = (database_of(database), table + table_suffix)
        if there in existing and shape.key is not None:
            for row in read_rows(archive, *there, shape.columns):
                copies[(database, table)][shape.key_of(row)].append(Archived(".".join(there), row))
    return copies


def _check_sums(root, problems):
    for directory, _, names in os.walk(root):
        for name in names:
            if name.endswith(".sha256"):
                done = subprocess.run(
                    ["sha256sum", "--check", "--quiet", "--strict", name],
                    cwd=directory,
                    capture_output=True,
                    text=True,
                )
                if done.returncode != 0:
                    problems.append(
                        f"{os.path.join(directory, name)}: sha256sum -c fails: {(done.stdout + done.stderr).strip()}"
                    )


def key_text(key):
    """A key for people: decoded where it is text."""

    def show(part):
        try:
            return "NULL" if part is None else bytes.fromhex(part.partition(".")[0]).decode()
        except (ValueError, AttributeError):
            return str(part)

    return "(" + ", ".join(map(show, key)) + ")"


class _Report:
    """Problems, a handful of each kind: a broken run would name every row."""

    def __init__(self):
        self.problems = []
        self.counts = collections.Counter()

    def append(self, problem, kind=None):
        if kind is not None:
            self.counts[kind] += 1
            if self.counts[kind] > PROBLEMS_PER_KIND:
                return
        self.problems.append(problem)

    def finish(self):
        for kind, count in self.counts.items():
            if count > PROBLEMS_PER_KIND:
                self.problems.append(f"{kind}: {count - PROBLEMS_PER_KIND} more")
        return self.problems


def _check_destination(name, original, after, copies, from_csv, kept, versions, report):
    for table, shape in original.items():
        label = f"{name}: {table[0]}.{table[1]}"
        for key, row in shape.rows.items():
            found = copies[table].get(key, ())
            same = [copy for copy in found if _same_row(shape, copy.row, row, from_csv)]
            in_source = key in after[table].rows
            where = f"{label} {key_text(key)}"
            if in_source and found and not kept:
                report.append(
                    f"{where} is in the source and in {found[0].file}", f"{label}: in both"
                )
            if not in_source and not found:
                report.append(f"{where} is neither in the source nor archived", f"{label}: lost")
            elif not in_source and not same:
                report.append(
                    f"{where} differs from the original in {found[0].file}: {_difference(shape, found[0].row, row, from_csv)}",
                    f"{label}: differs",
                )
            elif len(found) > 1 and not (versions and len(same) <= 1):
                report.append(
                    f"{where} is archived {len(found)} times: {', '.join(sorted({copy.file for copy in found}))}",
                    f"{label}: twice",
                )
            elif in_source and found and not same and not versions:
                report.append(
                    f"{where}: the copy in {found[0].file} differs from the source",
                    f"{label}: differs",
                )
        for key in copies[table].keys() - shape.rows.keys():
            report.append(
                f"{label} {key_text(key)} is archived and never was in the source",
                f"{label}: invented",
            )


def _same_row(shape, copy, row, from_csv):
    if not from_csv:
        return copy == row
    return all(
        same_value(column, value, expected)
        for column, value, expected in zip(shape.columns, copy, row)
    )


def _difference(shape, copy, row, from_csv):
    names = [
        column.name
        for column, value, expected in zip(shape.columns, copy, row)
        if not (same_value(column, value, expected) if from_csv else value == expected)
    ]
    return "columns " + ", ".join(names)


def check(
    original,
    source,
    files=None,
    formats=("sql", "csv"),
    archive=None,
    archive_database=None,
    table_suffix="",
    kept=False,
    versions=False,
    scratch=None,
):
    """Compares what is left in the source and what lies in the archives with `original`, a
    snapshot() of before (or, where rows were changed on purpose, of their final version). Returns
    the problems as texts; an empty list means that no row was lost, doubled, changed or invented.

    files: root of the archive files, which must hold `formats`.  archive: server with the archive
    database, named by archive_database(database), by default with the suffix _archive.  kept:
    archived rows may be in the source too (archive-only). versions: earlier versions of a row may
    lie beside the final one, in other files.  scratch: a server to load SQL files into; one is
    started when it is needed and not given.
    """
    report = _Report()
    after = snapshot(source, original.keys())
    for table, shape in original.items():
        for key, row in after[table].rows.items():
            if shape.rows.get(key) != row:
                report.append(
                    f"source: {table[0]}.{table[1]} {key_text(key)} is not as it was",
                    f"source: {table}",
                )
    destinations = []
    own = None
    try:
        if files is not None and "sql" in formats and scratch is None:
            own = scratch = PrivateMariadb(profile="fast")
        for ending in formats if files is not None else ():
            destinations.append(
                (ending, _collect_files(original, files, ending, scratch, report), ending == "csv")
            )
        if files is not None:
            _check_sums(files, report)
        if archive is not None:
            database_of = archive_database or (lambda database: database + "_archive")
            destinations.append(
                ("archive", _collect_database(original, archive, database_of, table_suffix), False)
            )
    finally:
        if own is not None:
            own.close()
    if not destinations:
        destinations.append(("no destination", {table: {} for table in original}, False))
    for name, copies, from_csv in destinations:
        _check_destination(name, original, after, copies, from_csv, kept, versions, report)
    return report.finish()


def archived_rows(original, source):
    """{table: number of rows that are gone from the source}, to require that a test archived
    something at all."""
    after = snapshot(source, original.keys())
    return {table: len(shape.rows) - len(after[table].rows) for table, shape in original.items()}
