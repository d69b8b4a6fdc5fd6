"""An archive database gets another name in the configuration: what was archived under the earlier
one is proven and restored where it lies, and never taken for a source."""

import os
import unittest

import small_sample
from archiver_case import ArchiverCase

EARLIER = small_sample.DATABASE + "_archive"
LATER = small_sample.DATABASE + "_history"
ROWS = sum(small_sample.ELIGIBLE.values())


class RenamedArchiveTest(ArchiverCase):
    def setUp(self):
        super().setUp()
        for suffix in ("_history", "_third", "_archive_history"):
            self.db.sql(f"DROP DATABASE IF EXISTS {small_sample.DATABASE}{suffix}")
        self.db.sql(f"DROP DATABASE IF EXISTS test_{small_sample.DATABASE}_db")
        self.before = self.load_small()
        self.configure(formats=())

    def rows(self, database):
        """Of all tables of the sample there, soft-deleted ones."""
        return sum(
            self.count(f"{database}.{table}", "deleted_at IS NOT NULL")
            for table in small_sample.ELIGIBLE
            if self.db.query("SELECT 1 FROM information_schema.TABLES WHERE "
                             f"TABLE_SCHEMA = '{database}' AND TABLE_NAME = '{table}'")
        )

    def rename(self):
        self.settings["destinations"]["history"]["database_suffix"] = "_history"
        self.rewrite()

    def verify_text(self, code):
        result = self.osarchiver("verify", code=code)
        return result.stdout + result.stderr

    def test_earlier_rows_are_proven_where_they_lie(self):
        self.run_archiver("--max-rows", "40")
        self.rename()
        self.verify_text(0)
        self.run_archiver()
        self.verify_text(0)
        earlier, later = self.rows(EARLIER), self.rows(LATER)
        self.assertEqual(earlier + later, ROWS)
        self.assertGreater(earlier * later, 0)
        self.db.sql(f"DROP DATABASE {EARLIER}")
        self.assertIn(EARLIER, self.verify_text(3))

    def test_one_wrong_value_there_is_found(self):
        self.run_archiver()
        self.rename()
        self.db.sql(f"UPDATE {EARLIER}.servers SET name = 'other' LIMIT 1")
        self.assertIn(f"{EARLIER}.servers", self.verify_text(3))

    def test_earlier_rows_are_restored_from_there(self):
        self.run_archiver()
        self.rename()
        self.osarchiver("restore", "--run", "last", "--yes")
        self.assert_nothing_lost(self.before, kept=True)

    def test_a_run_that_was_killed_is_settled_where_it_began(self):
        there = self.rows("small")
        for place, number in (("batch-delete-before", 1), ("batch-delete-before", 3),
                              ("archive-begin", 4), ("archive-commit-after", 4)):
            with self.subTest(place=place, number=number):
                self.tearDown()
                self.setUp()
                self.configure(formats=("csv",), source_settings={"batch_rows": 25})
                self.run_archiver(code=-9, failpoints=f"{place}=kill@{number}")
                self.rename()
                self.run_archiver()
                self.verify_text(0)
                stored = [self.rows(name) for name in (EARLIER, LATER)]
                self.assertEqual(sum(stored), ROWS, stored)
                self.assertEqual(self.rows("small"), there - ROWS)
                # Once more under a third name: nothing of the two before is forgotten.
                self.settings["destinations"]["history"]["database_suffix"] = "_third"
                self.rewrite()
                self.verify_text(0)

    def lose_journal(self):
        for name in os.listdir(self.directory):
            if name.startswith("state.db"):
                os.remove(os.path.join(self.directory, name))

    def test_a_journal_that_is_made_again_finds_them(self):
        destination = self.settings["destinations"]["history"]
        for naming in ({"database_suffix": "_history"}, {"database_name": "small_third"},
                       {"database_name": "{site}_{database}_{source}"}):
            with self.subTest(naming=naming):
                self.tearDown()
                self.setUp()
                destination = self.settings["destinations"]["history"]
                self.run_archiver("--max-rows", "40")
                destination.pop("database_suffix", None)
                destination.update(naming)
                self.rewrite()
                self.run_archiver()
                self.lose_journal()
                # Neither of the two before is today's any more.
                destination.pop("database_name", None)
                destination["database_suffix"] = "_archive_history"
                self.rewrite()
                said = self.osarchiver("rebuild-journal").stdout
                self.assertNotIn("lost", said.replace("journal was lost", ""))
                self.verify_text(0)
                self.run_archiver()
                self.verify_text(0)
                self.osarchiver("restore", "--archiver", "main", "--yes")
                self.assert_nothing_lost(self.before, kept=True)

    def test_a_copy_of_an_archive_database_leads_no_journal_astray(self):
        self.run_archiver()
        self.db.sql(f"CREATE DATABASE {LATER}")
        for (table,) in self.db.query("SELECT TABLE_NAME FROM information_schema.TABLES "
                                      f"WHERE TABLE_SCHEMA = '{EARLIER}'"):
            self.db.sql(f"CREATE TABLE {LATER}.{table} LIKE {EARLIER}.{table}; "
                        f"INSERT INTO {LATER}.{table} SELECT * FROM {EARLIER}.{table}")
        self.lose_journal()
        self.osarchiver("rebuild-journal")
        self.db.sql(f"DROP DATABASE {LATER}")
        self.verify_text(0)

    def test_rows_that_were_kept_are_deleted_and_superseded(self):
        self.source["delete"] = False
        self.rewrite()
        self.run_archiver()
        self.rename()
        self.db.sql("UPDATE small.servers SET name = 'changed' WHERE deleted_at IS NOT NULL "
                    "ORDER BY id LIMIT 1")
        self.run_archiver()
        self.assertEqual(self.rows(LATER), 1)
        self.verify_text(0)
        self.source["delete"] = True
        self.rewrite()
        self.run_archiver()
        self.verify_text(0)
        self.assertEqual(self.rows(EARLIER), ROWS)
        self.assertEqual(self.rows(LATER), 1)

    def test_an_earlier_archive_is_no_source(self):
        """'*' would move it into the later one, and what was proven would be gone."""
        self.run_archiver()
        self.source["databases"] = ["*"]
        self.rename()
        self.run_archiver()
        self.assertEqual(self.rows(EARLIER), ROWS)
        self.verify_text(0)
        self.assertIn(f"{EARLIER}.*", self.osarchiver("check", code=None).stdout)

    def test_its_full_name_makes_it_one(self):
        self.run_archiver()
        self.source["databases"] = [EARLIER]
        self.source["exclude_tables"] = ["osarchiver_batches"]
        self.rename()
        self.run_archiver()
        self.assertEqual(self.rows(EARLIER), 0)
        self.assertEqual(self.rows(f"{EARLIER}_history"), ROWS)


if __name__ == "__main__":
    unittest.main()
