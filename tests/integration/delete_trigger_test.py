"""A trigger that a DELETE starts changes rows that nobody archives."""

import unittest

from archiver_case import ArchiverCase

OLD = "NOW() - INTERVAL 2 YEAR"


class DeleteTriggerTest(ArchiverCase):
    def setUp(self):
        super().setUp()
        self.db.sql(
            "DROP DATABASE IF EXISTS fired; DROP DATABASE IF EXISTS fired_archive; "
            "CREATE DATABASE fired; USE fired; "
            "CREATE TABLE parents (id int PRIMARY KEY, deleted_at datetime); "
            "CREATE TABLE plain LIKE parents; "
            "CREATE TABLE kids (id int PRIMARY KEY, parent int); "
            f"INSERT INTO parents VALUES (1, {OLD}), (2, {OLD}), (3, NULL); "
            f"INSERT INTO plain VALUES (1, {OLD}); "
            "INSERT INTO kids VALUES (1, 1), (2, 2), (3, 3)"
        )
        self.configure(databases=("fired",))

    def make_trigger(self):
        self.db.sql(
            "CREATE TRIGGER fired.sweep AFTER DELETE ON fired.parents FOR EACH ROW "
            "DELETE FROM fired.kids WHERE parent = OLD.id"
        )

    def counts(self):
        return [self.count(f"fired.{table}") for table in ("parents", "kids", "plain")]

    def test_a_table_with_one_is_left_alone_and_named(self):
        self.make_trigger()
        self.assertIn("fired.parents is left alone: a DELETE starts its trigger sweep",
                      self.osarchiver("check").stdout)
        said = self.run_archiver().stderr
        self.assertIn("trigger sweep", said)
        self.assertIn("allow_delete_triggers", said)
        self.assertEqual(self.counts(), [3, 3, 0])

    def test_it_is_seen_without_the_trigger_privilege(self):
        self.make_trigger()
        self.db.create_user(
            "plain", "secret", "SELECT, INSERT, DELETE, CREATE, ALTER, PROCESS ON *.*"
        )
        self.source.update(user="plain", password="secret")
        self.rewrite()
        self.assertIn("trigger sweep", self.run_archiver().stderr)
        self.assertEqual(self.counts(), [3, 3, 0])

    def test_one_that_comes_in_the_middle_of_a_run_undoes_the_delete(self):
        hook = self.write_hook(
            "CREATE TRIGGER fired.sweep AFTER DELETE ON fired.parents FOR EACH ROW "
            "DELETE FROM fired.kids WHERE parent = OLD.id;"
        )
        said = self.run_archiver(code=1, failpoints=f"batch-delete-before={hook}").stderr
        self.assertIn("a DELETE starts a trigger", said)
        self.assertEqual(self.counts()[:2], [3, 3])
        # The next night sees it; what was archived stays, and goes when the trigger does.
        self.run_archiver()
        self.db.sql("DROP TRIGGER fired.sweep")
        self.run_archiver()
        self.assertEqual(self.counts(), [1, 3, 0])
        self.assertEqual(self.count("fired_archive.parents"), 2)

    def test_allowed_ones_run(self):
        self.make_trigger()
        self.source["overrides"] = [{"tables": "fired.parents", "allow_delete_triggers": True}]
        self.rewrite()
        self.assert_silent(self.run_archiver())
        self.assertEqual(self.counts(), [1, 1, 0])

    def test_archiving_alone_starts_none(self):
        self.make_trigger()
        self.source["delete"] = False
        self.rewrite()
        self.assert_silent(self.run_archiver())
        self.assertEqual(self.counts(), [3, 3, 1])
        self.assertEqual(self.count("fired_archive.parents"), 2)


if __name__ == "__main__":
    unittest.main()
