"""The schema changes: between two nights, in the middle of an interrupted run, and between archiving and
deleting. What is additive goes on; anything else stops that table alone and says what would help;
old batches still verify, and come back."""

import contextlib
import unittest

import independent_check
from archiver_case import ArchiverCase
from exact_copy import Contents

OLD = "'2020-01-01 00:00:00'"
CREATE = """CREATE TABLE changed (id int NOT NULL, name varchar(20) NOT NULL DEFAULT '', note varchar(10) DEFAULT NULL,
  moment datetime DEFAULT NULL, amount decimal(8,2) DEFAULT NULL, code binary(4) DEFAULT NULL, kind enum('a','b') DEFAULT 'a',
  deleted_at datetime DEFAULT NULL, PRIMARY KEY (id), UNIQUE KEY named (name, id))"""
# Every night's rows: other keys, the same content.
FILL = (
    "INSERT INTO {table} (id, name, note, moment, amount, code, kind, deleted_at) SELECT seq, CONCAT('row ', seq), 'note', '2020-02-02 02:02:02', seq + 0.25, "
    f"CHAR(seq USING binary), IF(seq % 2, 'a', 'b'), {OLD} FROM seq_{{first}}_to_{{last}};"
)

# What DESIGN calls additive: (name, change, change that undoes it for the comparison of old rows).
ADDITIVE = {
    "a nullable column": "ADD COLUMN colour varchar(10) DEFAULT NULL",
    "a nullable column in front": "ADD COLUMN colour varchar(10) DEFAULT NULL FIRST",
    "a longer varchar": "MODIFY note varchar(30) DEFAULT NULL",
    "an appended enum member": "MODIFY kind enum('a','b','c') DEFAULT 'a'",
    "an index": "ADD INDEX (moment)",
    "another default": "ALTER note SET DEFAULT 'x'",
    "a dropped column": "DROP COLUMN note",
    "names in other letters": "CHANGE note NOTE varchar(10) DEFAULT NULL, CHANGE id ID int NOT NULL",
    "a generated column": "ADD COLUMN twice int AS (id * 2) VIRTUAL",
}
# (change, what of it the message names)
BLOCKING = {
    "a column that must have a value": ("ADD COLUMN colour varchar(10) NOT NULL DEFAULT 'x'", "`colour`"),
    "more digits of a second": ("MODIFY moment datetime(6) DEFAULT NULL", "`moment`"),
    "another scale": ("MODIFY amount decimal(9,3) DEFAULT NULL", "`amount`"),
    "a longer binary": ("MODIFY code binary(6) DEFAULT NULL", "`code`"),
    "another type": ("MODIFY amount varchar(20)", "`amount`"),
    "another character set": ("MODIFY note varchar(10) CHARACTER SET latin1", "`note`"),
    "members in another order": ("MODIFY kind enum('b','a')", "`kind`"),
    "a signed column": ("MODIFY id int unsigned NOT NULL", "`id`"),
    "another key": ("DROP PRIMARY KEY, ADD PRIMARY KEY (name)", "unique"),
    "a column that may be NULL no more, renamed": ("CHANGE name title varchar(20) NOT NULL DEFAULT ''", "`title`"),
}


