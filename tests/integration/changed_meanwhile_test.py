"""Other people write while osarchiver works: at every step between reading and deleting, rows are
updated, un-deleted, removed and inserted, and columns are added."""

import unittest

import independent_check
import small_sample
from archiver_case import ArchiverCase

ELIGIBLE = small_sample.ELIGIBLE
# From reading to the transaction that deletes. Once its DELETE has locked the rows, nobody changes
# them any more.
STEPS = (
    "batch-read",
    "batch-extracted",
    "batch-store-before",
    "batch-store-after",
    "batch-archived",
    "batch-readback-before",
    "batch-readback-after",
    "batch-verified",
    "batch-delete-before",
)
CHANGES = """
SET time_zone='+00:00';
UPDATE small.labels SET weight=99.5 WHERE label='label 40';
UPDATE small.labels SET deleted_at=NULL, deleted=0 WHERE label='label 41';
UPDATE small.labels SET deleted=0 WHERE label='label 42';
DELETE FROM small.labels WHERE label='label 44';
UPDATE small.labels SET deleted_at='2020-06-01 00:00:00.000001' WHERE label='label 45';
UPDATE small.labels SET label='Label 46' WHERE label='label 46';
DELETE FROM small.labels WHERE label='label 48';
INSERT INTO small.labels VALUES ('label 48', 4.5, NULL, '2020-01-01', 48);
INSERT INTO small.labels VALUES ('label 40a', 1.5, NULL, '2020-01-01', 5), ('label 40b', 2.5, NULL, NULL, 0);
"""


