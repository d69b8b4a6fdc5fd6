"""Between two runs the places change: destinations and formats are replaced or left out, sources
are renamed, columns get other types. What lies where the configuration leads no more by itself is
read from there; nothing whole is called lost, and nothing is forgotten."""

import contextlib
import os
import sqlite3
import unittest

import small_sample
from archiver_case import ArchiverCase

ROWS = sum(small_sample.ELIGIBLE.values())
PLACES = ("batch-archived=kill@2", "batch-delete-before=kill@2", "batch-commit-after=kill@1")


class ChangedPlacesTest(ArchiverCase):
    def setUp(self):
        super().setUp()
        self.begin()

    def begin(self, **options):
        self.before = self.load_small()
        self.configure(source_settings={"batch_rows": 25}, **options)

    def begin_again(self, **options):
        self.tearDown()
        self.doCleanups()
        super().setUp()
        self.begin(**options)

    @property
    def archiver(self):
        return self.settings["archivers"]["main"]

    def left(self):
        return sum(self.count(f"small.{table}", "deleted_at IS NOT NULL")
                   for table in small_sample.ELIGIBLE)

    def rename_source(self, old, new):
        sources = self.settings["sources"]
        sources[new] = sources.pop(old)
        self.archiver["sources"] = [new]
        self.rewrite()

    def text(self, *arguments, code=0):
        result = self.osarchiver(*arguments, code=code)
        return result.stdout + result.stderr

    def counted_as_deleted(self):
        """By the journal, in all runs."""
        with contextlib.closing(sqlite3.connect(f"file:{self.state}?mode=ro", uri=True)) as journal:
            return journal.execute("SELECT SUM(deleted) FROM batches").fetchone()[0]

    def run_to_the_end(self):
        """What was left in flight and all the rest: each row is counted once and proven."""
        self.run_archiver()
        self.assertEqual(self.counted_as_deleted(), ROWS)
        self.verify()

    def test_a_killed_run_whose_destination_is_replaced(self):
        for first, second in (("files", "history"), ("history", "files")):
            for place in PLACES:
                with self.subTest(first=first, second=second, place=place):
                    self.begin_again()
                    there = self.left()
                    self.archiver["destinations"] = [first]
                    self.rewrite()
                    self.run_archiver(code=-9, failpoints=place)
                    self.archiver["destinations"] = [second]
                    self.rewrite()
                    self.run_archiver()
                    self.assertEqual(self.left(), there - ROWS)
                    self.verify()
                    self.assertEqual(self.counted_as_deleted(), ROWS)

    def test_a_killed_run_whose_destination_is_out_of_the_configuration(self):
        for first, second in (("files", "history"), ("history", "files")):
            with self.subTest(first=first):
                self.begin_again()
                there = self.left()
                self.archiver["destinations"] = [first]
                self.rewrite()
                self.run_archiver(code=-9, failpoints="batch-commit-after=kill@1")
                self.archiver["destinations"] = [second]
                aside = self.settings["destinations"].pop(first)
                self.rewrite()
                said = self.text("run", code=1)
                self.assertIn(f"destination '{first}'", said)
                self.assertIn("no copy within reach", said)
                # It stands in the way of its own table alone.
                self.assertLess(self.left(), there)
                self.settings["destinations"][first] = aside
                self.rewrite()
                self.run_archiver()
                self.assertEqual(self.left(), there - ROWS)
                self.verify()

    def test_kept_rows_whose_destination_is_replaced(self):
        there = self.left()
        self.archiver["destinations"] = ["files"]
        self.source["delete"] = False
        self.rewrite()
        self.run_archiver()
        self.archiver["destinations"] = ["history"]
        self.source["delete"] = True
        self.rewrite()
        self.run_archiver()
        self.assertEqual(self.left(), there - ROWS)
        self.assertEqual(self.count("small_archive.servers"), small_sample.ELIGIBLE["servers"])
        self.verify()

    def test_a_killed_run_of_an_archiver_that_archives_no_more(self):
        there = self.left()
        self.run_archiver(code=-9, failpoints="batch-delete-before=kill@2")
        self.source["archive"] = False
        self.archiver["destinations"] = []
        self.rewrite()
        self.run_archiver()
        self.assertEqual(self.left(), there - ROWS)

    def test_a_format_that_is_left_out_is_proven_all_the_same(self):
        self.begin_again(archive=False, formats=["sql"])
        there = self.left()
        self.run_archiver()
        self.settings["destinations"]["files"]["formats"] = ["csv"]
        self.rewrite()
        self.assertGreater(len(self.verify()["segments"]), 0)
        self.osarchiver("restore", "--run", "last", "--yes")
        self.assertEqual(self.left(), there)
        for name in os.listdir(self.directory):
            if name.startswith("state.db"):
                os.remove(os.path.join(self.directory, name))
        self.osarchiver("rebuild-journal")
        self.assertGreater(len(self.verify()["segments"]), 0)
        for name in self.archive_files():
            if name.endswith(".sql.zst"):
                os.remove(os.path.join(self.archives, name))
        self.assertIn("missing", self.text("verify", code=3))

    def test_a_killed_run_whose_format_is_replaced(self):
        for place in PLACES:
            with self.subTest(place=place):
                self.begin_again(archive=False, formats=["sql"])
                there = self.left()
                self.run_archiver(code=-9, failpoints=place)
                self.settings["destinations"]["files"]["formats"] = ["csv"]
                self.rewrite()
                self.run_archiver()
                self.assertEqual(self.left(), there - ROWS)
                self.verify()

    def test_a_source_that_was_renamed_while_rows_were_being_deleted(self):
        self.run_archiver(code=-9, failpoints="batch-commit-after=kill@1")
        self.rename_source("db", "other")
        self.assertIn("source 'db', which this archiver has no more", self.text("run", code=1))
        self.rename_source("other", "db")
        self.run_to_the_end()

    def test_a_source_that_was_renamed_while_a_batch_was_being_stored(self):
        # The database has the batch and the files do not: they get it without asking the source.
        self.run_archiver(code=-9, failpoints="archive-commit-after=kill@1")
        self.rename_source("db", "other")
        self.run_to_the_end()

    def test_a_source_that_was_renamed_before_a_database_had_its_first_batch(self):
        places = self.settings["destinations"]
        places["second"] = dict(places["history"], database_suffix="_second")
        self.archiver["destinations"].append("second")
        self.rewrite()
        self.run_archiver(code=-9, failpoints="archive-commit-after=kill@1")
        self.rename_source("db", "other")
        text = self.text("run", code=1)
        self.assertIn("destination second: whether source 'db' is the same server decides", text)
        self.assertIn("name source 'db' once more for one run", text)
        self.rename_source("other", "db")
        self.run_to_the_end()

    def test_an_archiver_that_was_renamed_while_rows_were_being_deleted(self):
        self.run_archiver(code=-9, failpoints="batch-commit-after=kill@1")
        there = self.left()
        archivers = self.settings["archivers"]
        archivers["other"] = archivers.pop("main")
        self.rewrite()
        for command in ("check", "run"):
            self.assertIn("archiver 'main', which is not in the configuration any more",
                          self.text(command, code=2), command)
        self.assertEqual(self.left(), there)
        archivers["main"] = archivers.pop("other")
        self.rewrite()
        self.run_archiver()
        self.assertEqual(self.counted_as_deleted(), ROWS)
        archivers["other"] = archivers.pop("main")
        self.rewrite()
        self.run_archiver()


    def test_kept_rows_whose_files_are_gone_are_archived_again(self):
        self.begin_again(archive=False)
        there = self.left()
        self.source["delete"] = False
        self.rewrite()
        self.run_archiver()
        for name in self.archive_files():
            if name.endswith(".zst"):
                os.remove(os.path.join(self.archives, name))
        self.source["delete"] = True
        self.rewrite()
        said = ""
        for _ in range(4):
            result = self.run_archiver(code=None)
            said += result.stderr
            if result.code == 0:
                break
        self.assertEqual(result.code, 0, said)
        self.assertIn("its rows are archived again", said)
        self.assertEqual(self.left(), there - ROWS)
        # Files of the other format that nobody had to read meanwhile.
        self.verify(code=3)
        self.run_archiver(code=None)
        self.verify()


