"""A real replica that lags, is stopped, is locked or cannot be reached: the run waits, says for
what, and goes on when the replica has caught up."""

import time
import unittest

from replica_pair import ReplicaPair
from throttle_case import ThrottleCase

ROWS = 4000


class ReplicaLagTest(ThrottleCase):
    @classmethod
    def setUpClass(cls):
        cls.pair = ReplicaPair()
        cls.addClassCleanup(cls.pair.close)
        cls.db = cls.pair.primary

    def prepare(self, **throttle):
        """A run that takes about ten seconds when nothing holds it up: longer than a replica needs
        to fall behind and the run to see it."""
        self.pair.catch_up()
        before = self.fill(self.db, ROWS, 0.002)
        self.db.sql("DROP TRIGGER slow.t_slow; CREATE TRIGGER slow.t_slow BEFORE DELETE ON slow.t "
                    "FOR EACH ROW DO SLEEP(IF(@@server_id = 1, 0.002, 0))")
        self.pair.catch_up()
        self.configure(
            ["slow"],
            archive=False,
            source_settings={
                "allow_delete_triggers": True,
                "batch_rows": 100,
                "throttle": {
                    "replicas": [{"host": "127.0.0.1", "port": self.pair.replica.port}],
                    "max_replica_lag": "2s",
                    **throttle,
                },
            },
        )
        # Over loopback TCP the replica wants an account.
        self.source["throttle"]["replicas"][0].update(user="watch", password="watch", ssl_verify=False)
        self.pair.replica.create_user("watch", "watch", "REPLICA MONITOR ON *.*")
        self.use_log_file()
        return before

    @property
    def name(self):
        return f"replica 127.0.0.1:{self.pair.replica.port}"

    def start_and_wait_for_rows(self):
        self.begin()
        self.wait_for("the first rows", lambda: self.rows_left(self.db) < ROWS)

    def finish(self, before):
        self.end()
        self.assertEqual(self.rows_left(self.db), 0)
        self.assert_nothing_lost(before)
        self.pair.catch_up()
        self.assertEqual(self.rows_left(self.pair.replica), 0)

    def test_a_replica_that_keeps_up_holds_nothing_up(self):
        before = self.prepare()
        started = time.monotonic()
        self.begin()
        self.finish(before)
        with open(self.settings["log"]["file"], encoding="utf-8") as file:
            self.assertNotIn("waiting:", file.read())
        self.assertLess(time.monotonic() - started, 60)

    def test_a_stopped_replica_counts_as_lagging(self):
        before = self.prepare()
        self.start_and_wait_for_rows()
        self.assertIn(self.name + ": keeps up", self.osarchiver("check").stdout)
        self.pair.stop()
        self.assertIsNone(self.pair.seconds_behind())
        self.assertIn(self.name + " is stopped", self.osarchiver("check", code=1).stderr)
        self.wait_for_reason(self.name + " is stopped")
        self.assert_shown_everywhere(self.name + " is stopped")
        self.assert_stands_still(self.db, 3)
        self.pair.catch_up()
        self.finish(before)

    def test_a_delayed_replica(self):
        before = self.prepare()
        self.start_and_wait_for_rows()
        self.pair.delay(12)
        self.wait_for_reason(self.name + r" lags \d+ s")
        self.assert_stands_still(self.db, 2)
        lag = self.pair.seconds_behind()
        self.assertGreater(lag, 2)
        self.pair.catch_up()
        self.finish(before)

    def test_a_locked_replica_whose_threads_both_run(self):
        before = self.prepare()
        self.start_and_wait_for_rows()
        self.pair.lock()
        self.wait_for_reason(self.name + r" lags \d+ s")
        self.assert_stands_still(self.db, 2)
        self.pair.unlock()
        self.finish(before)

    def test_a_replica_that_is_down_counts_as_lagging(self):
        before = self.prepare()
        self.start_and_wait_for_rows()
        self.pair.replica.stop()
        try:
            self.wait_for_reason(self.name + " does not answer")
            self.assert_stands_still(self.db, 2)
            started = time.monotonic()
            self.process.terminate()
            self.end(code=5)
            self.assertLess(time.monotonic() - started, 4)
        finally:
            self.pair.replica.start()
        self.run_archiver()
        self.assertEqual(self.rows_left(self.db), 0)
        self.assert_nothing_lost(before)

    def test_a_server_that_is_no_replica(self):
        self.prepare()
        self.source["throttle"]["replicas"] = [
            {"socket": self.db.socket, "user": "root", "host": "localhost"}
        ]
        self.rewrite()
        self.begin()
        self.wait_for_reason("replicates nothing")
        self.assertEqual(self.rows_left(self.db), ROWS)
        self.process.terminate()
        self.end(code=5)


if __name__ == "__main__":
    unittest.main()
