"""The run that settles what a killed run left is killed too, at every place that it passes."""

import os
import unittest

import independent_check
import small_sample
from kill_case import SETTLING, KillCase

# Where the second kill falls while what the first one left is settled.
SECOND_KILLS = (
    "settle-begin",
    "settle-batch-before",
    "settle-batch-after",
    "settle-end",
    "settle-cut-before",
    "file-truncate-before",
    "file-truncate-after",
    "segment-seal-before",
    "segment-sealing-journaled",
    "segment-sealed",
    "file-sync-after",
    "journal-commit-before",
    "journal-commit-after",
    "batch-readback-after",
    "batch-commit-before",
    "batch-commit-after",
    "batch-deleted",
    "archive-commit-after",
)
BATCH_STATES = ("batch-extracted", "batch-archived", "batch-verified", "batch-deleted")


class KillTwiceTest(KillCase):
    def check_second_kills(self, first):
        reached = set()
        for place in SECOND_KILLS:
            with self.subTest(f"{first}, then {place}"):
                self.reset()
                self.assertTrue(self.kill_at(first, 2))
                if self.kill_at(place):
                    reached.add(place)
                    self.run_archiver()
                self.assert_same_end()
        self.assertGreaterEqual(reached, SETTLING)

    def test_killed_while_extracted_batches_are_settled(self):
        # One copy of the second batch is written; neither the others nor the journal know it.
        self.check_second_kills("batch-store-after")

    def test_killed_while_verified_batches_are_settled(self):
        self.check_second_kills("batch-commit-after")

    def test_killed_many_times_in_each_state(self):
        for state in BATCH_STATES:
            for _ in range(3):
                self.kill_at(state, 2)
        self.run_archiver()
        self.assert_same_end()

    def test_a_table_that_cannot_be_settled_waits_for_the_next_run(self):
        """Its pass went ahead and archived the rows of the batches in flight a second time."""
        for place in ("settle-batch-before", "settle-batch-after", "batch-delete-before"):
            for mode in ("throw", "io-error"):
                with self.subTest(f"{place}={mode}"):
                    self.reset()
                    self.assertTrue(self.kill_at("batch-verified", 2))
                    self.run_archiver(code=1, failpoints=f"{place}={mode}@1")
                    self.run_archiver()
                    self.assert_same_end()

    def test_torn_bytes_behind_the_journaled_length_go(self):
        self.assertTrue(self.kill_at("batch-archived", 2))
        torn = [name for name in self.archive_files() if name.endswith(".sql.zst")]
        for name in torn:
            path = os.path.join(self.archives, name)
            with open(path, "ab") as file:
                file.write(b"\x28\xb5\x2f\xfd torn")
        self.run_archiver()
        self.assert_same_end()

    def test_killed_with_segments_in_many_parts(self):
        for place in (
            "segment-seal-before",
            "segment-sealing-journaled",
            "segment-sealed",
            "file-create-after",
            "file-sync-before",
            "batch-archived",
            "batch-deleted",
        ):
            for number in (2, 5):
                with self.subTest(f"{place}@{number}"):
                    self.reset()
                    self.settings["destinations"]["files"]["segment_bytes"] = "3KiB"
                    self.source["batch_rows"] = 20
                    self.rewrite()
                    self.assertTrue(self.kill_at(place, number))
                    self.assertTrue(self.kill_at(place))
                    self.run_archiver()
                    self.assert_same_end()
                    parts = [name for name in self.archive_files() if ".2.csv.zst" in name]
                    self.assertTrue(parts, self.archive_files())

    def test_killed_with_dependents(self):
        """Rows of several tables that go in one transaction."""
        tables = (
            "CREATE OR REPLACE DATABASE kin; USE kin;"
            "CREATE TABLE parents (id int PRIMARY KEY, deleted_at datetime);"
            "CREATE TABLE children (id int PRIMARY KEY, parent int, FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE);"
            "CREATE TABLE grandchildren (id int PRIMARY KEY, child int, FOREIGN KEY (child) REFERENCES children (id));"
            "INSERT INTO parents SELECT seq, IF(seq % 5, '2020-01-01', NULL) FROM seq_1_to_100;"
            "INSERT INTO children SELECT seq, seq DIV 2 + 1 FROM seq_1_to_190;"
            "INSERT INTO grandchildren SELECT seq, seq * 3 FROM seq_1_to_60;"
        )
        for place in (
            "batch-extracted",
            "batch-store-after",
            "archive-commit-after",
            "batch-archived",
            "batch-verified",
            "batch-delete-executed",
            "batch-commit-before",
            "batch-commit-after",
            "batch-deleted",
        ):
            for number in (1, 2):
                with self.subTest(f"{place}@{number}"):
                    self.reset()
                    self.db.sql(
                        "SET foreign_key_checks=0; DROP DATABASE IF EXISTS kin_archive;" + tables
                    )
                    before = independent_check.snapshot(self.db, databases=["kin"])
                    self.configure(
                        ["kin"], source_settings={"batch_rows": 25, "dependents": "archive"}
                    )
                    self.assertTrue(self.kill_at(place, number))
                    self.run_archiver()
                    self.assert_nothing_lost(before)
                    self.assertEqual(self.count("kin.parents"), 20)
                    self.assertEqual(self.count("kin.children", "parent % 5 <> 0"), 0)
                    self.assertEqual(
                        {finding["result"] for finding in self.verify()["segments"]}, {"ok"}
                    )

    def test_rows_changed_between_kill_and_next_run(self):
        self.assertTrue(self.kill_at("batch-verified", 2))
        self.db.sql("UPDATE small.server_tags SET value='changed' WHERE deleted <> 0")
        final = independent_check.snapshot(self.db, databases=[small_sample.DATABASE])
        for table, shape in self.before.items():
            # What went before the change is as it was.
            for key, row in shape.rows.items():
                final[table].rows.setdefault(key, row)
        self.run_archiver()
        self.assert_archived(final, small_sample.ELIGIBLE)
        self.assert_nothing_lost(final, versions=True)
        self.assertGreater(self.count("small_archive.server_tags", "value='changed'"), 0)
        self.assertEqual(
            self.count("small_archive.server_tags"), small_sample.ELIGIBLE["server_tags"]
        )
        self.verify()


if __name__ == "__main__":
    unittest.main()