class ChangedColumnsTest(ArchiverCase):
    CHANGES = (
        "MODIFY name varchar(200) NOT NULL",
        "CHANGE name title varchar(255) NOT NULL",
        "MODIFY id bigint NOT NULL",
    )

    def setUp(self):
        super().setUp()
        self.begin()

    def begin(self):
        self.db.sql(
            "DROP DATABASE IF EXISTS small; DROP DATABASE IF EXISTS small_archive; "
            "CREATE DATABASE small; CREATE TABLE small.t (id int PRIMARY KEY, name varchar(100) "
            "NOT NULL, deleted_at datetime); INSERT INTO small.t SELECT seq, CONCAT('row ', seq), "
            "'2020-01-01' FROM small.seq_1_to_60"
        )
        self.configure(archive=False, source_settings={"batch_rows": 20})

    def begin_again(self):
        self.tearDown()
        self.doCleanups()
        super().setUp()
        self.begin()

    def test_rows_in_flight_and_kept_rows_go_under_the_new_definition(self):
        for change in self.CHANGES:
            for how in ("kept", "killed", "restored"):
                with self.subTest(change=change, how=how):
                    self.begin_again()
                    if how == "kept":
                        self.source["delete"] = False
                        self.rewrite()
                        self.run_archiver()
                        self.source["delete"] = True
                        self.rewrite()
                    elif how == "killed":
                        self.run_archiver(code=-9, failpoints="batch-delete-before=kill@2")
                    else:
                        self.run_archiver()
                        self.osarchiver("restore", "--run", "last", "--yes")
                    self.db.sql(f"ALTER TABLE small.t {change}")
                    self.run_archiver()
                    self.assertEqual(self.count("small.t"), 0)
                    self.verify()

    def test_an_archive_only_night_takes_them_once(self):
        self.source["delete"] = False
        self.rewrite()
        self.run_archiver()
        files = self.archive_files()
        self.db.sql("ALTER TABLE small.t MODIFY name varchar(200) NOT NULL")
        self.run_archiver()
        self.assertEqual([f for f in self.archive_files() if f.endswith(".zst")],
                         [f for f in files if f.endswith(".zst")])


