"""The main job on an OpenStack-like sample: every row is in the source or, byte for byte, in each
archive, and osarchiver says what it did."""

import os
import pty
import re
import stat
import subprocess
import unittest

import independent_check
import osarchiver_runner
from archiver_case import ArchiverCase
from private_mariadb import PrivateMariadb
from sample import load_sample

DATABASES = ("nova", "cinder")
# Without a key, or archived by nova-manage: the operator leaves them out, so that nights are silent.
EXCLUDED = ["shadow_*", "audit_events", "deleted_instances"]
ROW_COUNTS = (
    "extracted",
    "archived",
    "verified",
    "deleted",
    "absent",
    "changed",
    "blocked",
    "conflict",
)


def inserts(dump, table):
    """The lines of a dump with one row each."""
    return set(re.findall(rf"(?m)^INSERT INTO `{table}` .*$", dump))


class NothingLostTest(ArchiverCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # An archive server of its own, as in most installations.
        cls.archive = PrivateMariadb(profile="fast")
        cls.addClassCleanup(cls.archive.close)

    def prepare(self, scale, **source):
        counts = load_sample(self.db, seed=7, scale=scale, live_children=5)
        self.archive.sql(
            "DROP DATABASE IF EXISTS nova_archive; DROP DATABASE IF EXISTS cinder_archive"
        )
        self.configure(
            DATABASES,
            archive=False,
            source_settings={"exclude_tables": EXCLUDED, "batch_rows": 1000, **source},
        )
        self.settings["destinations"]["history"] = {
            "backend": "mariadb",
            "socket": self.archive.socket,
            "user": "root",
            "database_suffix": "_archive",
            "accept_non_durable": True,
        }
        self.settings["archivers"]["main"]["destinations"].append("history")
        self.rewrite()
        return counts, independent_check.snapshot(self.db, databases=DATABASES)

    def assert_dumps_add_up(self, dumps, before):
        """Source and archive together are the source of before, line by line of mariadb-dump."""
        for database in DATABASES:
            left = self.db.dump(database)
            archived = self.archive.dump(database + "_archive")
            for table in (name for schema, name in before if schema == database):
                old = inserts(dumps[database], table)
                here, there = inserts(left, table), inserts(archived, table)
                self.assertEqual(here & there, set(), f"{database}.{table} is in both")
                self.assertEqual(here | there, old, f"{database}.{table} differs")

    def assert_sealed_files(self):
        files = self.archive_files()
        segments = [name for name in files if name.endswith(".zst")]
        # Eleven tables qualify, each in two formats.
        self.assertGreaterEqual(len(segments), 20, files)
        for name in segments:
            mode = stat.S_IMODE(os.stat(os.path.join(self.archives, name)).st_mode)
            self.assertEqual(mode, 0o440, name)
            # database.table.source.run.part.format.zst, in the archiver's directory of that day
            self.assertRegex(
                name,
                r"^main/\d{4}-\d\d-\d\d/(nova|cinder)\.\w+\.db\.\d{8}T\d{6}Z-[0-9a-f]{8}\.1\.(sql|csv)\.zst$",
            )
        sums = [name for name in files if name.endswith(".sha256")]
        self.assertEqual(len(sums), 1, files)
        path = os.path.join(self.archives, sums[0])
        with open(path, encoding="utf-8") as file:
            self.assertEqual(len(file.readlines()), len(segments))
        subprocess.run(
            ["sha256sum", "--check", "--strict", "--quiet", os.path.basename(path)],
            cwd=os.path.dirname(path),
            check=True,
        )
        for directory, _, _ in os.walk(self.archives):
            self.assertEqual(stat.S_IMODE(os.stat(directory).st_mode) & 0o027, 0, directory)

    def assert_status(self, before):
        status = self.status()
        self.assertEqual((status["format"], status["site"]), (1, "test"))
        self.assertEqual(len(status["runs"]), 1)
        run = status["runs"][0]
        self.assertEqual(
            (run["run"], run["archiver"], run["state"], run["exit_code"], run["error"]),
            (1, "main", "completed", 0, None),
        )
        self.assertRegex(run["name"], r"^\d{8}T\d{6}Z-[0-9a-f]{8}$")
        for field in ("now", "started_at", "finished_at", "last_progress_at"):
            self.assertRegex(run[field], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", field)
        self.assertTrue(run["host"])
        self.assertGreater(run["pid"], 0)
        self.assertGreater(run["bytes"], 0)
        gone = independent_check.archived_rows(before, self.db)
        self.assertEqual(run["rows"]["deleted"], sum(gone.values()))
        self.assertEqual(set(run["batches"]), {"extracted", "archived", "verified", "deleted"})
        self.assertEqual(set(run["rows"]), set(ROW_COUNTS))
        in_flight = [run["batches"][state] for state in ("extracted", "archived", "verified")]
        self.assertEqual(in_flight, [0, 0, 0])
        for table in run["tables"]:
            self.assertEqual((table["source"], table["state"]), ("db", "completed"), table)
            self.assertEqual(
                table["rows"]["deleted"], gone[(table["database"], table["table"])], table
            )
            self.assertEqual(table["cutoff"], run["tables"][0]["cutoff"])
        # Five servers keep a live child each; eight can still be restored.
        instances = next(table for table in run["tables"] if table["table"] == "instances")
        self.assertEqual(instances["rows"]["blocked"], 5)
        self.assertGreater(instances["live_flag_rows"], 0)
        return run

    def test_source_and_archives_are_the_original(self):
        counts, before = self.prepare(scale=1.0)
        self.assertGreaterEqual(sum(counts.values()), 20000)
        dumps = {database: self.db.dump(database) for database in DATABASES}
        self.assert_silent(self.run_archiver())
        self.assert_nothing_lost(before, archive=self.archive)
        self.assert_dumps_add_up(dumps, before)
        gone = independent_check.archived_rows(before, self.db)
        archived = {table for table, rows in gone.items() if rows > 0}
        self.assertGreaterEqual(len(archived), 8, gone)
        self.assertGreater(sum(gone.values()), 5000)
        self.assert_sealed_files()
        run = self.assert_status(before)
        verified = self.verify()
        self.assertEqual({segment["result"] for segment in verified["segments"]}, {"ok"})
        rows = sum(segment["rows"] for segment in verified["segments"])
        # In SQL and in CSV.
        self.assertEqual(rows, 2 * run["rows"]["deleted"])
        self.assertEqual(
            sum(finding["rows"] for finding in verified["destinations"]), run["rows"]["deleted"]
        )

    def test_second_run_does_no_work_and_says_so(self):
        _, before = self.prepare(scale=0.1)
        self.run_archiver()
        files = [name for name in self.archive_files() if name.endswith(".zst")]
        left = {database: self.db.dump(database) for database in DATABASES}
        archived = {name: self.archive.dump(name + "_archive") for name in DATABASES}
        self.assert_silent(self.run_archiver())
        self.assertEqual([name for name in self.archive_files() if name.endswith(".zst")], files)
        for database in DATABASES:
            self.assertEqual(self.db.dump(database), left[database])
            self.assertEqual(self.archive.dump(database + "_archive"), archived[database])
        run = self.last_run()
        self.assertEqual((run["run"], run["state"]), (2, "completed"))
        self.assertEqual(sum(run["batches"].values()), 0)
        self.assertEqual(run["rows"]["deleted"], 0)
        self.assertRegex(self.osarchiver("status").stdout, r"\d+ tables had nothing to do")
        self.assertNotIn("verify --run", self.osarchiver("status").stdout)
        # Who runs it by hand sees it without asking.
        self.assertRegex(self.run_on_terminal(), r"\d+ tables had nothing to do")
        self.assert_nothing_lost(before, archive=self.archive)

    def run_on_terminal(self):
        """What `run` shows on a terminal."""
        leader, follower = pty.openpty()
        process = subprocess.Popen(
            osarchiver_runner.command_line(self.config, "run"),
            stdin=subprocess.DEVNULL,
            stdout=follower,
            stderr=follower,
            env=osarchiver_runner.environment(),
        )
        os.close(follower)
        shown = b""
        try:
            while part := os.read(leader, 65536):
                shown += part
        except OSError:
            # Linux says EIO when the last writer has gone.
            pass
        os.close(leader)
        self.assertEqual(process.wait(), 0, shown)
        return shown.decode()

    def test_refused_tables_are_named_and_left_alone(self):
        self.prepare(scale=0.05, exclude_tables=["shadow_*"])
        events = self.db.dump("nova", ["audit_events"])
        log = os.path.join(self.directory, "run.log")
        # No news for cron, night after night; the log and `check` name them.
        self.assert_silent(self.osarchiver("--log-file", log, "run"))
        with open(log, encoding="utf-8") as file:
            self.assertRegex(file.read(), r"nova\.audit_events is left alone: .*key")
        self.assertEqual(self.db.dump("nova", ["audit_events"]), events)
        shadow = self.count("nova.shadow_instance_faults")
        self.assertEqual(shadow, 40)
        check = self.osarchiver("check").stdout
        self.assertRegex(check, r"left alone: nova\.audit_events: .*key")
        self.assertRegex(check, r"left alone: nova\.shadow_instance_faults: .*exclu")
        self.assertIn("everything is in order", check)

    def test_status_file_and_screen(self):
        self.prepare(scale=0.05)
        before_run = self.osarchiver("status")
        self.assertIn("nothing was run yet", before_run.stdout)
        self.run_archiver()
        with open(os.path.join(self.directory, "status.json"), encoding="utf-8") as file:
            written = file.read()
        self.assertEqual(written, self.osarchiver("status", "--json").stdout)
        screen = self.osarchiver("status").stdout
        self.assertLess(len(screen.splitlines()), 25, screen)
        self.assertIn("run 1", screen)
        self.assertIn("next: osarchiver", screen)
        self.assertIn("rows stay", screen)
        blocked = self.osarchiver("status", "--blocked").stdout
        select = re.search(r"all of them: (SELECT .*)", blocked)
        self.assertIsNotNone(select, blocked)
        self.assertEqual(len(self.db.query(select.group(1).rstrip(";"))), 5)


if __name__ == "__main__":
    unittest.main()
