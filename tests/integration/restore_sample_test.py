"""The whole OpenStack-like sample comes back after a run: identical, parents before children, with
foreign keys checked; from all archives, and from the segments alone."""

import unittest

import independent_check
from archiver_case import ArchiverCase
from exact_copy import Contents
from sample import load_sample

DATABASES = ("nova", "cinder")


class RestoreSampleTest(ArchiverCase):
    def contents(self):
        return {name: Contents(self.db, name) for name in DATABASES}

    def assert_same(self, before):
        for name, contents in self.contents().items():
            self.assertEqual(before[name].differences(contents), [])

    def test_everything_comes_back(self):
        load_sample(self.db, seed=7, scale=0.3, live_children=5)
        before = self.contents()
        self.configure(
            DATABASES, source_settings={"batch_rows": 300, "exclude_tables": ["shadow_*"]}
        )
        self.run_archiver(code=None)
        emptied = {name: contents.row_count() for name, contents in self.contents().items()}
        for name in DATABASES:
            self.assertLess(emptied[name], before[name].row_count())
        self.osarchiver("restore", "--run", "last", "--yes")
        self.assert_same(before)
        self.verify()
        self.run_archiver(code=None)
        after = {name: contents.row_count() for name, contents in self.contents().items()}
        self.assertEqual(after, emptied)
        files = [path for path, _ in independent_check.archive_files(self.archives, "csv")]
        self.config = None
        arguments = [part for path in reversed(files) for part in ("--file", path)]
        self.osarchiver("restore", *arguments, "--socket", self.db.socket, "--user", "root", "--yes")
        self.assert_same(before)


if __name__ == "__main__":
    unittest.main()