class SchemaChangesTest(ArchiverCase):
    def make(self):
        self.db.sql(
            "DROP DATABASE IF EXISTS nights_archive; CREATE OR REPLACE DATABASE nights CHARACTER SET utf8mb4; USE nights;\n"
            f"{CREATE}; CREATE TABLE other (id int PRIMARY KEY, deleted_at datetime);\n" + self.fill(1, 20)
        )
        self.configure(["nights"], source_settings={"batch_rows": 6})

    def fill(self, first, last):
        rows = FILL.format(table="nights.changed", first=first, last=last)
        return f"USE nights; {rows} INSERT INTO nights.other SELECT seq, {OLD} FROM seq_{first}_to_{last};"

    def alter(self, change):
        self.db.sql(f"ALTER TABLE nights.changed {change}")

    def shapes(self):
        return independent_check.snapshot(self.db, databases=["nights"])

    @contextlib.contextmanager
    def fresh(self, name):
        """A sub-test with tables, archives and journal of its own."""
        with self.subTest(name):
            self.doCleanups()
            self.setUp()
            self.make()
            yield

    def assert_old_night_comes_back(self, old):
        """Under its own definition, beside the source."""
        self.db.sql("DROP DATABASE IF EXISTS elsewhere")
        self.osarchiver("restore", "--run", "1", "--to", "elsewhere", "--yes")
        self.assertEqual(old.differences(Contents(self.db, "elsewhere", like=old)), [])

    def test_additive_changes_between_nights_go_on(self):
        for name, change in ADDITIVE.items():
            with self.fresh(name):
                old = Contents(self.db, "nights")
                self.run_archiver()
                self.alter(change)
                insert = self.fill(21, 40)
                self.db.sql(insert.replace("name, note,", "name,").replace(", 'note',", ",") if change.startswith("DROP") else insert)
                new = Contents(self.db, "nights")
                self.run_archiver()
                self.assertEqual(self.count("nights.changed") + self.count("nights.other"), 0)
                self.assertEqual({finding["result"] for finding in self.verify()["segments"]}, {"ok"})
                self.assert_old_night_comes_back(old)
                self.osarchiver("restore", "--run", "2", "--yes")
                self.assertEqual(new.differences(Contents(self.db, "nights", like=new)), [])

    def test_a_wider_column_takes_old_rows_too(self):
        self.make()
        old = Contents(self.db, "nights")
        self.run_archiver()
        self.alter("MODIFY note varchar(50), MODIFY id bigint NOT NULL, ADD COLUMN colour int DEFAULT 7")
        self.osarchiver("restore", "--run", "1", "--yes")
        self.assertEqual(Contents(self.db, "nights", like=old).read, old.read)
        self.assertEqual(self.count("nights.changed", "colour = 7"), 20)

    def test_a_table_that_holds_the_old_rows_no_more_says_so(self):
        self.make()
        self.run_archiver()
        for change, named, advice in (
            ("DROP COLUMN note", "column note was varchar(10)", "ADD COLUMN `note` varchar(10)"),
            ("MODIFY name varchar(5) NOT NULL", "column name was varchar(20)", "MODIFY COLUMN `name` varchar(20)"),
            ("MODIFY moment datetime(6)", "column moment was datetime", "MODIFY COLUMN `moment` datetime"),
            ("MODIFY kind enum('a') NOT NULL", "column kind was enum('a','b')", "MODIFY COLUMN `kind` enum('a','b')"),
            ("ADD COLUMN must int NOT NULL", "column must has no default", "--to"),
            ("DROP PRIMARY KEY, ADD PRIMARY KEY (name)", "PRIMARY", "--to"),
        ):
            with self.subTest(change):
                self.db.sql(f"CREATE OR REPLACE {CREATE.replace('CREATE TABLE changed', 'TABLE nights.changed')}")
                self.alter(change)
                result = self.osarchiver("restore", "--run", "1", "--yes", code=1)
                self.assertIn("nights.changed cannot take the archived rows", result.stderr)
                for text in (named, advice, "archived: CREATE TABLE", "now:      CREATE TABLE"):
                    self.assertIn(text, result.stderr)
                self.assertEqual(self.count("nights.changed"), 0)
                self.assertEqual(self.count("nights.other"), 20)
                self.db.sql("DELETE FROM nights.other")

    def test_other_changes_between_nights_stop_that_table_alone(self):
        for name, (change, named) in BLOCKING.items():
            with self.fresh(name):
                old = Contents(self.db, "nights")
                self.run_archiver()
                self.alter(change)
                rows = self.fill(21, 40).replace("(id, name,", "(id, title,") if "title" in change else self.fill(21, 40)
                self.db.sql("SET sql_mode=''; " + rows)
                before = self.shapes()
                result = self.run_archiver(code=1)
                self.assertIn("nights.changed", result.stderr)
                self.assertIn(named, result.stderr)
                self.assertIn("ALTER TABLE `nights_archive`.`changed`", result.stderr)
                for definition in ("source:  CREATE TABLE", "archive: CREATE TABLE"):
                    self.assertIn(definition, result.stderr)
                self.assertEqual(self.count("nights.changed"), 20)
                self.assertEqual(self.count("nights.other"), 0)
                after = self.shapes()[("nights", "changed")]
                self.assertEqual(after.rows, before[("nights", "changed")].rows)
                self.assertEqual({finding["result"] for finding in self.verify()["segments"]}, {"ok"})
                self.assert_old_night_comes_back(old)
                # Files alone hold every definition.
                self.settings["archivers"]["main"]["destinations"] = ["files"]
                self.rewrite()
                self.run_archiver()
                self.assertEqual(self.count("nights.changed"), 0)

    def test_in_the_middle_of_an_interrupted_run(self):
        changes = {**ADDITIVE, **{name: change for name, (change, _) in BLOCKING.items()}}
        # A place a change: all pairs would take minutes.
        for number, (name, change) in enumerate(changes.items()):
            place = ("batch-archived", "batch-verified", "batch-store-before")[number % 3]
            with self.fresh(f"{name} at {place}"):
                killed = self.run_archiver(code=None, failpoints=f"{place}=kill@3")
                self.assertLess(killed.code, 0)
                left = self.count("nights.changed")
                self.alter(change)
                self.run_archiver(code=None)
                self.run_archiver(code=None)
                self.assert_every_row_somewhere(change)
                self.assertLessEqual(self.count("nights.changed"), left)

    def assert_every_row_somewhere(self, change):
        """Each row by its id: in the source, or in each destination; each file says nothing twice."""
        ids = {str(number) for number in range(1, 21)}
        source = {row[0] for row in self.db.query("SELECT id FROM nights.changed")}
        archive = {row[0] for row in self.db.query("SELECT id FROM nights_archive.changed")}
        self.assertEqual(source | archive, ids, change)
        self.db.sql("CREATE OR REPLACE DATABASE by_sql; CREATE TABLE by_sql.ids (id int)")
        for path, (_, table) in independent_check.archive_files(self.archives, "sql"):
            if table == "changed":
                self.db.sql("DROP TABLE IF EXISTS by_sql.changed")
                independent_check._load_sql(path, self.db, "by_sql")
                self.db.sql("INSERT INTO by_sql.ids SELECT id FROM by_sql.changed")
        files = {row[0] for row in self.db.query("SELECT DISTINCT id FROM by_sql.ids")}
        self.assertEqual(source | files, ids, change)
        self.assertEqual({finding["result"] for finding in self.verify()["segments"]} - {"ok", "open"}, set())

    def test_between_archiving_and_deleting(self):
        changes = {**ADDITIVE, **{name: change for name, (change, _) in BLOCKING.items()}}
        for name, change in changes.items():
            with self.fresh(name):
                if "INDEX" in change or "DEFAULT 'x'" in change and change.startswith("ALTER"):
                    continue
                hook = self.write_hook(f"ALTER TABLE nights.changed {change};")
                self.run_archiver(code=None, failpoints=f"batch-delete-before={hook}")
                self.run_archiver(code=None)
                self.assert_every_row_somewhere(change)


if __name__ == "__main__":
    unittest.main()
