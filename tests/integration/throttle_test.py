"""How a run is slowed down on one server: the pause file, rows per second, running threads, undo
history, its own slow transactions; and how a wait ends."""

import contextlib
import os
import signal
import statistics
import subprocess
import time
import unittest

from throttle_case import ThrottleCase


# A transaction takes what it may, however slow the machine is.
NEVER_CUT = "60s"


class ThrottleTest(ThrottleCase):
    server_options = {"extra": ["--innodb-purge-threads=1", "--thread-pool-size=1"]}

    def prepare(self, rows=2000, per_row_s=0.002, batch_rows=100, tables=("t",),
                delete_target="250ms", **throttle):
        before = self.fill(self.db, rows, per_row_s, tables)
        self.configure(
            ["slow"],
            archive=False,
            source_settings={
                "batch_rows": batch_rows, "throttle": throttle, "allow_delete_triggers": True,
                "delete_target": delete_target,
            },
        )
        self.use_log_file()
        return before

    @property
    def pause_file(self):
        return os.path.join(self.directory, "pause")

    def touch_pause_file(self):
        with open(self.pause_file, "w", encoding="utf-8"):
            pass

    def test_pause_file_pauses_says_so_and_resumes(self):
        before = self.prepare(pause_file=self.pause_file)
        self.begin()
        self.wait_for("the first rows", lambda: self.rows_left(self.db) < 2000)
        self.touch_pause_file()
        self.wait_for_reason("pause file " + self.pause_file)
        self.assert_shown_everywhere("pause file " + self.pause_file)
        self.assert_stands_still(self.db, 3)
        os.remove(self.pause_file)
        self.end()
        self.assertEqual(self.rows_left(self.db), 0)
        self.assert_nothing_lost(before)
        with open(self.settings["log"]["file"], encoding="utf-8") as file:
            self.assertIn("going on after", file.read())
        self.assertIsNone(self.waiting())

    def test_a_paused_run_ends_at_once_and_the_next_goes_on(self):
        for how in ("SIGTERM", "--max-runtime"):
            with self.subTest(how):
                before = self.prepare(pause_file=self.pause_file)
                self.begin(*(["--max-runtime", "15s"] if how == "--max-runtime" else []))
                started = time.monotonic()
                self.wait_for("the first rows", lambda: self.rows_left(self.db) < 2000)
                self.touch_pause_file()
                self.wait_for_reason("pause file")
                if how == "SIGTERM":
                    started = time.monotonic()
                    self.process.send_signal(signal.SIGTERM)
                left = self.rows_left(self.db)
                self.assertGreater(left, 0)
                self.end(code=5)
                limit = 4 if how == "SIGTERM" else 18
                self.assertLess(time.monotonic() - started, limit)
                # Who paused it gets no burst of deletes on its way out: one transaction may have
                # been under way.
                self.assertGreaterEqual(self.rows_left(self.db), left - 100)
                # What is archived and was not deleted any more stays for the next run.
                self.assert_nothing_lost(before, kept=True)
                os.remove(self.pause_file)
                self.run_archiver()
                self.assertEqual(self.rows_left(self.db), 0)
                self.assert_nothing_lost(before)
                self.doCleanups()
                self.setUp()

    def test_a_second_run_is_refused_before_it_asks_the_server(self):
        self.prepare(pause_file=self.pause_file)
        self.touch_pause_file()
        self.begin()
        self.wait_for_reason("pause file")

        def connections():
            return int(self.db.query("SHOW GLOBAL STATUS LIKE 'Connections'")[0][1])

        before = connections()
        result = self.run_archiver(code=4)
        self.assertIn("another run of archiver 'main' holds the lock", result.stderr)
        self.assertEqual(connections(), before)
        os.remove(self.pause_file)
        self.end()

    def test_settling_waits_too(self):
        before = self.prepare(pause_file=self.pause_file)
        self.run_archiver(code=-signal.SIGKILL, failpoints="batch-commit-after=kill@3")
        left = self.rows_left(self.db)
        self.touch_pause_file()
        self.begin()
        self.wait_for_reason("pause file")
        self.assert_stands_still(self.db, 1)
        self.assertEqual(self.rows_left(self.db), left)
        self.process.send_signal(signal.SIGTERM)
        self.end(code=5)
        self.assertEqual(self.rows_left(self.db), left)
        os.remove(self.pause_file)
        self.run_archiver()
        self.assertEqual(self.rows_left(self.db), 0)
        self.assert_nothing_lost(before)

    def test_rows_per_second(self):
        rate = 400
        before = self.prepare(rows=rate * 8, per_row_s=0, max_rows_per_second=rate)
        self.begin()
        self.wait_for("the first rows", lambda: self.rows_left(self.db) < rate * 8)
        begin, left = time.monotonic(), self.rows_left(self.db)
        time.sleep(5)
        rows = left - self.rows_left(self.db)
        seconds = time.monotonic() - begin
        self.assertLess(abs(rows / seconds / rate - 1), 0.1, f"{rows} rows in {seconds} s")
        self.assert_shown_everywhere(f"max_rows_per_second {rate}")
        self.end()
        self.assert_nothing_lost(before)
        # One line for the whole time, not one for each step.
        with open(self.settings["log"]["file"], encoding="utf-8") as file:
            self.assertEqual(file.read().count("waiting: max_rows_per_second"), 1)

    def test_rows_per_second_hold_for_archive_only_and_for_several_tables(self):
        rate = 1000
        for settings in ({"delete": False}, {"table_workers": 3, "delete_connections": 2}):
            with self.subTest(settings):
                self.prepare(1500, 0, tables=("t", "u", "v"), max_rows_per_second=rate)
                self.source.update(settings)
                self.rewrite()
                started = time.monotonic()
                self.run_archiver()
                seconds = time.monotonic() - started
                # Nothing waits after the last step of a tenth of a second that each connection does.
                steps = settings.get("table_workers", 1) * settings.get("delete_connections", 1)
                self.assertGreater(seconds, (4500 - steps * rate / 10) / rate)
                self.assertLess(seconds, 1.1 * 4500 / rate + 1.5)
                self.doCleanups()
                self.setUp()

    def test_running_threads(self):
        before = self.prepare(max_threads_running=6)
        self.begin()
        self.wait_for("the first rows", lambda: self.rows_left(self.db) < 2000)
        sleepers = [
            subprocess.Popen(self.db.client("-e", "SELECT SLEEP(6)"), stdout=subprocess.DEVNULL)
            for _ in range(8)
        ]
        self.wait_for_reason(r"\d+ threads are running \(max_threads_running 6\)")
        self.assert_stands_still(self.db, 1)
        self.end()
        for sleeper in sleepers:
            sleeper.wait()
        self.assertEqual(self.rows_left(self.db), 0)
        self.assert_nothing_lost(before)

    @contextlib.contextmanager
    def somebody_busy(self):
        """A statement of another account runs for so long."""
        self.db.sql(
            "CREATE OR REPLACE USER service@localhost; GRANT ALL ON *.* TO service@localhost"
        )
        # The account's name comes last, and wins.
        busy = subprocess.Popen(self.db.client("-e", "SELECT SLEEP(600)") + ["--user=service"])
        time.sleep(1)
        try:
            yield
        finally:
            busy.kill()
            busy.wait()
            self.db.sql("KILL USER service@localhost")

    def log_deletes(self):
        self.db.sql(
            "SET GLOBAL log_output='TABLE', slow_query_log=1, long_query_time=0; "
            "TRUNCATE mysql.slow_log"
        )
        self.addCleanup(self.db.sql, "SET GLOBAL slow_query_log=0")

    def rows_of_deletes(self):
        """As their LIMIT says: the keys of each."""
        rows = [
            int(statement.split(" LIMIT ")[1].split()[0])
            for (statement,) in self.db.query(
                "SELECT CONVERT(sql_text USING utf8mb4) FROM mysql.slow_log "
                "WHERE sql_text LIKE 'DELETE%slow%' ORDER BY start_time"
            )
        ]
        print("rows of each DELETE:", *rows)
        return rows

    def test_yields_to_other_accounts_where_there_are_not_processors_for_all(self):
        before = self.prepare(per_row_s=0.001, batch_rows=1000, delete_target=NEVER_CUT)
        self.log_deletes()
        with self.somebody_busy():
            self.begin()
            self.wait_for_reason(r"1.0 statements of others run on 1 processor")
            self.wait_for("some rows", lambda: self.rows_left(self.db) < 2000)
        # They went: the rest goes as fast as it can, a second later.
        self.end(timeout=60)
        self.assertEqual(self.rows_left(self.db), 0)
        self.assert_nothing_lost(before)
        self.assertEqual(self.rows_of_deletes()[:2], [100, 100])

    def test_yields_to_nobody_where_it_shall_not(self):
        before = self.prepare(per_row_s=0, batch_rows=1000, delete_target=NEVER_CUT, **{"yield": False})
        self.log_deletes()
        with self.somebody_busy():
            result = self.run_archiver()
        self.assertNotIn("statements of others", result.stderr)
        self.assertEqual(self.rows_of_deletes(), [1000, 1000])
        self.assert_nothing_lost(before)

    def test_undo_history(self):
        before = self.prepare(max_history_list_length=300)
        # A read view that keeps undo from being purged, and changes that make it long.
        self.db.sql("CREATE TABLE busy (id int PRIMARY KEY, n int); INSERT INTO busy "
                    "SELECT seq, 0 FROM seq_1_to_100", "slow")
        view = subprocess.Popen(self.db.client(), stdin=subprocess.PIPE, text=True)
        view.stdin.write(
            "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT; SELECT SLEEP(1);\n"
        )
        view.stdin.flush()
        time.sleep(0.5)
        self.db.sql("".join(f"UPDATE slow.busy SET n = {n};\n" for n in range(800)))
        self.db.sql("DELETE FROM slow.busy WHERE id > 0")
        self.begin()
        self.wait_for_reason(r"the undo history is \d+ long \(max_history_list_length 300\)")
        self.assertEqual(self.rows_left(self.db), 2000)
        view.stdin.close()
        view.wait()
        self.end(timeout=90)
        self.assertEqual(self.rows_left(self.db), 0)
        self.assert_nothing_lost(before)

    def test_transactions_settle_near_the_target(self):
        """Each row takes 10 ms: 25 rows fill the target of 250 ms."""
        before = self.prepare(rows=900, per_row_s=0.01, batch_rows=300)
        self.log_deletes()
        self.run_archiver()
        deletes = [
            float(seconds)
            for (seconds,) in self.db.query(
                "SELECT TIME_TO_SEC(query_time) FROM mysql.slow_log "
                "WHERE sql_text LIKE 'DELETE%slow%' ORDER BY start_time"
            )
        ]
        print("seconds of each DELETE:", " ".join(f"{seconds:.2f}" for seconds in deletes))
        self.assertGreater(len(deletes), 15)
        settled = deletes[5:]
        self.assertLess(abs(statistics.median(settled) - 0.25), 0.1)
        self.assertLess(max(settled), 0.5)
        self.assert_nothing_lost(before)

    def test_own_slow_transactions_are_rested_after(self):
        # A row alone takes longer than four times the target: smaller transactions cannot help.
        before = self.prepare(rows=5, per_row_s=1.2, batch_rows=1)
        started = time.monotonic()
        self.begin()
        self.wait_for_reason(r"a transaction took \d+ ms, more than 1000 ms")
        self.end()
        # Half of the time is the others'.
        self.assertGreater(time.monotonic() - started, 2 * 5 * 1.2 * 0.8)
        self.assert_nothing_lost(before)


if __name__ == "__main__":
    unittest.main()
