"""`osarchiver restore` puts back what a run removed: which rows, where to, in which order, and what it
does with rows that are there."""

import os
import pty
import sqlite3
import subprocess
import unittest

import osarchiver_runner
import small_sample
from restore_case import DATABASE, MOVED, RestoreCase


class RestoreTest(RestoreCase):
    def orphans(self):
        return int(
            self.db.value(
                "SELECT COUNT(*) FROM small.server_tags t LEFT JOIN small.servers s ON s.uuid=t.server_uuid WHERE s.id IS NULL"
            )
        )

    def test_a_run_comes_back_from_the_files(self):
        everywhere = self.settings["destinations"]
        self.only("files")
        said = self.restore("--run", "last").stdout
        self.assertIn(f"small.servers: {small_sample.ELIGIBLE['servers']} rows restored", said)
        self.assert_holds(self.full)
        self.assertEqual(self.orphans(), 0)
        self.settings["destinations"] = everywhere
        self.rewrite()
        self.verify()

    def test_a_run_comes_back_from_the_archive_database(self):
        self.only("history")
        self.restore("--run", "1")
        self.assert_holds(self.full)

    def test_a_run_comes_back_by_its_name(self):
        self.restore("--run", self.last_run()["name"])
        self.assert_holds(self.full)

    def test_an_unknown_run_and_nothing_named_are_errors_of_usage(self):
        self.assertIn("no run '77'", self.restore("--run", "77", code=2).stderr)
        self.assertIn("--run, --archiver or --file", self.restore(code=2).stderr)
        self.assertIn("--table", self.restore("--run", "1", "--where-key", "1", code=2).stderr)
        self.assert_holds(self.emptied)

    def test_rows_that_are_there_with_the_same_bytes_are_fine(self):
        self.restore("--run", "last")
        said = self.restore("--run", "last").stdout
        self.assertIn("servers: 0 rows restored, 120 there already", said)
        self.assert_holds(self.full)

    def test_rows_that_are_there_with_other_bytes_are_named_and_not_touched(self):
        key = self.full_keys("labels")[0]
        self.db.sql(f"INSERT INTO small.labels (label, weight) VALUES ({key}, 99)")
        result = self.restore("--run", "last", code=1)
        self.assertIn("labels: 1 rows are there with other content and were not touched", result.stderr)
        self.assertEqual(self.db.value(f"SELECT weight FROM small.labels WHERE label={key}"), "99")
        self.db.sql(f"DELETE FROM small.labels WHERE label={key}")
        self.restore("--run", "last")
        self.assert_holds(self.full)

    def full_keys(self, table):
        """Hexadecimal literals of the keys that left `labels`."""
        gone = set(self.full.read[table]) - set(self.emptied.read[table])
        return [f"x'{row.split(chr(9))[0]}'" for row in sorted(gone)]

    def test_a_unique_key_that_is_taken_is_a_conflict_of_that_row_alone(self):
        uuid = self.db.value("SELECT uuid FROM small_archive.servers ORDER BY id LIMIT 1")
        self.db.sql(f"INSERT INTO small.servers (id, uuid) VALUES (100000, '{uuid}')")
        result = self.restore("--run", "last", code=1)
        self.assertIn("small.servers: 1 rows are there with other content", result.stderr)
        self.assertIn(f"servers: {small_sample.ELIGIBLE['servers'] - 1} rows restored", result.stdout)

    def test_one_table(self):
        self.restore("--run", "last", "--table", "small.labels")
        after = self.now()
        self.assertEqual(after.read["labels"], self.full.read["labels"])
        self.assertEqual(after.read["servers"], self.emptied.read["servers"])

    def test_children_without_their_parents_are_named(self):
        result = self.restore("--run", "last", "--table", "small.server_tags", code=1)
        self.assertIn("server_tags: 240 rows refer to rows that are not there", result.stderr)
        self.assert_holds(self.emptied)
        self.restore("--run", "last")
        self.assert_holds(self.full)

    def test_rows_by_their_key(self):
        self.restore("--run", "last", "--table", "small.servers", "--where-key", "1", "--where-key", "2")
        self.assertEqual(self.count("small.servers", "id IN (1, 2)"), 2)
        self.assertEqual(self.now().row_count(), self.emptied.row_count() + 2)
        result = self.restore("--run", "last", "--table", "small.servers", "--where-key", "4711", code=1)
        self.assertIn("no archived row has the key 4711", result.stderr)

    def test_a_composite_key_is_joined_by_commas(self):
        uuid, tag = self.db.query("SELECT server_uuid, tag FROM small_archive.server_tags ORDER BY 1, 2 LIMIT 1")[0]
        self.restore("--run", "last", "--table", "small.servers")
        self.restore("--run", "last", "--table", "small.server_tags", "--where-key", f"{uuid},{tag}")
        self.assertEqual(self.count("small.server_tags"), len(self.emptied.read["server_tags"]) + 1)

    def restore_segments_alone(self, ending):
        os.unlink(self.state)
        self.restore_files(*self.segments(ending, "labels"))
        self.assertEqual(self.now().read["labels"], self.full.read["labels"])
        self.restore_files(*self.segments(ending))
        self.assert_holds(self.full)
        for table in ("server_tags", "servers", "labels"):
            self.db.sql(f"DELETE FROM small.{table}")
        self.restore_files(*self.segments(ending))
        for table, rows in self.full.read.items():
            gone = set(rows) - set(self.emptied.read[table])
            self.assertEqual(set(self.now().read[table]), gone)

    def test_sql_segments_alone_without_journal_and_configuration(self):
        self.restore_segments_alone("sql")

    def test_csv_segments_alone_without_journal_and_configuration(self):
        self.restore_segments_alone("csv")

    def test_files_of_both_formats_are_taken_once_and_by_table(self):
        paths = self.segments("sql") + self.segments("csv")
        said = self.restore_files(*paths, arguments=("--table", "small.labels")).stdout
        self.assertIn(f"labels: {small_sample.ELIGIBLE['labels']} rows restored, 0 there already", said)
        self.assertNotIn("servers", said)

    def test_into_another_database(self):
        self.restore("--run", "last", "--to", "elsewhere")
        self.addCleanup(self.db.sql, "DROP DATABASE elsewhere")
        self.assert_holds(self.emptied)
        for table in ("servers", "server_tags", "labels"):
            gone = set(self.full.read[table]) - set(self.emptied.read[table])
            self.assertEqual(set(self.now("elsewhere").read[table]), gone)
        # The journal knows of nothing in the source: the next run finds nothing to do.
        self.run_archiver()
        self.assert_holds(self.emptied)

    def test_a_dry_run_writes_nothing(self):
        journal = self.file_bytes(self.state)
        said = self.restore("--run", "last", "--dry-run", yes=False).stdout
        self.assertIn("servers: 120 rows would be restored, 0 there already", said)
        self.assertIn("dry run: nothing was written", said)
        said = self.restore("--run", "last", "--dry-run", "--to", "elsewhere", yes=False).stdout
        self.assertIn("elsewhere.servers: 120 rows would be restored", said)
        self.assert_holds(self.emptied)
        self.assertEqual(self.db.query("SHOW DATABASES LIKE 'elsewhere'"), [])
        self.assertEqual(self.file_bytes(self.state), journal)

    def file_bytes(self, path):
        with open(path, "rb") as file:
            return file.read()

    def test_without_a_terminal_it_wants_to_be_told(self):
        result = self.restore("--run", "last", yes=False, code=2)
        self.assertIn("nothing was written", result.stderr)
        self.assert_holds(self.emptied)

    def on_terminal(self, answer):
        """Runs restore on a terminal and types `answer`. Returns (exit code, what it said)."""
        master, slave = pty.openpty()
        command = osarchiver_runner.command_line(self.config, "restore", "--run", "last")
        process = subprocess.Popen(command, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        os.write(master, answer.encode() + b"\n")
        said = process.communicate(timeout=120)[0]
        os.close(master)
        os.close(slave)
        return process.returncode, said

    def test_on_a_terminal_it_shows_what_goes_where_and_asks(self):
        code, said = self.on_terminal("n")
        self.assertEqual(code, 2)
        for text in (f"restoring to {self.db.socket}", "site test", "small.servers: 120 rows", "small.labels: ", "[y/N]"):
            self.assertIn(text, said)
        self.assert_holds(self.emptied)
        code, said = self.on_terminal("y")
        self.assertEqual(code, 0, said)
        self.assert_holds(self.full)

    def test_the_next_run_takes_the_rows_again_and_says_so_before(self):
        said = self.restore("--run", "last").stdout
        self.assertIn("the next run takes them again", said)
        files = self.archive_files()
        self.run_archiver()
        self.assert_holds(self.emptied)
        # They were archived already: deleted again after the comparison, archived once.
        self.assertEqual(
            [name for name in self.archive_files() if name.endswith(".zst")],
            [name for name in files if name.endswith(".zst")],
        )
        self.assert_nothing_lost(self.before)
        self.verify()
        self.restore("--archiver", "main")
        self.assert_holds(self.full)

    def test_rows_brought_to_life_stay(self):
        self.restore("--run", "last")
        self.db.sql("UPDATE small.servers SET deleted_at=NULL, deleted=0 WHERE id <= 5")
        self.run_archiver()
        self.assertGreater(self.count("small.servers", "id <= 5"), 3)
        self.verify()

    def test_held_rows_stay(self):
        said = self.restore("--run", "last", "--hold").stdout
        self.assertNotIn("takes them again", said)
        self.run_archiver()
        self.assert_holds(self.full)
        self.verify()

    def test_rows_of_a_killed_run_that_are_put_back_to_stay(self):
        """What was left in flight was deleted once more, held or not."""
        for place in ("batch-delete-before", "batch-commit-after"):
            with self.subTest(place):
                self.doCleanups()
                self.setUp()
                # All of the table in one batch: what was not in flight yet could not be put back.
                self.source["batch_rows"] = 1000
                self.rewrite()
                self.db.sql(
                    "INSERT INTO small.labels SELECT CONCAT('x ', label), weight, data, deleted_at, "
                    "deleted FROM small_archive.labels"
                )
                self.run_archiver(code=-9, failpoints=f"{place}=kill@1")
                self.restore("--archiver", "main", "--table", "small.labels", "--hold")
                self.run_archiver()
                self.assertEqual(self.count("small.labels", "label LIKE 'x %'"), 68)
                self.verify()

    def test_rows_deleted_again_by_a_killed_run_that_are_put_back_to_stay(self):
        self.restore("--run", "last")
        self.run_archiver(code=-9, failpoints="batch-commit-after=kill@2")
        self.restore("--archiver", "main", "--hold")
        self.run_archiver()
        self.assert_holds(self.full)
        self.verify()

    def test_only_the_rows_asked_for_are_held(self):
        self.restore("--run", "last", "--table", "small.labels", "--where-key", self.a_label(), "--hold")
        self.assertEqual(self.now().row_count(), self.emptied.row_count() + 1)
        self.restore("--run", "last")
        self.run_archiver()
        self.assertEqual(self.now().row_count(), self.emptied.row_count() + 1)

    def a_label(self):
        return self.db.value("SELECT label FROM small_archive.labels WHERE label LIKE 'label %' LIMIT 1")

    def test_of_several_versions_the_newest_comes_back(self):
        self.restore("--run", "last")
        self.db.sql("UPDATE small.labels SET weight=weight + 1, data='newer'")
        newer = self.now()
        self.run_archiver()
        self.assertEqual(self.now().row_count(), self.emptied.row_count())
        self.only("files")
        self.restore("--archiver", "main")
        self.assertEqual(self.now().read["labels"], newer.read["labels"])
        # An earlier night by its number is that night's version.
        self.restore("--run", "1", "--table", "small.labels", "--to", "elsewhere")
        self.addCleanup(self.db.sql, "DROP DATABASE elsewhere")
        gone = set(self.full.read["labels"]) - set(self.emptied.read["labels"])
        self.assertEqual(set(self.now("elsewhere").read["labels"]), gone)

    def test_it_refuses_while_a_run_of_the_archiver_works(self):
        self.restore("--run", "last")
        run = osarchiver_runner.start(self.config, "run", failpoints="run-begin=hang")
        try:
            self.wait_for_lock()
            result = self.restore("--run", "1", code=4)
            self.assertIn(str(run.pid), result.stderr)
        finally:
            run.kill()
            run.communicate()
        self.restore("--run", "1")

    def wait_for_lock(self):
        for _ in range(600):
            if self.osarchiver("restore", "--run", "1", "--dry-run").code == 0 and self.osarchiver("run", "--max-rows", "0", code=None).code == 4:
                return
        self.fail("the run never took the lock")

    def test_rows_that_break_a_check_come_back_while_it_is_the_same_check(self):
        self.db.sql(
            "CREATE OR REPLACE TABLE small.checked (id int PRIMARY KEY, v int CHECK (v < 10), deleted_at datetime);"
            "SET check_constraint_checks=0; INSERT INTO small.checked VALUES (1, 99, '2020-01-01'), (2, 1, '2020-01-01')"
        )
        self.run_archiver()
        self.restore("--run", "last")
        self.assertEqual(self.count("small.checked"), 2)
        self.db.sql("DELETE FROM small.checked; ALTER TABLE small.checked ADD CHECK (v > 1)")
        result = self.restore("--run", "last", code=1)
        self.assertIn("small.checked", result.stderr)
        self.assertEqual(self.count("small.checked"), 0)

    def test_a_trigger_that_changes_rows_is_found_and_nothing_stays(self):
        self.db.sql("CREATE TRIGGER small.meddle BEFORE INSERT ON small.labels FOR EACH ROW SET NEW.weight = 7")
        result = self.restore("--run", "last", "--table", "small.labels", code=1)
        self.assertIn("is not what was archived once it is inserted", result.stderr)
        self.assert_holds(self.emptied)

    def test_the_journal_knows_of_the_restore(self):
        self.restore("--run", "last")
        with sqlite3.connect(self.state) as journal:
            rows = journal.execute("SELECT * FROM invocations").fetchall()
        self.assertEqual(len([row for row in rows if "restore" in row]), 1, rows)

    def test_cat_writes_plain_text(self):
        for ending in ("sql", "csv"):
            paths = self.segments(ending)
            text = subprocess.run(["zstdcat", *paths], capture_output=True, check=True).stdout
            said = subprocess.run(osarchiver_runner.command_line(None, "cat", *paths), capture_output=True, check=True)
            self.assertEqual(said.stdout, text)
            self.assertGreater(len(text), MOVED)

    def test_an_account_without_insert_is_told(self):
        self.db.create_user("reader", "secret", "SELECT ON *.*")
        self.addCleanup(self.db.sql, "DROP USER reader@'%'")
        self.source.update(user="reader", password="secret")
        self.rewrite()
        result = self.restore("--run", "last", code=1)
        self.assertIn("INSERT", result.stderr)
        self.assert_holds(self.emptied)


if __name__ == "__main__":
    unittest.main()
