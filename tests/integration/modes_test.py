"""The ways to run: delete-only, dry run, limits, signals, several archivers, overrides, exclusions,
few privileges."""

import datetime
import hashlib
import os
import signal
import time
import unittest

import independent_check
import osarchiver_runner
import small_sample
from archiver_case import ArchiverCase

ELIGIBLE = small_sample.ELIGIBLE
TOTAL = sum(ELIGIBLE.values())


class ModesTest(ArchiverCase):
    def setUp(self):
        super().setUp()
        self.before = self.load_small()
        self.configure(source_settings={"batch_rows": 20})

    def tree(self):
        """Every file below the test's directory with its content."""
        found = {}
        for directory, _, names in os.walk(self.directory):
            for name in names:
                with open(os.path.join(directory, name), "rb") as file:
                    found[os.path.join(directory, name)] = hashlib.sha256(file.read()).hexdigest()
        return found

    def server(self):
        databases = [row[0] for row in self.db.query("SHOW DATABASES")]
        return databases, self.db.dump("small")

    def assert_finished_by(self, *arguments):
        """The next run does the rest."""
        self.run_archiver(*arguments)
        self.assert_archived(self.before, ELIGIBLE)
        self.assert_nothing_lost(self.before)
        self.assertEqual({s["result"] for s in self.verify()["segments"]}, {"ok"})

    def test_verify_names_the_damage_of_each_night_in_one_archive_table(self):
        for rows in ("20", "1000"):
            self.run_archiver("--table", "small.labels", "--max-rows", rows)
        self.verify()
        self.db.sql("DELETE FROM small_archive.labels")
        wrong = [d for d in self.verify(code=3)["destinations"] if d["result"] != "ok"]
        self.assertEqual([d["path"] for d in wrong], ["small_archive.labels"] * 2)
        self.assertEqual(len({tuple(d["problems"]) for d in wrong}), 2, wrong)

    def test_delete_only(self):
        self.configure(archive=False, formats=(), source_settings={"archive": False})
        self.assert_silent(self.run_archiver())
        self.assert_archived(self.before, ELIGIBLE)
        self.assertFalse(os.path.exists(self.archives))
        self.assertEqual(self.last_run()["rows"]["deleted"], TOTAL)

    def test_delete_only_takes_what_an_earlier_night_archived(self):
        self.configure(source_settings={"batch_rows": 20, "delete": False})
        self.run_archiver()
        self.configure(archive=False, formats=(), source_settings={"archive": False})
        self.assert_silent(self.run_archiver())
        self.assert_archived(self.before, ELIGIBLE)
        self.assertEqual(self.last_run()["rows"]["deleted"], TOTAL)
        # The journal no longer expects them in the source.
        earlier = self.osarchiver("status", "--run", "1").stdout
        self.assertIn(" 0 archived and kept", earlier)

    def test_delete_only_compares_too(self):
        self.configure(archive=False, formats=(), source_settings={"archive": False})
        hook = self.write_hook(
            "UPDATE small.labels SET deleted_at=NULL, deleted=0 WHERE label='label 40'"
        )
        self.run_archiver("--table", "small.labels", failpoints=f"batch-delete-before={hook}")
        self.assertEqual(self.count("small.labels", "label='label 40'"), 1)

    def test_dry_run_writes_nothing(self):
        tree, server = self.tree(), self.server()
        self.db.sql("FLUSH STATUS")
        result = self.run_archiver("--dry-run")
        self.assertEqual(result.stderr, "")
        exact = self.run_archiver("--dry-run", "--exact")
        self.assertEqual((self.tree(), self.server()), (tree, server))
        for table, rows in ELIGIBLE.items():
            # The children are eligible too, so that no parent is blocked.
            self.assertRegex(
                exact.stdout, rf"small\.{table}: archive and delete[^\n]*\n +{rows} rows"
            )
        # Children come first.
        self.assertLess(
            exact.stdout.index("small.server_tags"), exact.stdout.index("small.servers:")
        )
        self.run_archiver()
        tree, server = self.tree(), self.server()
        again = self.run_archiver("--dry-run", "--exact")
        self.assertEqual((self.tree(), self.server()), (tree, server))
        for table in ELIGIBLE:
            self.assertRegex(again.stdout, rf"small\.{table}: [^\n]*\n +0 rows")

    def test_dry_run_of_what_was_interrupted_writes_nothing(self):
        self.run_archiver(code=-9, failpoints="batch-verified=kill@2")
        tree, server = self.tree(), self.server()
        self.run_archiver("--dry-run")
        self.assertEqual((self.tree(), self.server()), (tree, server))
        self.assert_finished_by()

    def test_dry_run_after_status_knows_what_the_journal_knows(self):
        """Who read the journal leaves an empty log beside it."""
        self.configure(source_settings={"delete": False})
        self.run_archiver()
        self.osarchiver("status")
        self.osarchiver("check")
        tree = self.tree()
        result = self.run_archiver("--dry-run")
        self.assertNotIn("is left out", result.stdout)
        self.assertIn(f"{ELIGIBLE['servers']} are archived already", result.stdout)
        self.assertEqual(self.tree(), tree)

    def test_chosen_tables(self):
        self.run_archiver("--table", "small.labels", "--table", "small.server_tags")
        chosen = {name: ELIGIBLE[name] for name in ("labels", "server_tags")}
        self.assert_archived(self.before, chosen)
        result = self.run_archiver("--table", "small.lables", code=None)
        self.assertIn(result.code, (1, 2))
        self.assertIn("lables", result.stderr)
        self.assert_archived(self.before, chosen)
        self.assert_finished_by("--table", "`small`.`servers`")

    def test_max_rows(self):
        nights = 0
        gone = 0
        while gone < TOTAL:
            self.run_archiver("--max-rows", "50")
            nights += 1
            now = sum(independent_check.archived_rows(self.before, self.db).values())
            self.assertLessEqual(now - gone, 50)
            self.assertGreater(now, gone)
            gone = now
        self.assertEqual(nights, -(-TOTAL // 50))
        self.assert_finished_by()

    def test_max_runtime(self):
        started = time.monotonic()
        self.run_archiver("--max-runtime", "1s", code=5, failpoints="batch-read=run:sleep 0.4")
        self.assertLess(time.monotonic() - started, 10)
        run = self.last_run()
        self.assertEqual((run["state"], run["exit_code"]), ("interrupted", 5))
        self.assertIn("--max-runtime", run["error"])
        self.assertGreater(run["rows"]["deleted"], 0)
        self.assert_nothing_lost(self.before)
        self.assert_finished_by()

    def test_until(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        # A time zone in which it is three seconds to six o'clock.
        target = now.replace(hour=5, minute=59, second=57, microsecond=0)
        west = int((now - target).total_seconds())
        sign = "" if west >= 0 else "-"
        west = abs(west)
        zone = f"XYZ{sign}{west // 3600}:{west // 60 % 60:02d}:{west % 60:02d}"
        started = time.monotonic()
        self.run_archiver(
            "--until", "06:00", code=5, env={"TZ": zone}, failpoints="batch-read=run:sleep 0.5"
        )
        self.assertLess(time.monotonic() - started, 15)
        self.assertIn("--until 06:00", self.last_run()["error"])
        self.assert_finished_by("--until", "06:00")

    def wait_for(self, condition, process):
        """Waits until a run's entry in `status` fulfils the condition."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            runs = self.status()["runs"]
            if runs and condition(runs[0]):
                return
            time.sleep(0.1)
        self.fail(f"the run never came so far: {process.poll()} {self.status()}")

    def test_signals_stop_cleanly(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                self.doCleanups()
                self.setUp()
                self.source["throttle"] = {"max_rows_per_second": 40}
                self.rewrite()
                process = osarchiver_runner.start(self.config, "run")
                self.wait_for(lambda run: run["rows"]["deleted"] > 0, process)
                process.send_signal(number)
                result = osarchiver_runner.finish(process, timeout=20)
                self.assertEqual(result.code, 5, result.stderr)
                run = self.last_run()
                self.assertEqual((run["state"], run["exit_code"]), ("interrupted", 5))
                self.assertIn(signal.Signals(number).name, run["error"])
                # Everything is sealed and accounted for, as at the end of a night. Rows that the
                # throttle still held back are verified, and the next run deletes them.
                self.assertEqual({s["result"] for s in self.verify()["segments"]}, {"ok"})
                self.assertEqual((run["batches"]["extracted"], run["batches"]["archived"]), (0, 0))
                self.assert_nothing_lost(self.before, kept=True)
                gone = sum(independent_check.archived_rows(self.before, self.db).values())
                self.assertLess(gone, TOTAL)
                del self.source["throttle"]
                self.rewrite()
                self.assert_finished_by()

    def test_two_runs_at_once(self):
        first = osarchiver_runner.start(self.config, "run", failpoints="batch-archived=hang@2")
        self.addCleanup(first.communicate)
        self.addCleanup(first.kill)
        self.wait_for(lambda run: run["batches"]["deleted"] > 0, first)
        self.assertEqual(self.last_run()["state"], "running")
        second = self.run_archiver(code=4)
        self.assertIn("main", second.stderr)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        # The lock died with the process, and nobody has to remove a file.
        self.assertEqual(self.last_run()["state"], "interrupted")
        self.assert_finished_by()

    def several(self):
        """Archivers of one journal: labels, servers (with their tags), and one that is off."""
        table_sets = {"labels": ["labels"], "servers": ["servers", "server_tags"]}
        source = self.settings["sources"].pop("db")
        self.settings["archivers"] = {}
        for name, tables in table_sets.items():
            self.settings["sources"][name] = {**source, "tables": tables}
            self.settings["archivers"][name] = {
                "sources": [name],
                "destinations": ["files", "history"],
            }
        self.settings["archivers"]["servers"]["enabled"] = True
        self.rewrite()

    def test_several_archivers_one_after_another(self):
        self.several()
        self.settings["archivers"]["labels"]["enabled"] = False
        self.rewrite()
        self.run_archiver()
        servers = {name: ELIGIBLE[name] for name in ("servers", "server_tags")}
        self.assert_archived(self.before, servers)
        # Named, it runs all the same.
        self.run_archiver("labels")
        self.assert_archived(self.before, ELIGIBLE)
        self.assertEqual(
            {run["archiver"]: run["state"] for run in self.status()["runs"]},
            {"labels": "completed", "servers": "completed"},
        )
        self.assert_nothing_lost(self.before)

    def test_archiver_that_fails_does_not_stop_the_next(self):
        self.several()
        self.settings["sources"]["labels"]["socket"] = "/nonexistent/mysql.sock"
        self.rewrite()
        result = self.run_archiver(code=1)
        self.assertIn("/nonexistent/mysql.sock", result.stderr)
        self.assert_archived(
            self.before, {name: ELIGIBLE[name] for name in ("servers", "server_tags")}
        )

    def test_two_archivers_that_delete_from_one_table(self):
        self.several()
        self.settings["sources"]["servers"]["tables"] = ["*"]
        self.rewrite()
        result = self.osarchiver("run", code=None)
        self.assertIn(result.code, (1, 2), result.stderr)
        self.assertIn("labels", result.stderr)
        self.osarchiver("check", code=result.code)

    def test_overrides_per_table(self):
        self.source["overrides"] = [
            {"tables": "small.labels", "retention": "99 years"},
            {"tables": "*.server_tags", "where": "{deleted_column} <= {cutoff} AND tag = 'a'"},
            {"tables": "small.server_tags", "retention": "99 years"},
        ]
        self.rewrite()
        self.run_archiver()
        # The servers' other tags stay, and the servers with them.
        self.assert_archived(self.before, {"server_tags": ELIGIBLE["server_tags"] // 2})
        tables = {table["table"]: table for table in self.last_run()["tables"]}
        self.assertEqual(tables["servers"]["rows"]["blocked"], ELIGIBLE["servers"])
        self.assert_nothing_lost(self.before)

    def test_where_may_not_widen_the_selection(self):
        self.source["where"] = "TRUE OR 1=1"
        self.rewrite()
        self.run_archiver("--table", "small.labels", code=None)
        live = self.count("small.labels", "deleted=0")
        self.assertEqual(live, LIVE_LABELS)

    def few_privileges(self):
        """Accounts with what README's section Grants says."""
        self.db.create_user("archiver", "secret", "SELECT, DELETE ON small.*")
        self.db.sql("GRANT PROCESS ON *.* TO 'archiver'@'%'")
        self.db.create_user(
            "history", "secret", r"SELECT, INSERT, DELETE, CREATE, ALTER ON `%\_archive`.*"
        )
        self.source.update(user="archiver", password="secret")
        self.settings["destinations"]["history"].update(user="history", password="secret")
        self.rewrite()

    def test_few_privileges_are_enough(self):
        self.few_privileges()
        self.assertIn("everything is in order", self.osarchiver("check").stdout)
        self.assert_silent(self.run_archiver())
        self.assert_archived(self.before, ELIGIBLE)
        self.assert_nothing_lost(self.before)
        # A new column for the archive table, and a row that takes the place of an earlier version.
        self.db.sql(
            "ALTER TABLE small.labels ADD COLUMN colour varchar(10);"
            "INSERT INTO small.labels VALUES ('label 40', 1, NULL, '2020-01-01', 40, 'red');"
        )
        self.assert_silent(self.run_archiver())
        self.assertEqual(self.count("small.labels", "label='label 40'"), 0)
        self.assertEqual(self.count("small_archive.labels", "colour='red'"), 1)
        self.verify()

    def test_columns_that_the_account_may_not_see_are_not_lost(self):
        self.few_privileges()
        self.db.sql(
            "REVOKE ALL PRIVILEGES ON small.* FROM 'archiver'@'%';"
            "GRANT SELECT (label, deleted_at, deleted), DELETE ON small.labels TO 'archiver'@'%'"
        )
        for command in ("check", "run"):
            result = self.osarchiver(command, code=None)
            self.assertIn(result.code, (1, 2), result.stdout)
            self.assertIn("small.labels", result.stderr)
        self.assert_archived(self.before, {})

    def test_each_privilege_is_needed_and_missed_by_check(self):
        self.few_privileges()
        cases = [("archiver", name, "small.*") for name in ("SELECT", "DELETE")]
        cases.append(("archiver", "PROCESS", "*.*"))
        cases += [
            ("history", name, r"`%\_archive`.*")
            for name in ("SELECT", "INSERT", "DELETE", "CREATE", "ALTER")
        ]
        for account, privilege, scope in cases:
            with self.subTest(f"{account} without {privilege}"):
                self.db.sql(f"REVOKE {privilege} ON {scope} FROM '{account}'@'%'")
                result = self.osarchiver("check", code=None)
                self.db.sql(f"GRANT {privilege} ON {scope} TO '{account}'@'%'")
                self.assertIn(result.code, (1, 2), result.stdout)
                self.assertIn(privilege, result.stderr)
        self.osarchiver("check")


LIVE_LABELS = sum(1 for row in small_sample.rows()["labels"][1] if row[-1] == 0)


if __name__ == "__main__":
    unittest.main()
