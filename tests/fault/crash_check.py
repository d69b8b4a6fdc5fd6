"""Judges what is left after crashes, without osarchiver's own readers: source and archive tables by
SQL, SQL files through the plain client, CSV files by a tokenizer of our own, sums by hashlib, the
journal through `status --json`.

Every version that a row ever had is known (crash_sample.py): the template's and the writer's.
"""

import collections
import csv
import hashlib
import os
import subprocess

import crash_sample
from crash_sample import ARCHIVE, KEY_LENGTH, REFERENCES, SOURCE, TABLES
from csv_text import CsvError, parse_csv
from independent_check import archive_files, key_text
from private_mariadb import MariadbError
from table_rows import SESSION, _expression, table_shape

PROBLEMS_MAX = 12

Copy = collections.namedtuple("Copy", "file row")


def hexadecimal(text):
    return text.encode().hex().upper()


class Checker:
    """For one server; remembers the shapes of the tables."""

    def __init__(self, server):
        self.server = server
        self.shapes = {table: table_shape(server, SOURCE, table) for table in TABLES}

    def _select(self, database, table, order=""):
        expressions = ", ".join(map(_expression, self.shapes[table].columns))
        return f"SELECT {expressions} FROM {database}.{table} {order};\n"

    def read_all(self, selects):
        """The rows of several SELECTs in one session: a list of lists of tuples."""
        mark = "----end of rows----"
        text = SESSION + "".join(f"{select}SELECT '{mark}';\n" for select in selects)
        results, rows = [], []
        for line in self.server.sql(text).split("\n")[:-1]:
            if line == mark:
                results.append(rows)
                rows = []
            else:
                rows.append(tuple(None if f == "NULL" else f for f in line.split("\t")))
        return results

    def versions(self):
        """{table: {key: [rows, oldest first]}}"""
        results = self.read_all(
            select
            for table in TABLES
            for select in (
                self._select(f"{SOURCE}_template", table),
                self._select(f"{SOURCE}_oracle", table, "ORDER BY op"),
            )
        )
        known = {}
        for index, table in enumerate(TABLES):
            known[table] = collections.defaultdict(list)
            for row in results[2 * index] + results[2 * index + 1]:
                known[table][self.key(table, row)].append(row)
        return known

    def source(self):
        """{table: {key: row}}"""
        results = self.read_all([self._select(SOURCE, table) for table in TABLES])
        return {
            table: {self.key(table, row): row for row in rows}
            for table, rows in zip(TABLES, results)
        }

    def key(self, table, row):
        return row[: KEY_LENGTH[table]]

    def archive_database(self, database=ARCHIVE):
        """{table: {key: [Copy]}}"""
        there = {
            name
            for (name,) in self.server.query(
                f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA='{database}'"
            )
        }
        tables = [table for table in TABLES if table in there]
        results = self.read_all([self._select(database, table) for table in tables])
        copies = {table: collections.defaultdict(list) for table in TABLES}
        for table, rows in zip(tables, results):
            for row in rows:
                copies[table][self.key(table, row)].append(Copy(f"{database}.{table}", row))
        return copies

    def csv_files(self, root, problems):
        copies = {table: collections.defaultdict(list) for table in TABLES}
        for path, name in archive_files(root, "csv"):
            text = subprocess.run(["zstdcat", path], capture_output=True)
            if text.returncode != 0 or name is None or name[1] not in TABLES:
                problems.append(f"{path}: {text.stderr.decode().strip() or 'of no known table'}")
                continue
            try:
                rows = parse_csv(text.stdout.decode("utf-8"), self.shapes[name[1]])
            except (CsvError, UnicodeDecodeError, csv.Error) as error:
                problems.append(f"{path}: {error}")
                continue
            self._add(copies, name[1], path, rows, problems)
        return copies

    def sql_files(self, root, problems):
        """All files in one session: each into tables without keys, so that a row that stands twice
        shows."""
        copies = {table: collections.defaultdict(list) for table in TABLES}
        scratch = f"{SOURCE}_scratch"
        text, loaded = [], []
        for path, name in archive_files(root, "sql"):
            unpacked = subprocess.run(["zstdcat", path], capture_output=True)
            if unpacked.returncode != 0 or name is None or name[1] not in TABLES:
                problems.append(f"{path}: {unpacked.stderr.decode().strip() or 'of no known table'}")
                continue
            text.append(f"USE {scratch}; DELETE FROM {name[1]};\n".encode())
            text.append(unpacked.stdout)
            text.append(f"\n{SESSION}USE {scratch};\n".encode())
            text.append(self._select(scratch, name[1]).encode() + b"SELECT '----end of file----';\n")
            loaded.append((path, name[1]))
        try:
            lines = self.server.sql(b"".join(text)).split("\n")[:-1] if text else []
        except MariadbError as error:
            problems.append(f"loading the SQL files: {error}")
            return copies
        rows = []
        files = iter(loaded)
        for line in lines:
            if line == "----end of file----":
                path, table = next(files)
                self._add(copies, table, path, rows, problems)
                rows = []
            else:
                rows.append(tuple(None if f == "NULL" else f for f in line.split("\t")))
        return copies

    def _add(self, copies, table, path, rows, problems):
        seen = set()
        for row in rows:
            key = self.key(table, row)
            if key in seen:
                problems.append(f"{path}: key {key_text(key)} stands in it twice")
            seen.add(key)
            copies[table][key].append(Copy(path, row))

    def check(self, root, ends=True, databases=(ARCHIVE,), hosts=1):
        """The problems, as texts. `root` holds the archive files. ends: the last run went to its
        end, so nothing that could go may be left. hosts: how many journals archived at once: a row
        may lie in the files of each."""
        problems = []
        known, source = self.versions(), self.source()
        if ends:
            self._check_left_behind(source, problems)
        destinations = [
            ("sql", self.sql_files(root, problems)),
            ("csv", self.csv_files(root, problems)),
            *((database, self.archive_database(database)) for database in databases),
        ]
        for name, copies in destinations:
            for table in TABLES:
                self._check_table(name, table, known, source, copies[table], hosts, problems)
        check_sums(root, problems)
        return problems[:PROBLEMS_MAX]

    def rows_gone(self):
        """How many rows left the source, of all that ever were in it."""
        known, source = self.versions(), self.source()
        return sum(len(known[table]) - len(source[table]) for table in TABLES)

    def _check_table(self, destination, table, known, source, copies, hosts, problems):
        referred = self._referred(table, source)
        for key, row in source[table].items():
            if key not in known[table] or row != known[table][key][-1]:
                problems.append(f"source: {table} {key_text(key)} is not as it was last written")
        for key, versions in known[table].items():
            where = f"{destination}: {table} {key_text(key)}"
            found = copies.get(key, [])
            final = [copy for copy in found if copy.row == versions[-1]]
            for copy in found:
                if copy.row not in versions:
                    problems.append(f"{where} in {copy.file} is nothing that was ever in the source")
            for row, count in collections.Counter(copy.row for copy in found).items():
                if count > hosts:
                    files = sorted({copy.file for copy in found if copy.row == row})
                    problems.append(f"{where} is archived {count} times: {', '.join(files)}")
            if key not in source[table]:
                if not found:
                    problems.append(f"{where} is LOST: neither in the source nor archived")
                elif not final:
                    problems.append(f"{where} is LOST in its final version")
            elif final and key not in referred:
                problems.append(f"{where} is in the source and in {final[0].file}")
        for key in copies.keys() - known[table].keys():
            problems.append(f"{destination}: {table} {key_text(key)} never was in the source")

    def _referred(self, table, source):
        """Keys of rows that a row in the source refers to."""
        keys = set()
        for child, column, parent, parent_column in REFERENCES:
            if parent != table:
                continue
            at = TABLES[child].index(column)
            used = {row[at] for row in source[child].values()}
            parent_at = TABLES[parent].index(parent_column)
            keys |= {key for key, row in source[parent].items() if row[parent_at] in used}
        return keys

    def _check_left_behind(self, source, problems):
        for table in TABLES:
            referred = self._referred(table, source)
            for key, row in source[table].items():
                if key not in referred and self.eligible(table, row):
                    problems.append(f"source: {table} {key_text(key)} could have gone and is there")

    def eligible(self, table, row):
        deleted_at, flag = row[-2], row[-1]
        return (
            deleted_at is not None
            and bytes.fromhex(deleted_at) < b"2021"
            and flag not in (None, hexadecimal("0"))
        )


