"""What the tests share that kill osarchiver at a named place and run it again."""

import re
import signal

import osarchiver_runner
import small_sample
from archiver_case import ArchiverCase

# Reached while settling only.
SETTLING = {"settle-begin", "settle-batch-before", "settle-batch-after", "settle-end"}


def failpoints():
    """All names that the binary knows."""
    return osarchiver_runner.run(None, "failpoints").stdout.split()


# What a file destination keeps: the marker, segments and their checksum lists, and below .osarchiver/ one record of
# the last run for each archiver and journal, and the journal's copy (src/destination/archive_root.h). Whole names, so
# that a temporary file of any of them is a leftover.
KEPT = re.compile(
    r"osarchiver\.json"
    r"|main/\d{4}-\d\d-\d\d/(?!\.)[^/]+\.(?:sql|csv)\.zst"
    r"|main/\d{4}-\d\d-\d\d/[^/.]+\.sha256"
    r"|\.osarchiver/main\.[0-9a-f]{32}\.json"
    r"|\.osarchiver/[0-9a-f]{32}\.db"
)


class KillCase(ArchiverCase):
    """A small database with SQL, CSV and an archive database, in batches of 50 rows."""

    def setUp(self):
        super().setUp()
        self.before = self.load_small()
        self.configure(source_settings={"batch_rows": 50}, file_settings={"segment_bytes": "1GiB"})

    def reset(self):
        """Everything as in setUp, for the next case of the same test."""
        self.doCleanups()
        self.setUp()

    def kill_at(self, place, number=1, arguments=()):
        """Runs into the failpoint. Returns whether it was reached."""
        result = self.run_archiver(*arguments, code=None, failpoints=f"{place}=kill@{number}")
        self.assertIn(result.code, (0, -signal.SIGKILL), result.stderr)
        return result.code != 0

    def assert_same_end(self):
        """What a run without a kill leaves, whatever came before."""
        self.assert_archived(self.before, small_sample.ELIGIBLE)
        self.assert_nothing_lost(self.before)
        verified = self.verify()
        results = {finding["result"] for finding in verified["segments"]}
        self.assertEqual(results, {"ok"}, verified)
        self.assertEqual({finding["result"] for finding in verified["destinations"]}, {"ok"})
        run = self.last_run()
        self.assertEqual((run["state"], run["exit_code"]), ("completed", 0))
        leftovers = [
            name
            for name in self.archive_files()
            if not KEPT.fullmatch(name)
        ]
        self.assertEqual(leftovers, [])

    def check_kill(self, place, number):
        reached = self.kill_at(place, number)
        if reached:
            killed = self.status()["runs"]
            if killed:
                # Its process is dead; nobody has to tell the journal.
                self.assertIn(killed[0]["state"], ("interrupted", "completed"))
            self.run_archiver()
        self.assert_same_end()
        return reached

    def check_kills(self, chosen):
        unreached = []
        for place in chosen:
            for number in (1, 2):
                with self.subTest(f"{place}@{number}"):
                    self.reset()
                    if not self.check_kill(place, number) and number == 1:
                        unreached.append(place)
        self.assertEqual(unreached, [], "failpoints that a run should pass")
