"""Archive-only nights, and what happens when deletion is turned on, or a destination is added,
afterwards."""

import unittest

import independent_check
import small_sample
from archiver_case import ArchiverCase

ELIGIBLE = small_sample.ELIGIBLE
TOTAL = sum(ELIGIBLE.values())


class ArchiveOnlyTest(ArchiverCase):
    def setUp(self):
        super().setUp()
        self.before = self.load_small()
        self.configure(source_settings={"batch_rows": 50, "delete": False})

    def segments(self):
        return [name for name in self.archive_files() if name.endswith(".zst")]

    def archived_counts(self):
        return {table: self.count(f"small_archive.{table}") for table in ELIGIBLE}

    def night(self, archived=0, deleted=0):
        """A run that must archive and delete so many rows."""
        self.assert_silent(self.run_archiver())
        run = self.last_run()
        self.assertEqual((run["state"], run["exit_code"]), ("completed", 0))
        # Rows that are archived and stay are in batches that stop at verified.
        self.assertEqual(run["rows"]["verified"] + run["rows"]["deleted"], archived + deleted)
        self.assertEqual(run["rows"]["deleted"], deleted)
        return run

    def turn_on_delete(self):
        self.source["delete"] = True
        self.rewrite()

    def test_two_nights_archive_each_row_once(self):
        self.night(archived=TOTAL)
        self.assert_archived(self.before, {})
        self.assertEqual(self.archived_counts(), ELIGIBLE)
        self.assert_nothing_lost(self.before, kept=True)
        segments = self.segments()
        self.night(archived=0)
        self.assertEqual(self.segments(), segments)
        self.assertEqual(self.archived_counts(), ELIGIBLE)
        self.assert_nothing_lost(self.before, kept=True)
        self.assertEqual({s["result"] for s in self.verify()["segments"]}, {"ok"})

    def test_blocked_rows_are_archived_too(self):
        # Its children live: it could not be deleted, but a copy hurts nobody.
        self.db.sql(
            "UPDATE small.server_tags SET deleted_at=NULL, deleted=0 "
            "WHERE server_uuid=(SELECT uuid FROM small.servers WHERE id=1)"
        )
        self.run_archiver()
        self.assertEqual(self.count("small_archive.servers"), ELIGIBLE["servers"])

    def test_changed_row_is_archived_again_in_its_new_version(self):
        self.night(archived=TOTAL)
        self.db.sql("UPDATE small.labels SET weight=77.5 WHERE label='label 40'")
        changed = independent_check.snapshot(self.db, databases=[small_sample.DATABASE])
        self.night(archived=1)
        self.assertEqual(self.archived_counts(), ELIGIBLE)
        self.assertEqual(self.count("small_archive.labels", "label='label 40' AND weight=77.5"), 1)
        self.assert_nothing_lost(changed, kept=True, versions=True)
        self.night(archived=0)
        self.verify()

    def test_deletion_turned_on_later_archives_nothing_again(self):
        self.night(archived=TOTAL)
        segments = self.segments()
        self.turn_on_delete()
        self.assert_silent(self.run_archiver())
        self.assert_archived(self.before, ELIGIBLE)
        self.assertEqual(self.segments(), segments)
        self.assert_nothing_lost(self.before)
        run = self.last_run()
        self.assertEqual(run["state"], "completed")
        self.assertEqual(run["rows"]["deleted"], TOTAL)
        self.verify()
        self.night(archived=0)

    def test_deletion_turned_on_later_compares_first(self):
        self.night(archived=TOTAL)
        self.db.sql(
            "UPDATE small.labels SET weight=77.5 WHERE label='label 40';"
            "UPDATE small.labels SET deleted_at=NULL, deleted=0 WHERE label='label 41';"
            "DELETE FROM small.labels WHERE label='label 42'"
        )
        changed = independent_check.snapshot(self.db, databases=[small_sample.DATABASE])
        self.turn_on_delete()
        self.run_archiver()
        # The changed row went in its new version, the un-deleted one is as it was made.
        self.assertEqual(self.count("small.labels", "label='label 40'"), 0)
        self.assertEqual(self.count("small_archive.labels", "label='label 40' AND weight=77.5"), 1)
        self.assertEqual(self.count("small.labels", "label='label 41' AND deleted=0"), 1)
        # Archived before they were un-deleted or removed by somebody else: the copies stay.
        self.assertEqual(self.archived_counts(), ELIGIBLE)
        for table in ("servers", "server_tags"):
            name = ("small", table)
            gone = independent_check.archived_rows({name: changed[name]}, self.db)
            self.assertEqual(gone[name], ELIGIBLE[table])
        live_again = changed[("small", "labels")]
        self.assert_nothing_lost(
            {**self.before, ("small", "labels"): self.with_removed(live_again)},
            kept=True,
            versions=True,
        )

    def with_removed(self, shape):
        """The labels as they are, and the removed one as it was archived."""
        for key, row in self.before[("small", "labels")].rows.items():
            shape.rows.setdefault(key, row)
        return shape

    def test_row_changed_while_it_is_deleted_after_all(self):
        self.night(archived=TOTAL)
        self.turn_on_delete()
        hook = self.write_hook("UPDATE small.labels SET weight=5 WHERE label='label 40'")
        self.run_archiver(failpoints=f"batch-delete-before={hook}")
        self.assertEqual(self.count("small.labels", "label='label 40' AND weight=5"), 1)
        self.run_archiver()
        self.assertEqual(self.count("small.labels", "label='label 40'"), 0)
        self.assertEqual(self.count("small_archive.labels", "weight=5"), 1)

    def test_destination_added_in_between_gets_its_copies_first(self):
        history = self.settings["destinations"].pop("history")
        self.settings["archivers"]["main"]["destinations"] = ["files"]
        self.rewrite()
        self.night(archived=TOTAL)
        self.settings["destinations"]["history"] = history
        self.settings["archivers"]["main"]["destinations"] = ["files", "history"]
        self.turn_on_delete()
        # Were a row deleted before its copy is there, the row would be in the new one never.
        self.assert_silent(self.run_archiver())
        self.assert_archived(self.before, ELIGIBLE)
        self.assertEqual(self.archived_counts(), ELIGIBLE)
        self.assert_nothing_lost(self.before)
        self.verify()

    def test_destination_added_in_between_and_killed(self):
        del self.settings["destinations"]["files"]
        self.settings["archivers"]["main"]["destinations"] = ["history"]
        self.rewrite()
        self.run_archiver()
        self.configure(source_settings={"batch_rows": 50, "delete": True})
        for place in ("batch-commit-after", "journal-commit-after", "batch-deleted"):
            self.run_archiver(code=-9, failpoints=f"{place}=kill@2")
            # At no moment a row is gone that the files do not hold.
            self.assert_no_row_without_file()
        self.run_archiver()
        self.assert_archived(self.before, ELIGIBLE)
        self.assert_nothing_lost(self.before)
        self.verify()

    def test_killed_nights_archive_each_row_once(self):
        for place in (
            "batch-store-after",
            "batch-archived",
            "batch-verified",
            "batch-kept",
            "segment-sealing-journaled",
            "archive-commit-after",
        ):
            for number in (1, 2):
                with self.subTest(f"{place}@{number}"):
                    self.doCleanups()
                    self.setUp()
                    self.run_archiver(code=-9, failpoints=f"{place}=kill@{number}")
                    self.assert_silent(self.run_archiver())
                    self.assertEqual(self.archived_counts(), ELIGIBLE)
                    self.assert_nothing_lost(self.before, kept=True)
                    segments = self.segments()
                    self.assert_silent(self.run_archiver())
                    self.assertEqual(self.segments(), segments)
                    self.turn_on_delete()
                    self.run_archiver()
                    self.assertEqual(self.segments(), segments)
                    self.assert_archived(self.before, ELIGIBLE)
                    self.assert_nothing_lost(self.before)

    def assert_no_row_without_file(self):
        problems = independent_check.check(
            self.before, self.db, files=self.archives, scratch=self.db, kept=True
        )
        lost = [problem for problem in problems if "neither" in problem]
        self.assertEqual(lost, [])

    def test_destination_taken_away_is_not_asked_for(self):
        self.night(archived=TOTAL)
        del self.settings["destinations"]["history"]
        self.settings["archivers"]["main"]["destinations"] = ["files"]
        self.turn_on_delete()
        self.run_archiver()
        self.assert_archived(self.before, ELIGIBLE)
        self.assert_nothing_lost(self.before)

    def test_override_deletes_one_table_only(self):
        self.source["overrides"] = [{"tables": "small.labels", "delete": True}]
        self.rewrite()
        self.run_archiver()
        self.assert_archived(self.before, {"labels": ELIGIBLE["labels"]})
        self.assert_nothing_lost(self.before, kept=True)

    def test_dependent_kept_with_one_parent_leaves_with_the_other(self):
        # Its copy was made with the row of `rack`, which stays; the row of `room` goes, and what
        # refers to it must go first although it is not archived anew.
        columns = "id INT PRIMARY KEY, deleted_at DATETIME"
        self.db.sql(
            "CREATE OR REPLACE DATABASE parents; USE parents; "
            f"CREATE TABLE rack ({columns}); CREATE TABLE room ({columns}); "
            f"CREATE TABLE cable ({columns}, rack_id INT REFERENCES rack (id), "
            "room_id INT REFERENCES room (id)); "
            "INSERT INTO rack VALUES (1, '2020-01-01'); INSERT INTO room VALUES (1, '2020-01-01'); "
            "INSERT INTO cable VALUES (1, NULL, 1, 1);"
        )
        before = independent_check.snapshot(self.db, databases=["parents"])
        self.configure(
            ["parents"],
            source_settings={
                "dependents": {"cable": "archive"},
                "overrides": [{"tables": "rack", "delete": False}],
            },
        )
        self.run_archiver()
        left = [self.count(f"parents.{table}") for table in ("rack", "room", "cable")]
        self.assertEqual(left, [1, 0, 0])
        self.assertEqual(self.last_run()["rows"]["blocked"], 0)
        self.assert_nothing_lost(before, kept=True)


