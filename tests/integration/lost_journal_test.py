"""A journal that is lost or older than the archives, and archives that no name in the
configuration leads to any more: no command says that all is well."""

import os
import shutil
import unittest

import small_sample
from archiver_case import ArchiverCase

TOTAL = sum(small_sample.ELIGIBLE.values())


class LostJournalTest(ArchiverCase):
    def setUp(self):
        super().setUp()
        self.load_small()
        self.configure()

    def lose(self):
        for name in os.listdir(self.directory):
            if name.startswith("state.db"):
                os.remove(os.path.join(self.directory, name))

    def assert_all_name_it(self, code, *destinations):
        for command in (("check",), ("verify",), ("run", "--dry-run"), ("run",)):
            said = self.osarchiver(*command, code=code).stderr
            self.assertIn("rebuild-journal", said, command)
            for name in destinations:
                self.assertIn(name, said, command)

    def test_a_lost_one_is_missed_by_every_command(self):
        self.run_archiver()
        self.lose()
        for command in (("check",), ("verify",), ("run", "--dry-run")):
            said = self.osarchiver(*command, code=None)
            self.assertIn(said.code, (1, 2), command)
            self.assertIn("rebuild-journal", said.stdout + said.stderr, command)
            self.assertFalse(os.path.exists(self.state), f"{command} made a journal")
        self.assertIn("check", self.osarchiver("status").stdout)
        self.assertIn("rebuild-journal", self.run_archiver(code=2).stderr)
        said = self.osarchiver("status").stdout
        self.assertIn("next: osarchiver rebuild-journal", said)
        self.assertIn("put it back", said)
        self.assertEqual(self.osarchiver("check", code=2).code, 2)

    def test_an_older_one_is_missed_by_every_command(self):
        self.run_archiver("--max-rows", "40")
        aside = os.path.join(self.directory, "older.db")
        shutil.copy(self.state, aside)
        self.run_archiver()
        self.lose()
        shutil.copy(aside, self.state)
        for command in (("check",), ("verify",), ("run", "--dry-run"), ("run",)):
            said = self.osarchiver(*command, code=3)
            self.assertIn("rebuild-journal", said.stdout + said.stderr, command)
        self.assertIn("next: osarchiver rebuild-journal", self.osarchiver("status").stdout)

    def test_rows_that_were_held_stay_held_when_it_is_made_again(self):
        self.run_archiver()
        self.osarchiver("restore", "--run", "last", "--hold", "--yes")
        there = self.count("small.servers")
        self.assertIn(f"{TOTAL} rows that were restored with --hold stay held",
                      self.osarchiver("rebuild-journal").stdout)
        self.run_archiver()
        self.assertEqual(self.count("small.servers"), there)
        # The copy at the archives' root knows them, too.
        self.lose()
        self.assertIn("stay held", self.osarchiver("rebuild-journal").stdout)
        self.run_archiver()
        self.assertEqual(self.count("small.servers"), there)

    def test_without_an_older_one_it_says_that_holds_are_forgotten(self):
        self.run_archiver()
        self.lose()
        shutil.rmtree(os.path.join(self.archives, ".osarchiver"))
        self.assertIn("--hold", self.osarchiver("rebuild-journal").stdout)

    def test_the_dry_run_knows_what_is_held_and_what_is_kept(self):
        self.source["delete"] = False
        self.rewrite()
        self.run_archiver()
        said = self.run_archiver("--dry-run").stdout
        rows = small_sample.ELIGIBLE["servers"]
        self.assertIn(f"{rows} are archived already and are not archived again", said)
        self.source["delete"] = True
        self.rewrite()
        self.run_archiver()
        self.osarchiver("restore", "--run", "1", "--hold", "--yes")
        self.assertIn(f"{rows} are held (restore --hold) and stay",
                      self.run_archiver("--dry-run").stdout)