def check_sums(root, problems):
    """Each *.sha256 names files that are there and are what it says, and no file is in none."""
    summed, files = set(), set()
    for directory, _, names in os.walk(root):
        for name in names:
            path = os.path.join(directory, name)
            if name.endswith(".zst"):
                files.add(path)
            if not name.endswith(".sha256"):
                continue
            with open(path, encoding="utf-8") as file:
                for line in file:
                    digest, _, member = line.rstrip("\n").partition("  ")
                    member = os.path.join(directory, member)
                    summed.add(os.path.normpath(member))
                    try:
                        with open(member, "rb") as data:
                            actual = hashlib.sha256(data.read()).hexdigest()
                    except OSError as error:
                        actual = str(error)
                    if actual != digest:
                        problems.append(f"{path}: {member} is {actual}")
    for path in sorted(files - summed):
        problems.append(f"{path} is in no checksum list")


def check_status(status, gone):
    """Journal against reality: `gone` rows left the source."""
    problems = []
    deleted = absent = 0
    for run in status["runs"]:
        deleted += run["rows"]["deleted"]
        absent += run["rows"]["absent"]
        for state in ("extracted", "archived"):
            if run["batches"][state]:
                problems.append(
                    f"status: run {run['run']} has {run['batches'][state]} batches {state}"
                )
        if run["state"] == "running":
            problems.append(f"status: run {run['run']} is said to be running")
    if deleted != gone or absent:
        problems.append(f"status: {deleted} rows deleted, {absent} absent; {gone} left the source")
    if status["runs"] and status["runs"][0]["state"] != "completed":
        problems.append(f"status: the last run is {status['runs'][0]['state']}")
    return problems


def check_verify(result):
    """`verify --json`, and its exit code."""
    problems = []
    if result.code != 0:
        problems.append(f"verify: exit {result.code}: {result.stdout[-600:]}{result.stderr[-300:]}")
    return problems
