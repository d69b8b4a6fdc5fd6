"""Every type and value that MariaDB stores, out of the source and back by each way: the SQL file
through the plain client, CSV through Python's csv and LOAD DATA as README gives it, the archive
database, and `restore` from the files, from the archive database and from single segments. Compared
with `mariadb-dump --hex-blob` of before and with every value in hexadecimal."""

import os
import subprocess
import unittest

import independent_check
import value_matrix
from archiver_case import ArchiverCase
from exact_copy import Contents
from private_mariadb import MariadbError, quote_name

DATABASE = "matrix"
SEED = int(os.environ.get("OSARCHIVER_TEST_SEED", "20261126"))

# A strict session refuses the 0 that stands for an ENUM's error value (formats/README.md).
LENIENT = "SET sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', time_zone='+00:00', check_constraint_checks=0;\n"
STRICT = "SET sql_mode='STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', time_zone='+00:00', check_constraint_checks=0;\n"


class ValueMatrixTest(ArchiverCase):
    """The source is emptied by one run; each test brings the rows back by another way."""

    server_options = {"extra": ["--local-infile=1", "--max-allowed-packet=256M"]}

    @classmethod
    def setUpClass(cls):
        # The server's own zone repeats an hour every autumn.
        old_zone = os.environ.get("TZ")
        os.environ["TZ"] = "CET-1CEST,M3.5.0,M10.5.0/3"
        try:
            super().setUpClass()
        finally:
            os.environ.pop("TZ")
            if old_zone is not None:
                os.environ["TZ"] = old_zone
        print(f"seed {SEED}")

    def setUp(self):
        super().setUp()
        charsets = [
            name
            for (name,) in self.db.query(
                "SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS ORDER BY 1"
            )
        ]
        self.db.sql("DROP DATABASE IF EXISTS matrix_archive")
        self.db.sql(value_matrix.statements(DATABASE, SEED, charsets))
        self.configure([DATABASE], source_settings={"batch_rows": 100})
        whole = Contents(self.db, DATABASE)
        self.refused = Contents(self.db, DATABASE, tables=value_matrix.REFUSED)
        tables = [table for table in whole.columns if table not in value_matrix.REFUSED]
        self.before = Contents(self.db, DATABASE, tables=tables)
        self.definitions = self.definitions_now()
        self.run_archiver()
        left = Contents(self.db, DATABASE, tables=tables).read
        self.assertEqual({table: rows for table, rows in left.items() if rows}, {})

    def definitions_now(self):
        return {
            table: self.db.sql(f"SHOW CREATE TABLE {quote_name(DATABASE)}.{quote_name(table)}")
            for table in self.before.columns
        }

    def empty_source(self):
        self.db.sql("".join(f"DELETE FROM {DATABASE}.{quote_name(table)};\n" for table in self.before.columns))

    def assert_same(self, database):
        self.assertEqual(self.before.differences(Contents(self.db, database, like=self.before)), [])

    def files(self, ending):
        """{table: path} of the segments."""
        found = independent_check.archive_files(self.archives, ending)
        self.assertEqual({table for _, (_, table) in found}, set(self.before.columns))
        return {table: path for path, (_, table) in found}

    def test_every_way(self):
        for way in (
            self.sql_files,
            self.python_csv,
            self.load_data,
            self.archive_database,
            self.refused_tables,
            self.restored_from_files,
            self.restored_from_archive_database,
            self.restored_from_segments,
            self.restored_into_another_database,
        ):
            with self.subTest(way.__name__):
                way()

    def sql_files(self):
        self.db.sql("CREATE OR REPLACE DATABASE by_sql")
        for path in self.files("sql").values():
            independent_check._load_sql(path, self.db, "by_sql")
        self.assert_same("by_sql")

    def python_csv(self):
        """By the tokenizer of our own and by Python's module, field for field."""
        for table, path in self.files("csv").items():
            shape = independent_check.snapshot(self.db, [("by_sql", table)])[("by_sql", table)]
            text = subprocess.run(["zstdcat", path], capture_output=True, check=True).stdout
            rows = independent_check.parse_csv(text.decode("utf-8"), shape)
            expected = list(shape.rows.values())
            self.assertEqual(len(rows), len(expected), table)
            by_key = {independent_check._without_numbers(shape, shape.key_of(row)): row for row in expected}
            for row in rows:
                found = by_key[tuple(row[index] for index in shape.key)]
                self.assertTrue(independent_check._same_row(shape, row, found, True), (table, row, found))

    def load_data(self):
        """Into tables like the source's own, with the statement that README gives."""
        self.db.sql("CREATE OR REPLACE DATABASE by_csv")
        for table, path in self.files("csv").items():
            text = os.path.join(self.directory, "file.csv")
            with open(text, "wb") as file:
                subprocess.run(["zstdcat", path], stdout=file, check=True)
            self.db.sql(f"CREATE TABLE by_csv.{quote_name(table)} LIKE {DATABASE}.{quote_name(table)}")
            columns = self.before.columns[table]
            bare = any(column.data_type == "enum" for column in columns)
            names, sets = [], []
            for number, column in enumerate(columns):
                if column.kind == "bytes":
                    names.append(f"@v{number}")
                    sets.append(f"{quote_name(column.name)} = UNHEX(@v{number})")
                else:
                    names.append(quote_name(column.name))
            statement = (
                f"LOAD DATA LOCAL INFILE '{text}' INTO TABLE by_csv.{quote_name(table)} CHARACTER SET utf8mb4 "
                "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' LINES TERMINATED BY '\\n' IGNORE 1 LINES "
                f"({', '.join(names)})" + (f" SET {', '.join(sets)}" if sets else "")
            )
            try:
                self.db.sql((LENIENT if bare else STRICT) + statement)
            except MariadbError as error:
                self.fail(f"{table}: {error}\n{statement}")
        # The bare 0 of an ENUM's error value is the member '0' to LOAD DATA, where there is one
        # (formats/README.md).
        self.db.sql("SET sql_mode=''; UPDATE by_csv.enum_zero SET v=0 WHERE id=4")
        self.assert_same("by_csv")

    def archive_database(self):
        self.assert_same("matrix_archive")

    def refused_tables(self):
        """Left alone, as they were, and named with the reason."""
        self.assertEqual(self.refused.differences(Contents(self.db, DATABASE, tables=value_matrix.REFUSED)), [])
        said = self.osarchiver("check").stdout
        for table, (_, reason) in value_matrix.REFUSED.items():
            lines = [line for line in said.splitlines() if f"{DATABASE}.{table}: " in line]
            self.assertEqual(len(lines), 1, f"{table}: {said}")
            self.assertIn(reason, lines[0])
        self.assertIn(f"{DATABASE}.viewed: it is no base table but a VIEW", said)

    def assert_restored(self):
        self.assert_same(DATABASE)
        self.assertEqual(self.definitions_now(), self.definitions)
        # Restored a second time, everything is there already.
        self.empty_source()

    def restored_from_files(self):
        self.settings["archivers"]["main"]["destinations"] = ["files"]
        self.rewrite()
        self.osarchiver("restore", "--run", "last", "--yes")
        self.assert_restored()

    def restored_from_archive_database(self):
        self.settings["archivers"]["main"]["destinations"] = ["history"]
        self.rewrite()
        self.osarchiver("restore", "--run", "last", "--yes")
        self.assert_restored()

    def restored_from_segments(self):
        for ending in ("sql", "csv"):
            files = [part for path in self.files(ending).values() for part in ("--file", path)]
            self.config = None
            self.osarchiver("restore", *files, "--socket", self.db.socket, "--user", "root", "--yes")
            self.assert_restored()

    def restored_into_another_database(self):
        self.rewrite()
        self.osarchiver("restore", "--run", "last", "--to", "elsewhere", "--yes")
        elsewhere = Contents(self.db, "elsewhere", like=self.before)
        self.assertEqual(self.before.read, elsewhere.read)
        # What is generated is no part of the rows, and of no table made for them.
        del self.before.dumped["computed"]
        del self.before.columns["computed"]
        self.assertEqual(self.before.differences(elsewhere), [])


if __name__ == "__main__":
    unittest.main()