class SharedRowsTest(ArchiverCase):
    """Two sources archive to one table; where their rows have the same bytes, both are there."""

    def setUp(self):
        super().setUp()
        for name in ("small_a", "small_b", "kept"):
            self.db.sql(f"DROP DATABASE IF EXISTS {name}")
        for name in ("small_a", "small_b"):
            self.db.sql(
                f"CREATE DATABASE {name}; CREATE TABLE {name}.t (id int PRIMARY KEY, v "
                f"varchar(20), deleted_at datetime); {self.fill(name, 'same')}"
            )
        self.configure(databases=("small_a",), formats=(),
                       archive_settings={"database_name": "kept"})
        del self.settings["destinations"]["history"]["database_suffix"]
        other = dict(self.source, databases=["small_b"])
        self.settings["sources"]["other"] = other
        self.archiver = self.settings["archivers"]["main"]
        self.archiver["sources"] = ["db", "other"]
        self.rewrite()

    @staticmethod
    def fill(name, value):
        return (f"INSERT INTO {name}.t SELECT seq, '{value}', '2020-01-01' FROM {name}.seq_1_to_5")

    def test_a_newer_row_of_one_leaves_the_others(self):
        self.run_archiver()
        self.db.sql(self.fill("small_b", "new"))
        self.run_archiver(code=None)
        self.assertEqual(self.osarchiver("verify", code=0).code, 0)
        self.osarchiver("restore", "--archiver", "main", "--yes", code=None)
        self.assertEqual(self.count("small_a.t", "v = 'same'"), 5)


if __name__ == "__main__":
    unittest.main()