class ForgottenArchivesTest(ArchiverCase):
    def setUp(self):
        super().setUp()
        self.load_small()
        self.configure()
        self.run_archiver()

    def verify_text(self, *arguments, code=0):
        result = self.osarchiver("verify", *arguments, code=code)
        return result.stdout + result.stderr

    def test_an_archiver_that_was_renamed(self):
        self.settings["archivers"]["other"] = self.settings["archivers"].pop("main")
        self.rewrite()
        said = self.verify_text(code=1)
        self.assertIn("archiver 'main', which is not in the configuration any more", said)
        self.assertIn("run 1 is of archiver 'main'", self.verify_text("--run", "1", code=2))

    def test_an_archiver_that_is_put_back_as_verify_says(self):
        archivers = self.settings["archivers"]
        archivers["other"] = dict(archivers["main"])
        archivers["main"]["enabled"] = False
        self.rewrite()
        self.verify()
        self.run_archiver()
        # Named it would run: two would delete from one source.
        before = self.status()["runs"]
        for arguments in (("main",), ("main", "--dry-run"), ("other", "main")):
            said = self.run_archiver(*arguments, code=None)
            self.assertIn(said.code, (1, 2))
            self.assertIn("both delete from source 'db'", said.stderr)
        self.assertEqual([run for run in self.status()["runs"] if run["archiver"] == "main"],
                         [run for run in before if run["archiver"] == "main"])
        shutil.rmtree(os.path.join(self.archives, "main"))
        self.assertIn("missing", self.verify_text(code=3))

    def test_a_database_destination_that_is_put_back_as_verify_says(self):
        destinations, main = self.settings["destinations"], self.settings["archivers"]["main"]
        destinations["history2"] = destinations.pop("history")
        main["destinations"] = ["history2", "files"]
        self.rewrite()
        self.assertIn("put the destination back under 'destinations'", self.verify_text(code=1))
        destinations["history"] = dict(destinations["history2"])
        self.rewrite()
        self.verify()
        self.run_archiver()
        self.db.sql("DELETE FROM small_archive.labels LIMIT 1")
        self.assertIn("small_archive.labels: corrupt", self.verify_text(code=3))
        # An archiver that is not enabled may name it, and then does not run.
        self.settings["archivers"]["other"] = {"sources": main["sources"], "enabled": False,
                                               "destinations": ["history"]}
        self.source["delete"] = False
        self.rewrite()
        self.assertIn("would write where 'history2' writes",
                      self.run_archiver("other", code=2).stderr)

    def test_the_next_step_is_true_for_what_is_damaged(self):
        self.db.sql("DELETE FROM small_archive.labels LIMIT 1")
        for said in (self.verify_text(code=3), self.osarchiver("status").stdout):
            self.assertIn("archive databases", said)
            self.assertNotIn("next: osarchiver run", said)
        # As it says.
        self.osarchiver("restore", "--run", "1", "--to", "small_archive", "--yes")
        self.verify()
        self.assertNotIn("archive databases", self.osarchiver("status").stdout)
        shutil.rmtree(os.path.join(self.archives, "main"))
        for said in (self.verify_text(code=3), self.osarchiver("status").stdout):
            self.assertNotIn("archive databases", said)
            self.assertIn("next: osarchiver run", said)

    def test_one_that_is_not_enabled_is_proven_all_the_same(self):
        self.settings["archivers"]["main"]["enabled"] = False
        self.rewrite()
        shutil.rmtree(os.path.join(self.archives, "main"))
        self.assertIn("missing", self.verify_text(code=3))

    def test_a_destination_that_the_archiver_has_no_more(self):
        self.settings["archivers"]["main"]["destinations"] = ["history"]
        self.rewrite()
        self.verify()
        shutil.rmtree(os.path.join(self.archives, "main"))
        self.assertIn("missing", self.verify_text(code=3))
        del self.settings["destinations"]["files"]
        self.rewrite()
        self.assertIn("the copies at destination 'files'", self.verify_text(code=1))

    def test_a_root_that_is_not_mounted_is_no_damage(self):
        os.rename(self.archives, self.archives + ".away")
        os.mkdir(self.archives)
        said = self.verify_text(code=1)
        self.assertIn("is it not mounted?", said)
        self.assertNotIn("next: osarchiver run", said)

    def test_what_verify_found_is_in_status_until_it_is_made_good(self):
        path = next(name for name in self.archive_files() if name.endswith(".csv.zst"))
        with open(os.path.join(self.archives, path), "r+b") as file:
            os.chmod(file.name, 0o640)
            file.seek(200)
            byte = file.read(1)
            file.seek(200)
            file.write(bytes([byte[0] ^ 1]))
        self.verify(code=3)
        self.assertIn(path, self.osarchiver("status").stdout)
        self.assertEqual(len(self.status()["damaged"]), 1)
        self.run_archiver()
        self.assertEqual(self.status()["damaged"], [])
        self.verify()

    def test_a_sample_says_that_it_is_one(self):
        said = self.verify_text("--sample", "50%", "--seed", "7")
        self.assertIn("the content of 50 % of them (--seed 7)", said)
        self.osarchiver("verify", "--sample", "0%", code=2)
        self.osarchiver("verify", "--seed", "7", code=2)


if __name__ == "__main__":
    unittest.main()