class ChangedMeanwhileTest(ArchiverCase):
    def setUp(self):
        super().setUp()
        self.before = self.load_small()
        # Small enough for several batches, large enough that one holds all the changed rows.
        self.configure(source_settings={"batch_rows": 60})

    def reset(self):
        self.doCleanups()
        self.setUp()

    def label(self, name):
        """weight and deleted of a label in the source; None when it is not there."""
        rows = self.db.query(
            f"SELECT weight, deleted FROM small.labels WHERE BINARY label='{name}'"
        )
        return tuple(rows[0]) if rows else None

    def archived_label(self, name):
        rows = self.db.query(
            f"SELECT weight, deleted FROM small_archive.labels WHERE BINARY label='{name}'"
        )
        return tuple(rows[0]) if rows else None

    def final_rows(self, after_change):
        """The last version of every row that anybody ever saw."""
        for table, shape in self.before.items():
            for key, row in shape.rows.items():
                after_change[table].rows.setdefault(key, row)
        return after_change

    def snapshot(self):
        return independent_check.snapshot(self.db, databases=[small_sample.DATABASE])

    def test_rows_changed_at_every_step(self):
        for step in STEPS:
            with self.subTest(step):
                self.reset()
                self.check_changes_at(step)

    def check_changes_at(self, step):
        # The only table, so that the hook comes between reading and deleting its rows.
        hook = self.write_hook(CHANGES)
        self.run_archiver("--table", "small.labels", failpoints=f"{step}={hook}")
        # Changed and un-deleted rows stay with their new content.
        self.assertEqual(self.label("label 40"), ("99.5", "40"))
        self.assertEqual(self.label("label 41")[1], "0")
        self.assertEqual(self.label("label 42")[1], "0")
        self.assertIsNotNone(self.label("label 45"))
        self.assertEqual(self.label("label 48"), ("4.5", "48"))
        self.assertEqual(self.label("label 40b"), ("2.5", "0"))
        self.assertIsNone(self.label("label 49"))
        run = self.last_run()
        self.assertEqual(run["exit_code"], 0)
        self.assertGreater(run["rows"]["changed"], 0)
        self.assertGreater(run["rows"]["absent"], 0)
        changed = self.snapshot()
        self.run_archiver()
        self.check_next_night(changed)

    def check_next_night(self, changed):
        """The changed rows went in their new version, which took the old one's place."""
        for name, values in (("label 40", ("99.5", "40")), ("label 48", ("4.5", "48"))):
            self.assertIsNone(self.label(name), name)
            self.assertEqual(self.archived_label(name), values, name)
        for name in ("label 45", "label 40a", "Label 46"):
            self.assertIsNone(self.label(name), name)
            self.assertIsNotNone(self.archived_label(name), name)
        for name in ("label 41", "label 42", "label 40b"):
            self.assertEqual(self.label(name)[1], "0", name)
        self.assertEqual(self.last_run()["rows"]["changed"], 0)
        # Copies of what somebody else removed or un-deleted are nobody's loss.
        self.assert_nothing_lost(self.final_rows(changed), kept=True, versions=True)
        self.verify()

    def test_rows_changed_after_a_crash(self):
        for step in (
            "batch-extracted",
            "batch-archived",
            "batch-verified",
            "batch-delete-compared",
        ):
            with self.subTest(step):
                self.reset()
                self.run_archiver("--table", "small.labels", code=-9, failpoints=f"{step}=kill@1")
                self.db.sql(
                    "UPDATE small.labels SET weight=99.5 WHERE deleted <> 0;"
                    "UPDATE small.labels SET deleted_at=NULL, deleted=0 WHERE label='label 41'"
                )
                changed = self.snapshot()
                self.run_archiver()
                self.assertEqual(self.label("label 41"), ("99.5", "0"))
                self.assertEqual(
                    self.count("small.labels", "deleted <> 0 AND deleted_at < '2021-01-01'"), 0
                )
                self.assert_nothing_lost(self.final_rows(changed), kept=True, versions=True)

    def test_column_added_before_the_delete(self):
        for step in STEPS:
            with self.subTest(step):
                self.reset()
                hook = self.write_hook(
                    "ALTER TABLE small.labels ADD COLUMN colour varchar(10) DEFAULT NULL;"
                    "UPDATE small.labels SET colour='red' WHERE label LIKE 'label 4%'"
                )
                result = self.run_archiver(
                    "--table", "small.labels", code=None, failpoints=f"{step}={hook}"
                )
                # Whatever could be deleted, no colour is gone with it.
                self.assert_colours_kept()
                self.assertIn(result.code, (0, 1), result.stderr)
                if result.code == 1:
                    self.assertIn("colour", result.stderr)
                self.check_night_after_new_column()

    def coloured(self, database):
        return self.count(f"{database}.labels", "colour='red'")

    def assert_colours_kept(self):
        self.assertEqual(self.coloured("small"), 10)

    def check_night_after_new_column(self):
        """The next night takes the rows in their new shape."""
        live = self.count("small.labels", "colour='red' AND (deleted=0 OR deleted_at>'2021-01-01')")
        self.run_archiver()
        self.assertEqual(self.coloured("small"), live)
        self.assertEqual(self.coloured("small_archive"), 10 - live)
        self.assertEqual(self.count("small_archive.labels"), ELIGIBLE["labels"])

    def test_invisible_column_added_before_the_delete(self):
        # RETURNING * would not show it.
        hook = self.write_hook(
            "ALTER TABLE small.labels ADD COLUMN colour varchar(10) INVISIBLE DEFAULT NULL;"
            "UPDATE small.labels SET colour='red' WHERE label LIKE 'label 4%'"
        )
        self.run_archiver(
            "--table", "small.labels", code=None, failpoints=f"batch-delete-before={hook}"
        )
        self.assert_colours_kept()

    def test_column_dropped_or_changed_before_the_delete(self):
        for change in (
            "ALTER TABLE small.labels DROP COLUMN data",
            "ALTER TABLE small.labels MODIFY data varbinary(200)",
            "ALTER TABLE small.labels CHANGE data payload varbinary(64)",
        ):
            with self.subTest(change):
                self.reset()
                hook = self.write_hook(change)
                count = self.count("small.labels")
                result = self.run_archiver(
                    "--table", "small.labels", code=None, failpoints=f"batch-delete-before={hook}"
                )
                self.assertEqual(result.code, 1, result.stderr)
                self.assertEqual(self.count("small.labels"), count)

    def test_flag_that_says_live_is_never_taken(self):
        restorable = self.count("small.labels", "deleted_at < '2021-01-01' AND deleted=0")
        self.assertGreater(restorable, 0)
        for _ in range(2):
            self.run_archiver()
            self.assertEqual(
                self.count("small.labels", "deleted_at < '2021-01-01' AND deleted=0"), restorable
            )
            self.assertEqual(self.count("small_archive.labels", "deleted=0"), 0)
            tables = {table["table"]: table for table in self.last_run()["tables"]}
            self.assertEqual(tables["labels"]["live_flag_rows"], restorable)

    def test_child_inserted_before_the_parent_is_deleted(self):
        """A new live child keeps its parent, with every way that a foreign key may act."""
        for action in ("RESTRICT", "CASCADE", "SET NULL"):
            for step in ("batch-verified", "batch-delete-before"):
                with self.subTest(f"ON DELETE {action}, {step}"):
                    self.reset()
                    self.db.sql(
                        "CREATE TABLE small.notes (id int PRIMARY KEY, server_uuid varchar(36), "
                        "FOREIGN KEY (server_uuid) REFERENCES small.servers (uuid) ON DELETE "
                        f"{action}) CHARSET utf8mb3"
                    )
                    hook = self.write_hook(
                        "INSERT INTO small.notes SELECT id, uuid FROM small.servers WHERE id IN (1, 2, 3, 5)"
                    )
                    self.run_archiver("--table", "small.server_tags")
                    self.run_archiver("--table", "small.servers", failpoints=f"{step}={hook}")
                    self.assertEqual(self.count("small.notes", "server_uuid IS NOT NULL"), 4)
                    # Number 3 lives anyway.
                    self.assertEqual(self.count("small.servers", "id IN (1, 2, 3, 5)"), 4)
                    self.assertEqual(
                        self.count("small.servers", "deleted <> 0 AND deleted_at < '2021-01-01'"), 3
                    )
                    self.assertEqual(self.last_run()["rows"]["blocked"], 3)


if __name__ == "__main__":
    unittest.main()
