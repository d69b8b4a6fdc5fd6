"""Rows that were put back with --hold stay, whatever gets another name in the configuration or in the
source: either the hold counts under the new name, or nothing is deleted and somebody is told."""

import os
import shutil
import unittest

import small_sample
from archiver_case import ArchiverCase

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

    def rename_source(self, name, later):
        self.rename("sources", name, later)
        self.settings["archivers"]["main"]["sources"] = [later]
        self.rewrite()

    def assert_refused(self, *texts):
        for command in (("run", "--dry-run"), ("check",), ("run",)):
            said = self.osarchiver(*command, code=2).stderr
            for text in texts:
                self.assertIn(text, said, command)
        self.assertEqual(self.rows_of_all(), sum(self.held.values()))

    def rows_of_all(self):
        tables = self.db.query("SELECT TABLE_NAME FROM information_schema.TABLES "
                               "WHERE TABLE_SCHEMA = 'small'")
        names = [name for (name,) in tables]
        return sum(self.count(f"small.{name}") for name in names
                   if name in small_sample.ELIGIBLE or name == "labels2")

    def test_the_source_was_renamed(self):
        self.rename_source("db", "db2")
        self.assert_refused("are held (restore --hold) under source 'db'", "call it 'db' again")
        self.assertIn("under source 'db', which is not in the configuration any more",
                      self.osarchiver("status").stdout)
        self.rename_source("db2", "db")
        self.run_archiver()
        self.assertEqual(self.rows(), self.held)

    def test_the_source_was_renamed_and_gets_its_first_name_back(self):
        self.db.sql("DELETE FROM small.server_tags; DELETE FROM small.servers; "
                    "DELETE FROM small.labels")
        self.osarchiver("status")
        os.remove(self.state)
        shutil.rmtree(self.archives)
        self.db.sql("DROP DATABASE small_archive")
        self.load_small()
        self.run_archiver("--max-rows", "40")
        self.rename_source("db", "db2")
        self.run_archiver()
        self.osarchiver("restore", "--run", "last", "--hold", "--yes")
        self.held = self.rows()
        self.rename_source("db2", "db")
        self.assert_refused("are held (restore --hold) under source 'db2'")

    def test_another_server_has_tables_of_the_same_names(self):
        self.rename_source("db", "db2")
        self.settings["sources"]["db"] = dict(self.settings["sources"]["db2"])
        self.rewrite()
        self.run_archiver()
        self.assertEqual(self.rows()["servers"], self.held["servers"] - SERVERS)

    def test_sources_that_were_worked_beside_the_one_that_is_gone(self):
        self.settings["sources"]["db2"] = dict(self.settings["sources"]["db"])
        self.settings["archivers"]["two"] = dict(self.settings["archivers"]["main"], sources=["db2"])
        self.source["delete"] = False
        self.rewrite()
        self.db.sql("INSERT INTO small.labels SELECT CONCAT('x ', label), weight, data, deleted_at, "
                    "deleted FROM small_archive.labels")
        self.run_archiver("two")
        self.run_archiver("main")
        del self.settings["sources"]["db"], self.settings["archivers"]["main"]
        self.rewrite()
        self.run_archiver()
        self.assertIn("under source 'db'", self.osarchiver("check").stdout)

    def test_a_source_that_does_not_delete_is_not_refused(self):
        self.source["delete"] = False
        self.rename_source("db", "db2")
        self.run_archiver()
        self.assertEqual(self.rows(), self.held)

    def test_the_table_was_renamed(self):
        self.db.sql("RENAME TABLE small.labels TO small.labels2")
        self.assert_refused("small.labels are held (restore --hold)", "small.labels2", "exclude_tables")
        self.source["exclude_tables"] = ["labels2"]
        self.rewrite()
        self.run_archiver()
        self.assertEqual(self.rows_of_all(), sum(self.held.values()))

    def test_the_table_was_dropped(self):
        self.db.sql("DROP TABLE small.labels")
        self.run_archiver()
        self.assertEqual(self.count("small.servers"), self.held["servers"])

    def test_status_shows_them(self):
        said = self.osarchiver("status").stdout
        self.assertRegex(said, f"small.servers +{SERVERS} rows\n")
        held = {table["table"]: table["rows"] for table in self.status()["held"]}
        self.assertEqual(held, small_sample.ELIGIBLE)


class NothingHeldTest(ArchiverCase):
    def test_status_says_nothing_of_holds(self):
        self.load_small()
        self.configure()
        self.run_archiver()
        self.assertNotIn("held", self.osarchiver("status").stdout)
        self.assertNotIn("held", self.status())


if __name__ == "__main__":
    unittest.main()
