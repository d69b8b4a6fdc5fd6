"""Judges what is left after crashes, without osarchiver's own readers: source and archive tables by
SQL, SQL files through zstd and the plain client, CSV files through zstd and a tokenizer of our own,
sums by hashlib; journal_check.py compares the journal with all of it.

Every version that a row ever had is known (crash_sample.py): the template's and the writer's.
"""

import collections
import csv
import hashlib
import os
import shutil
import subprocess
import tempfile

from crash_sample import ARCHIVE, KEY_LENGTH, REFERENCES, SOURCE, TABLES
from csv_text import CsvError, parse_csv
from independent_check import archive_files, key_text
from journal_check import check_journal
from private_mariadb import MariadbError
from table_rows import SESSION, _expression, table_shape

PROBLEMS_MAX = 12
CONTROL = "osarchiver_batches"

Copy = collections.namedtuple("Copy", "file row")
# What lies where. known: {table: {key: [rows, oldest first]}}; source: {table: {key: row}};
# databases: {name: ({table: {key: [Copy]}}, number of control entries)}; files: {format: {table:
# {key: [Copy]}}}.
Reality = collections.namedtuple("Reality", "known source databases files")


def hexadecimal(text):
    return text.encode().hex().upper()


def _if_there(database, table, select):
    """A SELECT that gives no row when the table does not exist."""
    quoted = select.strip().rstrip(";").replace("\\", "\\\\").replace("'", "''")
    return (
        "SET @q = IF(EXISTS (SELECT 1 FROM information_schema.TABLES WHERE "
        f"TABLE_SCHEMA='{database}' AND TABLE_NAME='{table}'), '{quoted}', 'DO 0');\n"
        "PREPARE q FROM @q; EXECUTE q;\n"
    )


