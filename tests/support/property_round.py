"""One round of the property test: random tables, one run with random batch limits, and

    source before = source after + archive, and = the source after restore, to the bit

for the SQL files, the CSV files, the archive database, and restore by a random way.
"""

import os
import random
import shutil
import subprocess
import tempfile

import independent_check
import osarchiver_runner
from csv_text import CsvError, parse_csv
from exact_copy import Contents
from private_mariadb import MariadbError
from random_tables import Tables
from table_rows import table_shape

TABLES = 12


class Round:
    """Uses the databases `prop`, `prop_archive` and `prop_sql` of the server, which must be nobody
    else's."""

    def __init__(self, server, seed, collations, tables=TABLES):
        self.server = server
        self.seed = seed
        self.random = random.Random(f"round {seed}")
        self.sql = Tables(seed, collations).database("prop", tables)
        self.directory = tempfile.mkdtemp(prefix="osa-prop-")

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def configure(self, destinations=("files", "history")):
        config = osarchiver_runner.simple_config(
            self.directory,
            self.server,
            ["prop"],
            archive=self.server,
            archive_settings={"accept_non_durable": True},
            source_settings={"batch_rows": self.limits[0], "batch_bytes": self.limits[1], "session": {"innodb_lock_wait_timeout": 5}},
            file_settings={"segment_bytes": self.limits[2]},
        )
        config["archivers"]["main"]["destinations"] = list(destinations)
        return osarchiver_runner.write_config(os.path.join(self.directory, "osarchiver.yaml"), config)

    def osarchiver(self, config, *arguments):
        result = osarchiver_runner.run(config, *arguments)
        if result.code != 0:
            self.problems.append(f"{arguments[0]} ended with {result.code}: {result.stderr[:2000]}")

    def problems_found(self):
        """Runs the round; what went wrong as texts."""
        self.problems = []
        self.limits = (
            self.random.choice((1, 2, 3, 7, 20, 1000)),
            self.random.choice(("4KiB", "64KiB", "16MiB")),
            self.random.choice(("1GiB", "1GiB", "64KiB")),
        )
        try:
            self._run()
        except (MariadbError, CsvError, UnicodeDecodeError, osarchiver_runner.Timeout) as error:
            self.problems.append(f"{type(error).__name__}: {str(error)[:2000]}")
        return self.problems

    def _run(self):
        self.server.sql("DROP DATABASE IF EXISTS prop_archive; CREATE OR REPLACE DATABASE prop_sql")
        self.server.sql(self.sql)
        before = Contents(self.server, "prop")
        config = self.configure()
        self.osarchiver(config, "run")
        after = Contents(self.server, "prop", like=before)
        if self.problems:
            return
        moved = self._archived(before, after)
        self.osarchiver(config, "verify")
        self._restore(config)
        restored = Contents(self.server, "prop", like=before)
        self.problems += ["restored: " + text for text in before.differences(restored)]
        self.moved = moved

    def _archived(self, before, after):
        """Compares the archives with what left the source; returns the number of rows."""
        moved = sum(map(len, before.read.values())) - sum(map(len, after.read.values()))
        archived = [table for (table,) in self.server.query("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA='prop_archive' AND TABLE_NAME<>'osarchiver_batches'")]
        files = independent_check.archive_files(os.path.join(self.directory, "archives"), "sql")
        self._load([path for path, _ in files])
        for name, copy in (("archive", "prop_archive"), ("sql", "prop_sql")):
            known = [table for table in archived if table in before.columns]
            found = Contents(self.server, copy, tables=known, like=before)
            self.problems += [f"{name}: {text}" for text in before.differences(after.plus(found))]
            if name == "sql":
                self._compare_csv(found)
        return moved

    def _load(self, paths):
        for at in range(0, len(paths), 50):
            unpack = subprocess.Popen(["zstdcat", *paths[at : at + 50]], stdout=subprocess.PIPE)
            load = subprocess.run(self.server.client("prop_sql"), stdin=unpack.stdout, capture_output=True)
            unpack.stdout.close()
            if unpack.wait() != 0 or load.returncode != 0:
                raise MariadbError("zstdcat | mariadb: " + load.stderr.decode(errors="replace"))

    def _compare_csv(self, loaded):
        """What the CSV files say is what the SQL files made."""
        rows = {}
        for path, (_, table) in independent_check.archive_files(os.path.join(self.directory, "archives"), "csv"):
            shape = table_shape(self.server, "prop_sql", table)
            text = subprocess.run(["zstdcat", path], capture_output=True, check=True).stdout
            rows.setdefault(table, []).extend(parse_csv(text.decode("utf-8"), shape))
        for table, lines in loaded.read.items():
            expected = sorted(self._as_csv(loaded.columns[table], line) for line in lines)
            found = sorted(tuple(map(str, row)) for row in rows.get(table, []))
            if expected != found:
                different = [pair for pair in zip(expected, found) if pair[0] != pair[1]][:2]
                self.problems.append(f"csv: {table} differs: {len(expected)} rows, {len(found)} in CSV: {different}")

    def _as_csv(self, columns, line):
        """The renderings of a row as parse_csv gives them: members of ENUM and SET without their
        number."""
        fields = []
        for column, field in zip(columns, line.split("\t")):
            if field == "NULL":
                fields.append("None")
            elif column.data_type == "enum" and field != ".0":
                fields.append(field.partition(".")[0])
            elif column.data_type == "set":
                fields.append(field.partition(".")[0])
            else:
                fields.append(field)
        return tuple(fields)

    def _restore(self, config):
        way = self.random.choice(("all", "files", "history", "sql", "csv"))
        if way in ("sql", "csv"):
            paths = [path for path, _ in independent_check.archive_files(os.path.join(self.directory, "archives"), way)]
            if paths:
                files = [part for path in paths for part in ("--file", path)]
                self.osarchiver(None, "restore", *files, "--socket", self.server.socket, "--user", "root", "--yes")
            return
        if not independent_check.archive_files(os.path.join(self.directory, "archives"), "sql"):
            return
        if way != "all":
            config = self.configure([way])
        self.osarchiver(config, "restore", "--run", "last", "--yes")

    def describe(self):
        return f"seed {self.seed}: batch_rows {self.limits[0]}, batch_bytes {self.limits[1]}, segment_bytes {self.limits[2]}"


def collations(server):
    return {name for (name,) in server.query("SELECT COLLATION_NAME FROM information_schema.COLLATIONS")}

