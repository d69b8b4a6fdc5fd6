"""restore takes a batch from any copy that it can reach, and tells one that it cannot reach from
one that is damaged."""

import os
import shutil
import unittest

import small_sample
from archiver_case import ArchiverCase


class RestoreSourcesTest(ArchiverCase):
    def setUp(self):
        super().setUp()
        self.before = self.load_small()
        self.configure()
        self.run_archiver()

    def restore(self, code=0):
        result = self.osarchiver("restore", "--run", "last", "--yes", code=code)
        return result.stdout + result.stderr

    def lose_everything(self):
        self.load_small()
        shutil.rmtree(self.archives)
        for name in os.listdir(self.directory):
            if name.startswith("state.db"):
                os.remove(os.path.join(self.directory, name))

    def unmount(self):
        os.rename(self.archives, self.archives + ".away")
        os.mkdir(self.archives)

    def stop_history(self):
        history = self.settings["destinations"]["history"]
        history["socket"] = os.path.join(self.directory, "nobody.sock")
        self.rewrite()

    def assert_all_back(self):
        self.assertEqual(
            sum(self.count(f"small.{table}") for table in small_sample.ELIGIBLE),
            sum(len(self.before[(small_sample.DATABASE, table)].rows)
                for table in small_sample.ELIGIBLE),
        )

    def test_a_database_that_is_down_is_no_matter_while_files_are_there(self):
        # A journal that has known the database for longer: its copies come first.
        self.lose_everything()
        self.configure(formats=())
        self.run_archiver("--max-rows", "1")
        self.load_small()
        self.configure()
        self.run_archiver()
        self.stop_history()
        self.assertIn("destination history", self.restore())
        self.assert_all_back()

    def test_files_that_are_not_mounted_are_no_matter_while_a_database_is_there(self):
        self.unmount()
        self.restore()
        self.assert_all_back()

    def test_no_copy_within_reach_is_no_damage(self):
        self.unmount()
        self.stop_history()
        said = self.restore(code=1)
        self.assertIn("is it not mounted?", said)
        self.assertIn("destination history", said)
        self.assertNotIn("no copy that is whole", said)

    def test_damage_where_the_other_copy_is_out_of_reach(self):
        self.stop_history()
        for name in self.archive_files():
            if name.endswith(".zst"):
                os.remove(os.path.join(self.archives, name))
        said = self.restore(code=3)
        self.assertIn("destination history", said)
        self.assertIn("is not there", said)

    def test_a_destination_that_the_archiver_has_no_more(self):
        self.settings["archivers"]["main"]["destinations"] = ["history"]
        del self.settings["destinations"]["history"]
        self.settings["destinations"]["history"] = {
            "backend": "file", "directory": os.path.join(self.directory, "other"),
            "formats": ["csv"], "min_free": "64MiB",
        }
        self.rewrite()
        self.restore()
        self.assert_all_back()

    def test_a_destination_that_is_gone_from_the_configuration_is_named(self):
        self.settings["destinations"] = {
            "new": {"backend": "file", "directory": os.path.join(self.directory, "other"),
                    "formats": ["csv"], "min_free": "64MiB"}
        }
        self.settings["archivers"]["main"]["destinations"] = ["new"]
        self.rewrite()
        said = self.restore(code=1)
        self.assertIn("'files'", said)
        self.assertIn("'history'", said)
        self.assertNotIn("no copy that is whole", said)


if __name__ == "__main__":
    unittest.main()
