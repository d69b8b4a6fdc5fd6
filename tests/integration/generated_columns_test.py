"""Generated columns that were written under a session that was not strict: a strict one refuses to
work them out again."""

import subprocess
import unittest

import osarchiver_runner
from archiver_case import ArchiverCase

OLD = "NOW() - INTERVAL 2 YEAR"
# Table: the columns besides id and deleted_at, and the values of one row.
TABLES = {
    "too_long": ("txt varchar(20), short varchar(3) AS (txt) STORED", "(txt) VALUES ({key}, {old}, '12345')"),
    "too_large": ("z int, tiny tinyint AS (z + 200) STORED", "(z) VALUES ({key}, {old}, 7)"),
    "no_number": ("txt varchar(20), n int AS (CAST(txt AS int)) STORED", "(txt) VALUES ({key}, {old}, 'abc')"),
    "no_number_virtual": ("txt varchar(20), n int AS (CAST(txt AS int)) VIRTUAL, KEY (n)", "(txt) VALUES ({key}, {old}, 'abc')"),
    "by_zero": ("z int, q decimal(10,2) AS (10 / z) STORED", "(z) VALUES ({key}, {old}, 0)"),
    "no_date": ("txt varchar(20), d date AS (CAST(txt AS date)) STORED", "(txt) VALUES ({key}, {old}, 'abc')"),
}  # fmt: skip


class GeneratedColumnsTest(ArchiverCase):
    def setUp(self):
        super().setUp()
        sql = [
            "DROP DATABASE IF EXISTS made; DROP DATABASE IF EXISTS made_archive; "
            "DROP DATABASE IF EXISTS loaded; SET sql_mode=''; CREATE DATABASE made; USE made"
        ]
        for table, (columns, row) in TABLES.items():
            sql.append(
                f"CREATE TABLE {table} (id int PRIMARY KEY, deleted_at datetime, {columns})"
            )
            names, values = row.split(" VALUES ")
            names = names.replace("(", "(id, deleted_at, ")
            for key in (1, 2):
                value = values.format(key=key, old=OLD)
                sql.append(f"INSERT INTO {table} {names} VALUES {value}")
        self.db.sql("; ".join(sql))
        self.full = {table: self.rows("made", table) for table in TABLES}
        self.configure(databases=("made",))

    def rows(self, database, table):
        return self.db.query(f"SELECT * FROM {database}.{table} ORDER BY id")

    def test_they_go_are_proven_and_come_back(self):
        self.assert_silent(self.run_archiver())
        for table in TABLES:
            self.assertEqual(self.rows("made", table), [], table)
        self.assertEqual({s["result"] for s in self.verify()["segments"]}, {"ok"})
        self.osarchiver("restore", "--run", "last", "--yes")
        for table, rows in self.full.items():
            self.assertEqual(self.rows("made", table), rows, table)

    def test_the_plain_client_loads_the_files(self):
        self.run_archiver()
        self.db.sql("CREATE DATABASE loaded")
        for name in self.archive_files():
            if not name.endswith(".sql.zst"):
                continue
            text = subprocess.run(
                ["zstdcat", f"{self.archives}/{name}"], check=True, capture_output=True
            ).stdout
            subprocess.run(self.db.client("loaded"), input=text, check=True, capture_output=True)
        for table, rows in self.full.items():
            self.assertEqual(self.rows("loaded", table), rows, table)


if __name__ == "__main__":
    unittest.main()
