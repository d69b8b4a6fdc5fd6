"""Rows that were put back with --hold stay, whatever gets another name in the configuration or in the
source: either the hold counts under the new name, or nothing is deleted and somebody is told."""

import unittest

import small_sample
from archiver_case import ArchiverCase

TOTAL = sum(small_sample.ELIGIBLE.values())
SERVERS = small_sample.ELIGIBLE["servers"]


class HoldsTest(ArchiverCase):
    def setUp(self):
        super().setUp()
        self.load_small()
        self.configure()
        self.run_archiver()
        self.osarchiver("restore", "--run", "last", "--hold", "--yes")
        self.held = self.rows()

    def rows(self):
        return {table: self.count(f"small.{table}") for table in small_sample.ELIGIBLE}

    def rename(self, section, name, later):
        self.settings[section][later] = self.settings[section].pop(name)

    def test_the_archiver_was_renamed(self):
        self.rename("archivers", "main", "other")
        self.rewrite()
        self.assertIn(f"{SERVERS} are held (restore --hold) and stay",
                      self.run_archiver("--dry-run").stdout)
        self.run_archiver()
        self.assertEqual(self.rows(), self.held)


if __name__ == "__main__":
    unittest.main()
