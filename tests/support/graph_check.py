"""Runs a GraphCase through the real osarchiver, several nights, and compares with GraphModel."""

import collections
import csv
import json
import os
import random
import re
import shutil
import subprocess
import urllib.parse

import osarchiver_runner
from graph_case import GraphCase, insert_row
from graph_model import GraphModel


class GraphFailure(Exception):
    """What osarchiver did is not what the model says."""


Night = collections.namedtuple("Night", "deleted blocked")


class GraphCheck:
    """Checks cases on one server, one after the other. `directory` holds the archives of the case
    at hand, `prefix` begins the names of the databases."""

    def __init__(self, server, directory, prefix):
        self.server = server
        self.directory = directory
        self.prefix = prefix
        self.graphs = self.runs = self.deleted = self.blocked = 0
        self.say = lambda text: None

    def check(self, seed):
        """Raises GraphFailure."""
        self.case = GraphCase(seed, self.prefix)
        self.model = GraphModel(self.case)
        self.random = random.Random(seed + 1)
        self.archived = set()  # names of rows that were archived
        self.originals = {
            self.model.name(table, row): (table, dict(row))
            for table in self.case.tables
            for row in table.rows
        }
        self.server.query(self.case.drop_sql() + self.case.create_sql())
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(self.directory)
        self._configure()
        self._night()
        if self.random.random() < 0.5:
            self._day()
            self._night()
        # A night on which nothing happened.
        if self._night() > 0:
            raise GraphFailure("a run after which nothing changed found rows to delete")
        self.graphs += 1

    def _configure(self):
        settings = osarchiver_runner.simple_config(
            self.directory,
            self.server,
            self.case.databases,
            archive=self.server if self.case.archive else None,
            formats=self.case.formats,
            source_settings=self.case.source,
            archive_settings={"accept_non_durable": True},
            file_settings={"min_free": "1MiB"},
        )
        self.config = osarchiver_runner.write_config(
            os.path.join(self.directory, "osarchiver.yaml"), settings
        )

    def _osarchiver(self, *arguments):
        result = osarchiver_runner.run(self.config, *arguments)
        if result.code != 0:
            raise GraphFailure(f"{arguments}: exit code {result.code}: {result.stderr}")
        return result.stdout

    def _night(self):
        """One run. Returns how many rows left."""
        self._osarchiver("run")
        self.runs += 1
        left = self.model.settle()
        # A row that was archived and stayed may leave later; it is not archived again.
        self.archived |= left | self.model.archived_and_kept()
        self._compare_source()
        if self.case.formats:
            self._compare_files()
        if self.case.archive:
            self._compare_database()
        self._compare_status(len(left))
        self.deleted += len(left)
        return len(left)

    def _fail(self, text):
        raise GraphFailure(f"night {self.runs}: {text}")

    def _compare_source(self):
        for table in self.case.tables:
            columns = ", ".join(table.columns)
            found = self.server.query(f"SELECT {columns} FROM {table.full_name} ORDER BY x, y;")
            expected = sorted(
                (_texts(table, row) for row in self.model.rows(table)),
                key=lambda row: (int(row[2]), int(row[3])),
            )
            if found != expected:
                extra = [row for row in found if row not in expected]
                missing = [row for row in expected if row not in found]
                self._fail(
                    f"{table.full_name}: should have left: {extra}; should be there: {missing}"
                )

    def _compare_copies(self, where, copies):
        """`copies`: {table: rows as texts} of one destination."""
        for table in self.case.tables:
            expected = sorted(
                _texts(*self.originals[name]) for name in self.archived if name[0] == table.full_name
            ) if self.archived else []
            found = sorted(copies.get(table.full_name, []), key=_sortable)
            expected.sort(key=_sortable)
            if found != expected:
                extra = [row for row in found if found.count(row) != expected.count(row)]
                missing = [row for row in expected if found.count(row) != expected.count(row)]
                self._fail(f"{where}: {table.full_name}: holds {extra}, should hold {missing}")

    def _compare_files(self):
        for ending in self.case.formats:
            copies = collections.defaultdict(list)
            root = os.path.join(self.directory, "archives")
            for directory, _, names in os.walk(root):
                for name in names:
                    if not name.endswith(f".{ending}.zst"):
                        continue
                    parts = name.split(".")
                    table = ".".join(map(urllib.parse.unquote, parts[:2]))
                    done = subprocess.run(
                        ["zstd", "-dcq", os.path.join(directory, name)],
                        capture_output=True,
                        check=True,
                    )
                    text = done.stdout.decode()
                    copies[table] += _csv_rows(text) if ending == "csv" else _sql_rows(text)
            self._compare_copies(ending, copies)

    def _compare_database(self):
        names = ", ".join(f"'{name}_archive'" for name in self.case.databases)
        there = self.server.query(
            "SELECT table_schema, table_name FROM information_schema.tables "
            f"WHERE table_schema IN ({names});"
        )
        copies = {}
        for table in self.case.tables:
            if [table.database + "_archive", table.name] in there:
                copies[table.full_name] = self.server.query(
                    f"SELECT {', '.join(table.columns)} FROM {table.database}_archive.{table.name};"
                )
        self._compare_copies("archive database", copies)

    def _compare_status(self, deleted):
        run = json.loads(self._osarchiver("status", "--json"))["runs"][0]
        if run["rows"]["deleted"] != deleted:
            self._fail(f"status says {run['rows']['deleted']} deleted, {deleted} rows left")
        reported = {f"{t['database']}.{t['table']}": t["blocked"] for t in run["tables"]}
        counts = {f"{t['database']}.{t['table']}": t["rows"]["blocked"] for t in run["tables"]}
        for table in self.case.tables:
            expected, unnamed = self.model.blocked(table)
            if unnamed:
                self._fail(f"{table.full_name}: the model knows no reason for {unnamed}")
            found = collections.Counter()
            for reason in reported.get(table.full_name, []):
                self._compare_reason(table, reason)
                why = re.sub(r", or .*", "", reason["why"])
                found[(reason["referring"], reason["constraint"], why)] += reason["rows"]
            if found != expected:
                self._fail(
                    f"{table.full_name}: blocked {dict(found)}, the model says {dict(expected)}"
                )
            # A row may have several reasons; it is one row.
            rows = sum(
                table.planned and table.delete and self.model.eligible(table, row)
                for row in self.model.rows(table)
            )
            if counts.get(table.full_name, 0) != rows:
                self._fail(f"{table.full_name}: {rows} rows stay, status says {counts}")
            self.blocked += rows

    def _compare_reason(self, table, reason):
        """The statement lists as many rows as were counted, the examples among them."""
        listed = self.server.query(reason["select"])
        if len(listed) != reason["rows"] or len(set(map(tuple, listed))) != reason["rows"]:
            self._fail(f"{table.full_name}: {reason['rows']} rows, but {len(listed)} are listed")
        if len(reason["examples"]) != min(100, reason["rows"]):
            self._fail(f"{table.full_name}: {reason['examples']} of {reason['rows']}")

    def _day(self):
        """What services do between two nights: more rows become old, references and blockers
        vanish, new children come."""
        sql = ["SET foreign_key_checks=0, sql_mode='';"]
        for table in self.case.tables:
            for row in self.model.rows(table):
                name = self.model.name(table, row)
                if name in self.archived or self.random.random() > 0.3:
                    continue
                what = self.random.choice(["age", "age", "forget", "vanish"])
                if what == "age" and table.has_column:
                    row["deleted_at"] = self.case.old
                    if table.has_flag:
                        row["deleted"] = row["id"]
                elif what == "forget" and table.keys:
                    for column in self.random.choice(table.keys).columns:
                        if column != "id":
                            row[column] = None
                elif what == "vanish" and not self._referred(table, row):
                    sql.append(f"DELETE FROM {table.full_name} WHERE id = {row['id']};")
                    table.rows.remove(row)
                    del self.originals[name]
                    continue
                sql.append(f"DELETE FROM {table.full_name} WHERE id = {row['id']};")
                sql.append(insert_row(table, row))
                self.originals[name] = (table, dict(row))
        self.model.forget_references()
        self.server.query("\n".join(sql) + "SET foreign_key_checks=1;")

    def _referred(self, table, row):
        self.model.forget_references()
        return any(
            self.model.children(key, row) for key in self.model.keys_to[table.full_name]
        )


def _texts(table, row):
    return [None if row[c] is None else str(row[c]) for c in table.columns]


def _sortable(row):
    return [value or "" for value in row]


def _csv_rows(text):
    rows = []
    for line in text.split("\n")[1:-1]:
        # NULL is bare; a text 'NULL' never occurs in these tables.
        rows.append([None if v == "NULL" else v for v in next(csv.reader([line]))])
    return rows


def _sql_rows(text):
    rows = []
    for line in text.split("\n"):
        if line.startswith("(") and line.rstrip(",").endswith(")"):
            line = line.rstrip(",")[1:-1].replace("\\'", "''")
            fields = next(csv.reader([line], quotechar="'"))
            rows.append([None if v == "NULL" else v for v in fields])
    return rows
