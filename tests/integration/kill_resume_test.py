"""kill -9 at every named place of a run, then the next run: the end is the same as without a kill."""

import unittest

from kill_case import SETTLING, KillCase, failpoints

# Not on the way of a run: reached while settling (kill_twice_test.py), or in other commands.
ELSEWHERE = {
    "file-truncate-before",
    "file-truncate-after",
    "file-remove-before",
    "file-remove-after",
    "settle-cut-before",
    "settle-batch-forgotten",
    # An archive table that stands already, or holds an earlier version.
    "archive-alter-before",
    "archive-alter-after",
    "archive-supersede-before",
    "archive-supersede-after",
    # Archive-only batches, and their rows when they are deleted later (release_test.py).
    "batch-kept",
    "release-begun",
    "restore-insert-before",
    "restore-insert-after",
    "restore-commit-before",
    "restore-commit-after",
}


class KillResumeTest(KillCase):
    """Work is divided over the test methods, so that a failure names its place."""

    def on_the_way(self, *prefixes):
        places = [
            name
            for name in failpoints()
            if name not in SETTLING | ELSEWHERE and name.split("-")[0] in prefixes
        ]
        self.assertTrue(places)
        return places

    def test_every_failpoint_has_a_test(self):
        groups = {"file", "directory", "journal", "run", "pass", "checksums", "batch", "segment"}
        groups |= {"archive"}
        unknown = {
            name
            for name in failpoints()
            if name not in SETTLING | ELSEWHERE and name.split("-")[0] not in groups
        }
        self.assertEqual(unknown, set())

    def test_killed_between_the_steps_of_a_batch(self):
        self.check_kills(self.on_the_way("batch"))

    def test_killed_between_calls_on_files(self):
        self.check_kills(self.on_the_way("file", "directory"))

    def test_killed_around_the_journal_and_the_run(self):
        self.check_kills(self.on_the_way("journal", "run", "pass", "checksums"))

    def test_killed_around_segments(self):
        self.check_kills(self.on_the_way("segment"))

    def test_killed_around_the_archive_database(self):
        self.check_kills(self.on_the_way("archive"))

    def test_killed_at_every_journal_commit(self):
        reached = True
        number = 1
        while reached:
            with self.subTest(number=number):
                self.reset()
                reached = self.check_kill("journal-commit-after", number)
            number += 3
        # A run of ten batches commits more often than that.
        self.assertGreater(number, 30)


if __name__ == "__main__":
    unittest.main()
