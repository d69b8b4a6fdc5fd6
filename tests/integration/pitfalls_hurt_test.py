"""How archivers hurt the database or its operator: one test for each way that no other file tests.
The number of a test is that of the pitfall."""

import os
import threading
import time
import unittest

import independent_check
import osarchiver_runner
import small_sample
from pitfall_case import OLD, PitfallCase
from private_mariadb import PrivateMariadb

ELIGIBLE = small_sample.ELIGIBLE


class HurtTest(PitfallCase):
    def setUp(self):
        super().setUp()
        self.before = self.load_small()
        self.configure(source_settings={"batch_rows": 20})

    def test_36_transactions_are_small(self):
        before = self.counters()
        self.run_archiver()
        batches = self.last_run()["batches"]["deleted"]
        self.assertGreaterEqual(batches, sum(ELIGIBLE.values()) // 20)
        self.assertGreaterEqual(self.counters()["commits"] - before["commits"], batches)

    def test_37_nothing_is_open_while_something_slow_happens(self):
        log = os.path.join(self.directory, "transactions")
        script = os.path.join(self.directory, "look.sh")
        client = " ".join(self.db.client("--batch", "--skip-column-names"))
        with open(script, "w", encoding="utf-8") as file:
            file.write(
                f'{client} -e "SELECT trx_query, trx_rows_modified FROM information_schema.INNODB_TRX" >>{log}\n'
                f"echo looked >>{log}\n"
            )
        # One table in one batch, so that no other stage works beside the one that is looked at.
        self.source["batch_rows"] = 1000
        self.rewrite()
        for place in (
            "batch-read",
            "batch-store-before",
            "batch-readback-before",
            "batch-verified",
        ):
            self.run_archiver(
                "--table", "small.labels", "--max-rows", "10", failpoints=f"{place}=run:sh {script}"
            )
        with open(log, encoding="utf-8") as file:
            lines = file.read().split("\n")[:-1]
        self.assertGreaterEqual(lines.count("looked"), 4)
        self.assertEqual(set(lines), {"looked"})

    def test_39_no_offset_paging_and_no_filesort(self):
        rows = 20000
        self.make(
            "CREATE TABLE large (a int, b varchar(20), deleted_at datetime, PRIMARY KEY (a, b));"
            f"INSERT INTO large SELECT seq % 100, seq, IF(seq % 3, {OLD}, NULL) FROM seq_1_to_{rows};"
        )
        self.configure(["pit"], archive=False, source_settings={"batch_rows": 200})
        started = self.counters()
        self.run_archiver()
        ended = self.counters()
        # A scan to select, one to count what stays, and the deletes; a page by OFFSET would read
        # hundreds of times as many.
        self.assertLess(ended["reads"] - started["reads"], 10 * rows)
        self.assertLess(ended["sorted"] - started["sorted"], rows)

    def counters(self):
        status = dict(self.db.query("SHOW GLOBAL STATUS"))
        reads = (
            "Handler_read_next",
            "Handler_read_rnd_next",
            "Handler_read_rnd",
            "Handler_read_prev",
        )
        return {
            "reads": sum(int(status[name]) for name in reads),
            "sorted": int(status["Sort_rows"]),
            "commits": int(status["Com_commit"]),
        }

    def test_42_stale_lock_does_not_block(self):
        self.run_archiver(code=-9, failpoints="batch-deleted=kill@2")
        self.run_archiver()
        self.assert_archived(self.before, ELIGIBLE)

    def test_43_secrets_and_values_stay_inside(self):
        self.db.create_user("archiver", "pa55word-source")
        self.db.create_user("history", "pa55word-archive")
        self.source.update(user="archiver", password="${OSA_TEST_PASSWORD}")
        self.settings["destinations"]["history"].update(user="history", password="pa55word-archive")
        # A duplicate in a unique key of the archive makes the server quote a value in its message.
        self.db.sql(
            "UPDATE small.labels SET data='my-private-data' WHERE label='label 40';"
            "CREATE DATABASE small_archive; USE small_archive; CREATE TABLE labels LIKE small.labels;"
            "ALTER TABLE labels ADD UNIQUE KEY (data); INSERT INTO labels VALUES ('other', 1, 'my-private-data', NULL, 0);"
        )
        self.rewrite()
        log = os.path.join(self.directory, "osarchiver.log")
        result = self.osarchiver(
            "--log-file",
            log,
            "--debug",
            "run",
            code=None,
            env={"OSA_TEST_PASSWORD": "pa55word-source"},
        )
        status = self.osarchiver(
            "status", "--json", code=None, env={"OSA_TEST_PASSWORD": "x"}
        ).stdout
        said = result.stdout + result.stderr + status
        with open(log, encoding="utf-8", errors="replace") as file:
            said += file.read()
        for name in os.listdir(self.directory):
            if name.startswith(("state.db", "status.json")):
                with open(os.path.join(self.directory, name), encoding="latin1") as file:
                    said += file.read()
        self.assertNotIn("pa55word", said)
        self.assertNotIn("my-private-data", said)
        for directory, names, files in os.walk(self.directory):
            for name in names + files:
                path = os.path.join(directory, name)
                if name not in ("status.json",) and not name.endswith(".sh"):
                    self.assertEqual(os.stat(path).st_mode & 0o007, 0, path)

    def test_47_locks_of_live_rows_do_not_matter(self):
        # Number 43 lives, between others that go.
        self.hold_lock("label = 'label 43'")
        started = time.monotonic()
        self.run_archiver("--table", "small.labels")
        self.assertLess(time.monotonic() - started, 5)
        self.assert_archived(self.before, {"labels": ELIGIBLE["labels"]})

    def test_47_one_row_of_a_composite_key(self):
        self.db.sql(
            "CREATE TABLE small.pairs (a int, b int, deleted_at datetime, PRIMARY KEY (a, b)); "
            "INSERT INTO small.pairs SELECT seq, seq, IF(seq = 5000, '2015-01-01', NULL) "
            "FROM seq_1_to_9000; ANALYZE TABLE small.pairs"
        )
        self.hold_lock("a = 7 AND b = 7", table="small.pairs")
        started = time.monotonic()
        self.run_archiver("--table", "small.pairs")
        self.assertLess(time.monotonic() - started, 5)
        self.assertEqual(self.count("small.pairs"), 8999)

    def hold_lock(self, condition, table="small.labels"):
        """Somebody locks rows and does not let go until end_sleepers() or the end of the test."""
        script = f"BEGIN; SELECT * FROM {table} WHERE {condition} FOR UPDATE; SELECT SLEEP(60);"
        holder = threading.Thread(target=lambda: self.db.sql(script, check=False))
        holder.start()
        self.addCleanup(holder.join)
        self.addCleanup(self.end_sleepers)
        deadline = time.monotonic() + 30
        while not self.db.query(
            "SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_rows_locked > 0"
        ):
            self.assertLess(time.monotonic(), deadline)
            # InnoDB shows news only to who has not asked for a tenth of a second.
            time.sleep(0.2)

    def end_sleepers(self):
        for (number,) in self.db.query(
            "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP%'"
        ):
            self.db.sql(f"KILL {number}", check=False)

    def test_47_locked_row_is_left_for_the_next_night(self):
        self.hold_lock("label = 'label 40'")
        self.source["session"] = {"innodb_lock_wait_timeout": 1}
        self.rewrite()
        started = time.monotonic()
        result = self.run_archiver("--table", "small.labels", "--max-runtime", "4s", code=None)
        # Whoever holds the lock does not hold osarchiver beyond the end of its night.
        self.assertLess(time.monotonic() - started, 20)
        self.assertIn(result.code, (1, 5), result.stderr)
        self.assertIn("small.labels", result.stderr)
        self.assertEqual(self.count("small.labels", "label='label 40'"), 1)
        self.assert_nothing_lost(self.before, kept=True)
        self.end_sleepers()
        self.run_archiver()
        self.assert_archived(self.before, ELIGIBLE)
        self.assert_nothing_lost(self.before)

    def test_47_statement_based_binary_log(self):
        with PrivateMariadb(
            profile="fast", binlog=True, extra=["--binlog-format=STATEMENT"]
        ) as server:
            server.sql(small_sample.statements())
            server.create_user("plain", "secret", "SELECT, DELETE, PROCESS ON *.*")
            before = independent_check.snapshot(server, databases=["small"])
            self.configure(archive=False)
            self.source.update(socket=server.socket, user="plain", password="secret")
            self.rewrite()
            result = self.run_archiver(code=None)
            self.assertIn(result.code, (0, 1), result.stderr)
            if result.code == 1:
                self.assertIn("binlog_format", result.stderr)
                check = self.osarchiver("check", code=1)
                self.assertIn("binlog_format", check.stderr)
            problems = (
                independent_check.check(
                    before, server, files=self.archives, scratch=self.db, kept=result.code == 1
                )
                if os.path.isdir(self.archives)
                else []
            )
            self.assertEqual(problems, [])

    def test_server_goes_away_and_comes_back(self):
        with PrivateMariadb(profile="durable") as server:
            server.sql(small_sample.statements())
            before = independent_check.snapshot(server, databases=["small"])
            self.configure(archive=False, source_settings={"batch_rows": 20})
            self.source["socket"] = server.socket
            self.rewrite()
            process = osarchiver_runner.start(
                self.config, "run", failpoints="batch-read=run:sleep 0.2"
            )
            time.sleep(1)
            server.kill9()
            server.start()
            result = osarchiver_runner.finish(process)
            self.assertIn(result.code, (0, 1), result.stderr)
            self.run_archiver()
            problems = independent_check.check(before, server, files=self.archives, scratch=self.db)
            self.assertEqual(problems, [])
            gone = independent_check.archived_rows(before, server)
            self.assertEqual(sum(gone.values()), sum(ELIGIBLE.values()))


if __name__ == "__main__":
    unittest.main()
