"""Rows that an earlier night archived are deleted by a run that is killed, stopped or reconfigured
meanwhile: the journal must know what is gone."""

import sqlite3
import unittest

import small_sample
from archiver_case import ArchiverCase

ELIGIBLE = small_sample.ELIGIBLE
TOTAL = sum(ELIGIBLE.values())


class ReleaseTest(ArchiverCase):
    def setUp(self):
        super().setUp()
        self.before = self.load_small()
        self.configure(source_settings={"batch_rows": 50, "delete": False})
        self.assert_silent(self.run_archiver())
        self.source["delete"] = True
        self.rewrite()

    def reset(self):
        self.doCleanups()
        self.setUp()

    def journal(self, question):
        journal = sqlite3.connect(f"file:{self.state}?mode=ro", uri=True)
        try:
            return journal.execute(question).fetchall()
        finally:
            journal.close()

    def counted(self):
        """(deleted, absent) of the batches, and of the runs that released them."""
        return (
            self.journal("SELECT sum(deleted), sum(absent) FROM batches")[0],
            self.journal("SELECT sum(released_deleted), sum(released_absent) FROM passes")[0],
        )

    def assert_all_gone_and_counted(self):
        self.assert_archived(self.before, ELIGIBLE)
        self.assert_nothing_lost(self.before)
        self.assertEqual(self.counted(), ((TOTAL, 0), (TOTAL, 0)))
        self.assertEqual(self.journal("SELECT count(*) FROM kept"), [(0,)])
        self.assertEqual(self.journal("SELECT count(*) FROM releases"), [(0,)])
        self.assertEqual(self.journal("SELECT DISTINCT state FROM batches"), [("deleted",)])
        self.assertEqual(self.journal("SELECT count(*) FROM runs WHERE settled = 0"), [(0,)])
        self.assertEqual({s["result"] for s in self.verify()["segments"]}, {"ok"})

    def test_killed_releases_are_counted_once(self):
        for place in (
            "release-begun",
            "batch-delete-before",
            "batch-delete-executed",
            "batch-commit-before",
            "batch-commit-after",
            "journal-commit-before",
            "journal-commit-after",
            "batch-deleted",
        ):
            for number in (1, 3):
                with self.subTest(f"{place}@{number}"):
                    self.reset()
                    self.run_archiver(code=-9, failpoints=f"{place}=kill@{number}")
                    self.assert_silent(self.run_archiver())
                    self.assert_all_gone_and_counted()

    def test_failed_releases_are_counted_once(self):
        for place in ("release-begun", "batch-delete-before", "batch-commit-after"):
            with self.subTest(place):
                self.reset()
                self.run_archiver(code=1, failpoints=f"{place}=throw@2")
                self.assert_silent(self.run_archiver())
                self.assert_all_gone_and_counted()

    def test_killed_again_while_they_are_settled(self):
        for place in ("batch-commit-after", "journal-commit-before", "batch-deleted"):
            with self.subTest(place):
                self.reset()
                self.run_archiver(code=-9, failpoints="batch-commit-after=kill@2")
                self.run_archiver(code=-9, failpoints=f"settle-begin=note,{place}=kill@1")
                self.assert_silent(self.run_archiver())
                self.assert_all_gone_and_counted()

    def test_stopped_before_the_delete(self):
        self.run_archiver(code=5, failpoints="release-begun=run:kill -TERM $PPID@1")
        self.run_archiver()
        self.assert_all_gone_and_counted()

    def test_deletion_turned_off_after_a_kill(self):
        self.run_archiver(code=-9, failpoints="batch-delete-before=kill@1")
        self.source["delete"] = False
        self.rewrite()
        self.assert_silent(self.run_archiver())
        self.assertEqual(self.counted(), ((0, 0), (0, 0)))
        self.assertEqual(self.journal("SELECT count(*) FROM kept"), [(TOTAL,)])
        self.assertEqual(self.journal("SELECT count(*) FROM releases"), [(0,)])
        self.source["delete"] = True
        self.rewrite()
        self.assert_silent(self.run_archiver())
        self.assert_all_gone_and_counted()

    def test_destination_added_after_a_kill(self):
        self.run_archiver(code=-9, failpoints="batch-commit-after=kill@1")
        self.settings["destinations"]["more"] = {**self.settings["destinations"]["files"], "directory": self.archives + "2"}
        self.settings["archivers"]["main"]["destinations"].append("more")
        self.rewrite()
        self.assert_silent(self.run_archiver())
        self.assert_all_gone_and_counted()

    def test_changed_rows_of_a_release_stay_kept(self):
        self.run_archiver(code=-9, failpoints="batch-delete-before=kill@1")
        self.db.sql("UPDATE small.labels SET deleted_at=NULL, deleted=0 WHERE label='label 40'")
        self.run_archiver()
        self.assertEqual(self.count("small.labels", "label='label 40'"), 1)
        self.assertEqual(self.counted(), ((TOTAL - 1, 0), (TOTAL - 1, 0)))
        self.assertEqual(self.journal("SELECT count(*) FROM kept"), [(1,)])


if __name__ == "__main__":
    unittest.main()
