"""What the throttle tests share: a table that takes some seconds to archive, and looking at a run
from outside while it waits."""

import json
import os
import re
import signal
import time

import independent_check
import osarchiver_runner
from archiver_case import ArchiverCase

OLD = "'2020-01-01' + INTERVAL seq SECOND"


class ThrottleCase(ArchiverCase):
    """self.process is a run that was started with begin()."""

    def setUp(self):
        super().setUp()
        self.process = None
        self.addCleanup(self.end_process)

    def end_process(self):
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            osarchiver_runner.finish(self.process)

    def fill(self, server, rows, per_row_s=0.0, tables=("t",)):
        """Tables of database `slow` with `rows` eligible rows each and some that stay; deleting a
        row takes `per_row_s`. Returns the snapshot."""
        sql = ["DROP DATABASE IF EXISTS slow_archive; CREATE OR REPLACE DATABASE slow; USE slow;"]
        for name in tables:
            sql.append(
                f"CREATE TABLE {name} (id int PRIMARY KEY, name varchar(200), deleted_at datetime) "
                f"ENGINE=InnoDB; INSERT INTO {name} SELECT seq, SHA2(seq, 512), {OLD} "
                f"FROM seq_1_to_{rows}; INSERT INTO {name} SELECT 1000000 + seq, 'stays', NULL "
                "FROM seq_1_to_10;"
            )
            if per_row_s:
                sql.append(
                    f"CREATE TRIGGER {name}_slow BEFORE DELETE ON {name} FOR EACH ROW "
                    f"DO SLEEP({per_row_s});"
                )
        server.sql("\n".join(sql))
        return independent_check.snapshot(server, databases=["slow"])

    def begin(self, *arguments):
        self.process = osarchiver_runner.start(self.config, "run", *arguments)

    def end(self, code=0, timeout=120):
        result = osarchiver_runner.finish(self.process, timeout)
        if code is not None:
            self.assertEqual(result.code, code, result.stderr)
        return result

    def waiting(self):
        """What `status --json` says that the run waits for; None when it does not."""
        runs = self.status()["runs"]
        return runs[0]["waiting"] if runs else None

    def wait_for(self, what, condition, timeout=30):
        """Polls until condition() is true; the run must not end meanwhile."""
        deadline = time.monotonic() + timeout
        while not condition():
            if self.process.poll() is not None:
                result = osarchiver_runner.finish(self.process)
                self.fail(f"the run ended ({result.code}) before {what}: {result.stderr}")
            self.assertLess(time.monotonic(), deadline, f"{what} never came; {self.waiting()}")
            time.sleep(0.1)

    def wait_for_reason(self, pattern, timeout=30):
        """Until status says that the run waits for something that matches; returns the text."""
        self.wait_for(
            f"waiting for {pattern}", lambda: re.search(pattern, self.waiting() or ""), timeout
        )
        return self.waiting()

    def assert_shown_everywhere(self, pattern):
        """Status as text, status.json beside the journal, and the log name the reason."""
        self.assertRegex(self.osarchiver("status").stdout, "waiting: .*" + pattern)
        path = os.path.join(os.path.dirname(self.state), "status.json")

        def in_file():
            if not os.path.exists(path):
                return False
            with open(path, encoding="utf-8") as file:
                return re.search(pattern, json.load(file)["runs"][0]["waiting"] or "")

        self.wait_for("status.json", in_file, 15)
        with open(self.settings["log"]["file"], encoding="utf-8") as file:
            self.assertRegex(file.read(), "waiting: .*" + pattern)

    def rows_left(self, server, table="slow.t"):
        return int(server.value(f"SELECT COUNT(*) FROM {table} WHERE deleted_at IS NOT NULL"))

    def assert_stands_still(self, server, seconds, table="slow.t"):
        """Nothing is deleted for so long, once what was under way has come to its end."""
        time.sleep(1)
        before = self.rows_left(server, table)
        self.assertGreater(before, 0, "the run was through before it had to wait")
        time.sleep(seconds)
        self.assertEqual(self.rows_left(server, table), before)

    def use_log_file(self):
        self.settings["log"]["file"] = os.path.join(self.directory, "osarchiver.log")
        self.rewrite()