class SharedDependentsTest(ArchiverCase):
    """A table whose rows go with those of two parents, of which one is only archived."""

    def test_a_row_kept_with_one_parent_is_not_archived_again_with_the_other(self):
        self.db.sql(
            """DROP DATABASE IF EXISTS shared; CREATE DATABASE shared; USE shared;
            CREATE TABLE parent (id int PRIMARY KEY, deleted_at datetime, k int);
            CREATE TABLE kept_parent (id int PRIMARY KEY, deleted_at datetime, p int,
              FOREIGN KEY (p) REFERENCES parent (id));
            -- A cycle: both tables have their turns in one pass over it.
            ALTER TABLE parent ADD FOREIGN KEY (k) REFERENCES kept_parent (id);
            CREATE TABLE child (id int PRIMARY KEY, k int, p int,
              FOREIGN KEY (k) REFERENCES kept_parent (id), FOREIGN KEY (p) REFERENCES parent (id));
            INSERT INTO parent VALUES (1, '2020-01-01', NULL), (2, '2020-01-01', NULL);
            INSERT INTO kept_parent VALUES (1, '2020-01-01', NULL), (2, '2020-01-01', NULL),
              (3, '2020-01-01', NULL);
            INSERT INTO child VALUES (1, 1, 1), (2, 2, 2), (3, 3, NULL);"""
        )
        before = independent_check.snapshot(self.db, databases=["shared"])
        self.configure(
            databases=["shared"],
            source_settings={
                "dependents": {"child": "archive"},
                "overrides": [{"tables": "kept_parent", "delete": False}],
            },
        )
        self.run_archiver()
        self.assertEqual(self.count("shared_archive.child"), 3)
        self.assert_archived(before, {"parent": 2, "child": 2})
        self.assert_nothing_lost(before, kept=True)
        self.run_archiver()
        self.assert_archived(before, {"parent": 2, "child": 2})
        self.assert_nothing_lost(before, kept=True)
        self.verify()


if __name__ == "__main__":
    unittest.main()