class Checker:
    """For one server; remembers the shapes of the tables and the rows that they start with."""

    def __init__(self, server, scratch=None):
        """scratch: a directory for unpacked files."""
        self.server = server
        self.scratch = scratch
        self.shapes = {table: table_shape(server, SOURCE, table) for table in TABLES}
        rows = self.read_all(self._select(f"{SOURCE}_template", table) for table in TABLES)
        self._template = dict(zip(TABLES, rows))

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

    def key(self, table, row):
        return row[: KEY_LENGTH[table]]

    def look(self, root, tables, databases, problems):
        """Reads everything there is of the tables that have rows: a Reality."""
        selects = []
        for table in tables:
            selects.append(self._select(f"{SOURCE}_oracle", table, "ORDER BY op"))
            selects.append(self._select(SOURCE, table))
        for database in databases:
            for table in tables:
                selects.append(_if_there(database, table, self._select(database, table)))
            selects.append(
                _if_there(database, CONTROL, f"SELECT COUNT(*) FROM {database}.{CONTROL}")
            )
        results = iter(self.read_all(selects))
        known = {table: collections.defaultdict(list) for table in TABLES}
        source = {table: {} for table in TABLES}
        for table in tables:
            for row in self._template[table] + next(results):
                known[table][self.key(table, row)].append(row)
            source[table] = {self.key(table, row): row for row in next(results)}
        archived = {}
        for database in databases:
            copies = {table: collections.defaultdict(list) for table in TABLES}
            for table in tables:
                for row in next(results):
                    copies[table][self.key(table, row)].append(Copy(f"{database}.{table}", row))
            control = next(results)
            archived[database] = (copies, int(control[0][0]) if control else 0)
        return Reality(known, source, archived, self.files(root, problems))

    def files(self, root, problems):
        """{format: {table: {key: [Copy]}}} of all archive files below root."""
        unpacked = tempfile.mkdtemp(prefix="unpacked-", dir=self.scratch)
        try:
            return {
                "sql": self._sql_files(self._unpack(root, "sql", unpacked, problems), problems),
                "csv": self._csv_files(self._unpack(root, "csv", unpacked, problems), problems),
            }
        finally:
            shutil.rmtree(unpacked)

    def _unpack(self, root, kind, into, problems):
        """[(path, table, content)]; what zstd does not unpack is a problem."""
        found = archive_files(root, kind)
        if not found:
            return []
        paths = [path for path, _ in found]
        done = subprocess.run(
            ["zstd", "-dq", "--output-dir-flat", into, *paths],
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        if done.returncode != 0:
            problems.append(f"zstd: {done.stderr.decode(errors='replace').strip()}")
        files = []
        for path, name in found:
            if name is None or name[1] not in TABLES:
                problems.append(f"{path}: of no known table")
                continue
            text = os.path.join(into, os.path.basename(path).removesuffix(".zst"))
            if os.path.exists(text):
                with open(text, "rb") as file:
                    files.append((path, name[1], file.read()))
        return files

    def _csv_files(self, files, problems):
        copies = {table: collections.defaultdict(list) for table in TABLES}
        for path, table, content in files:
            try:
                rows = parse_csv(content.decode("utf-8"), self.shapes[table])
            except (CsvError, UnicodeDecodeError, csv.Error) as error:
                problems.append(f"{path}: {error}")
                continue
            self._add(copies, table, path, rows, problems)
        return copies

    def _sql_files(self, files, problems):
        """All files in one session: each into tables without keys, so that a row that stands twice
        shows."""
        copies = {table: collections.defaultdict(list) for table in TABLES}
        scratch = f"{SOURCE}_scratch"
        text = []
        for _, table, content in files:
            text.append(f"USE {scratch}; DELETE FROM {table};\n".encode())
            text.append(content)
            text.append(f"\n{SESSION}USE {scratch};\n".encode())
            text.append(self._select(scratch, table).encode() + b"SELECT '----end of file----';\n")
        try:
            lines = self.server.sql(b"".join(text)).split("\n")[:-1] if text else []
        except MariadbError as error:
            problems.append(f"loading the SQL files: {error}")
            return copies
        rows = []
        rest = iter(files)
        for line in lines:
            if line == "----end of file----":
                path, table, _ = next(rest)
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

    def check(self, root, tables, journal=None, ends=True, databases=(ARCHIVE,), hosts=1):
        """The problems, as texts. `root` holds the archive files; `tables` are those with rows, all
        of them archived. journal: the path of the journal that must agree. ends: the last run went
        to its end, so that nothing that could go may be left. hosts: how many journals archived at once: a row may lie in the files of each."""
        problems = []
        reality = self.look(root, tables, databases, problems)
        if ends:
            self._check_left_behind(reality.source, problems)
        destinations = list(reality.files.items())
        destinations += [(name, copies) for name, (copies, _) in reality.databases.items()]
        for name, copies in destinations:
            for table in TABLES:
                self._check_table(name, table, reality, copies[table], hosts, problems)
        check_sums(root, problems)
        if journal is not None:
            check_journal(journal, root, reality, problems)
        return problems[:PROBLEMS_MAX]

    def _check_table(self, destination, table, reality, copies, hosts, problems):
        known, source = reality.known, reality.source
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


def check_status(status):
    """What `status --json` says once everything went to its end."""
    problems = []
    for run in status["runs"]:
        for state in ("extracted", "archived"):
            if run["batches"][state]:
                problems.append(
                    f"status: run {run['run']} has {run['batches'][state]} batches {state}"
                )
        if run["state"] == "running":
            problems.append(f"status: run {run['run']} is said to be running")
    if status["runs"] and status["runs"][0]["state"] != "completed":
        problems.append(f"status: the last run is {status['runs'][0]['state']}")
    return problems


def check_verify(result):
    """`verify --json`, and its exit code."""
    if result.code == 0:
        return []
    return [f"verify: exit {result.code}: {result.stdout[-600:]}{result.stderr[-300:]}"]
