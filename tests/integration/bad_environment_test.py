"""Servers, tables, directories, disks and journals that are not as they should be: each gives its exit
code and one clear message, and nothing is lost."""

import os
import shutil
import sqlite3
import subprocess
import unittest

import independent_check
import small_sample
from refusal_case import RefusalCase


class BadServerTest(RefusalCase):
    def test_wrong_password(self):
        self.db.create_user("archiver", "right", "SELECT, DELETE ON small.*")
        self.source.update(user="archiver", password="wrong")
        self.rewrite()
        result = self.assert_refused(1, "source db", "archiver")
        self.assertNotIn("wrong", result.stderr)

    def test_unreachable_server(self):
        self.source["socket"] = "/nonexistent/mysql.sock"
        self.rewrite()
        self.assert_refused(1, "source db", "/nonexistent/mysql.sock")
        self.assert_refused(1, "/nonexistent/mysql.sock", command=("check",))

    def test_one_unreachable_source_does_not_stop_the_other(self):
        self.settings["sources"]["far"] = {**self.source, "socket": "/nonexistent/mysql.sock"}
        self.settings["archivers"]["main"]["sources"] = ["far", "db"]
        self.rewrite()
        result = self.run_archiver(code=1)
        self.assertIn("source far", result.stderr)
        self.assert_archived(self.before, small_sample.ELIGIBLE)
        self.assert_nothing_lost(self.before)
        self.assertEqual(self.last_run()["state"], "failed")

    def test_missing_privilege_is_found_by_check(self):
        self.db.create_user("archiver", "secret", "SELECT, PROCESS ON *.*")
        self.source.update(user="archiver", password="secret")
        self.rewrite()
        self.assert_refused(1, "DELETE", "small", command=("check",))
        self.assert_refused(1, "DELETE")
        # Copies may lie in the archives; nothing is gone.
        self.assert_nothing_lost(self.before, kept=True)

    def test_missing_privilege_at_the_archive_database(self):
        self.db.create_user("writer", "secret", "SELECT ON *.*")
        self.settings["destinations"]["history"].update(user="writer", password="secret")
        self.rewrite()
        self.assert_refused(1, "history", command=("check",))
        self.assert_refused(1, "history")

    def test_source_that_is_read_only(self):
        self.db.sql("SET GLOBAL read_only=1")
        self.addCleanup(self.db.sql, "SET GLOBAL read_only=0")
        self.assert_refused(1, "source db", "read-only")
        self.assert_refused(1, "source db", "read-only", command=("check",))

    def test_archive_server_that_may_lose_a_commit(self):
        del self.settings["destinations"]["history"]["accept_non_durable"]
        self.rewrite()
        result = self.osarchiver("run", code=None)
        self.assertIn(result.code, (1, 2), result.stderr)
        self.assertIn("innodb_flush_log_at_trx_commit", result.stderr)
        self.assertIn("accept_non_durable", result.stderr)
        self.assert_untouched()
        check = self.osarchiver("check", code=None)
        self.assertIn(check.code, (1, 2), check.stderr)
        self.assertIn("innodb_flush_log_at_trx_commit", check.stderr)

    def test_source_clock_far_off(self):
        # A session's own clock: nobody else's is turned.
        self.db.sql("SET GLOBAL init_connect='SET timestamp=1500000000'")
        self.addCleanup(self.db.sql, "SET GLOBAL init_connect=''")
        # init_connect is for accounts without SUPER.
        self.db.create_user("archiver", "secret", "SELECT, DELETE, PROCESS ON *.*")
        self.source.update(user="archiver", password="secret")
        self.rewrite()
        self.assert_refused(1, "clock")
        self.assert_refused(1, "clock", command=("check",))

    def test_archive_table_that_would_be_the_source_table(self):
        history = self.settings["destinations"]["history"]
        del history["database_suffix"]
        history["database_name"] = "{database}"
        # Another name of the same server does not hide it.
        self.rewrite()
        result = self.osarchiver("run", code=None)
        self.assertIn(result.code, (1, 2), result.stderr)
        self.assertIn("small", result.stderr)
        self.assert_untouched()
        result = self.osarchiver("check", code=None)
        self.assertIn(result.code, (1, 2), result.stderr)
        history["table_suffix"] = "_old"
        self.rewrite()
        self.run_archiver()
        self.assert_nothing_lost(
            self.before, archive_database=lambda name: name, table_suffix="_old"
        )

    def test_tables_that_cannot_be_archived_are_left_alone(self):
        self.db.sql(
            """USE small;
            CREATE TABLE keyless (deleted_at datetime, x int, UNIQUE KEY (x));
            CREATE TABLE versioned (id int PRIMARY KEY, deleted_at datetime) WITH SYSTEM VERSIONING;
            CREATE TABLE aria (id int PRIMARY KEY, deleted_at datetime) ENGINE=Aria;
            CREATE TABLE numbered (id int PRIMARY KEY, deleted_at int);
            CREATE TABLE texted (id int PRIMARY KEY, deleted_at varchar(30));
            CREATE VIEW old_labels AS SELECT * FROM labels;
            INSERT INTO keyless VALUES ('2020-01-01', 1);
            INSERT INTO versioned VALUES (1, '2020-01-01');
            INSERT INTO aria VALUES (1, '2020-01-01');
            INSERT INTO numbered VALUES (1, 0), (2, 20200101);
            INSERT INTO texted VALUES (1, '2020-01-01');"""
        )
        names = ("keyless", "versioned", "aria", "numbered", "texted")
        dumps = self.db.dump("small", names)
        log = os.path.join(self.directory, "run.log")
        self.assert_silent(self.osarchiver("--log-file", log, "run"))
        with open(log, encoding="utf-8") as file:
            logged = file.read()
        for name in (*names, "old_labels"):
            self.assertRegex(logged, rf"small\.{name} is left alone: .+")
        self.assertEqual(self.db.dump("small", names), dumps)
        self.assert_archived(self.before, small_sample.ELIGIBLE)
        check = self.osarchiver("check").stdout
        for name in (*names, "old_labels"):
            self.assertRegex(check, rf"left alone: small\.{name}: .+")


class BadPlaceTest(RefusalCase):
    def test_directory_that_cannot_be_created(self):
        self.settings["destinations"]["files"]["directory"] = "/proc/archives"
        self.rewrite()
        self.assert_refused(1, "/proc/archives")
        self.assert_refused(1, "/proc/archives", command=("check",))

    def test_directory_that_is_a_file(self):
        with open(self.archives, "w", encoding="utf-8"):
            pass
        self.assert_refused(1, "archives")

    def test_directory_that_lost_its_marker(self):
        self.run_archiver("--max-rows", "20", code=None)
        before = independent_check.snapshot(self.db, databases=["small"])
        # Not mounted: the directory is there and empty.
        os.rename(self.archives, self.archives + ".elsewhere")
        os.mkdir(self.archives, 0o750)
        for command in ("check", "run"):
            result = self.osarchiver(command, code=1)
            self.assertIn("osarchiver.json", result.stderr)
        self.assertEqual(os.listdir(self.archives), [])
        after = independent_check.snapshot(self.db, databases=["small"])
        self.assertEqual(
            {name: shape.rows for name, shape in after.items()},
            {name: shape.rows for name, shape in before.items()},
        )
        os.rmdir(self.archives)
        os.rename(self.archives + ".elsewhere", self.archives)
        self.run_archiver()
        self.assert_nothing_lost(self.before)

    def test_journal_that_was_lost(self):
        self.run_archiver("--max-rows", "20", code=None)
        self.remove_journal()
        left = self.db.dump("small")
        result = self.run_archiver(code=2)
        self.assertIn("rebuild-journal", result.stderr)
        self.assertEqual(self.db.dump("small"), left)

    def test_journal_lost_before_a_row_was_archived(self):
        """There is nothing to make it of, but its name lies at the archives and would hold every
        later run up."""
        self.run_archiver(code=1, failpoints="pass-begin=throw@1")
        self.remove_journal()
        self.assertIn("rebuild-journal", self.run_archiver(code=2).stderr)
        self.osarchiver("rebuild-journal")
        self.run_archiver()
        self.assert_archived(self.before, small_sample.ELIGIBLE)
        self.assert_nothing_lost(self.before)
        self.verify()

    def test_journal_lost_or_old_where_nothing_is_left_to_archive(self):
        """A run that has nothing to do must not say that all is well."""
        del self.settings["destinations"]["files"]
        self.settings["archivers"]["main"]["destinations"] = ["history"]
        self.rewrite()
        self.run_archiver("--max-rows", "20", code=None)
        older = os.path.join(self.directory, "older.db")
        shutil.copy(self.state, older)
        self.run_archiver()
        self.remove_journal()
        for command in ("check", "run"):
            with self.subTest(command, journal="lost"):
                result = self.osarchiver(command, code=2)
                self.assertIn("another journal", result.stderr)
                self.assertIn("rebuild-journal", result.stderr)
        self.remove_journal()
        shutil.copy(older, self.state)
        for command in ("check", "run"):
            with self.subTest(command, journal="older"):
                result = self.osarchiver(command, code=3)
                self.assertIn("older than the archives", result.stderr)
        self.remove_journal()
        self.osarchiver("rebuild-journal")
        self.run_archiver()
        self.assert_archived(self.before, small_sample.ELIGIBLE)
        self.assert_nothing_lost(self.before)

    def remove_journal(self):
        for name in os.listdir(self.directory):
            if name.startswith("state.db"):
                os.remove(os.path.join(self.directory, name))

    def test_journal_that_is_not_sqlite(self):
        with open(self.state, "w", encoding="utf-8") as file:
            file.write("this is no journal, and long enough to be read as a header " * 20)
        self.assert_refused(3, "state.db")
        self.assert_refused(3, "state.db", command=("check",))

    def test_journal_of_a_newer_version(self):
        self.run_archiver()
        self.before = independent_check.snapshot(self.db, databases=["small"])
        with sqlite3.connect(self.state) as journal:
            journal.execute("PRAGMA user_version=9999")
        journal.close()
        self.assert_refused(3, "state.db", "newer")
        self.assert_refused(3, "state.db", "newer", command=("check",))

    @unittest.skipUnless(os.geteuid() == 0, "giving a file away needs root")
    def test_journal_of_another_user(self):
        self.run_archiver("--max-rows", "20")
        self.before = independent_check.snapshot(self.db, databases=["small"])
        for name in os.listdir(self.directory):
            if name.startswith("state.db"):
                os.chown(os.path.join(self.directory, name), 65534, 65534)
        self.assert_refused(2, "state.db", "nobody")
        self.osarchiver("status")

    def test_journal_where_no_file_can_be_made(self):
        self.settings["state"] = "/proc/state.db"
        self.rewrite()
        result = self.osarchiver("run", code=None)
        self.assertIn(result.code, (1, 2, 3), result.stderr)
        self.assertIn("/proc/state.db", result.stderr)
        self.assert_untouched()

    def test_too_little_free_room(self):
        self.settings["destinations"]["files"]["min_free"] = "900TiB"
        self.rewrite()
        self.assert_refused(1, "min_free")
        self.assert_refused(1, "min_free", command=("check",))

    @unittest.skipUnless(os.geteuid() == 0, "mounting a tmpfs needs root")
    def test_full_disk(self):
        small = os.path.join(self.directory, "small-disk")
        os.mkdir(small)
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=192k,mode=0750", "tmpfs", small], check=True
        )
        # In front of the removal of the directory.
        self.addCleanup(subprocess.run, ["umount", small], check=True)
        self.db.sql(
            "USE small; INSERT INTO labels SELECT CONCAT('big ', seq), 1, RANDOM_BYTES(64), '2020-01-01', 1 "
            "FROM seq_1_to_4000"
        )
        before = independent_check.snapshot(self.db, databases=["small"])
        self.settings["destinations"]["files"].update(
            directory=os.path.join(small, "archives"), min_free="0"
        )
        self.source["batch_rows"] = 500
        self.rewrite()
        result = self.run_archiver(code=1)
        self.assertIn("No space left", result.stderr)
        self.assert_nothing_lost(before, files=os.path.join(small, "archives"), kept=True)
        subprocess.run(["mount", "-o", "remount,size=16m", small], check=True)
        self.run_archiver()
        self.assert_nothing_lost(before, files=os.path.join(small, "archives"))
        self.verify()

    def test_checksum_list_that_could_not_be_written(self):
        """The next run writes it."""
        self.settings["destinations"]["files"]["formats"] = ["csv"]
        self.rewrite()
        self.run_archiver(code=1, failpoints="checksums-before=throw@1")
        self.assertEqual([name for name in self.archive_files() if name.endswith(".sha256")], [])
        self.run_archiver()
        summed = set()
        for name in self.archive_files():
            directory, base = os.path.split(os.path.join(self.archives, name))
            if base.endswith(".sha256"):
                done = subprocess.run(
                    ["sha256sum", "--check", base], cwd=directory, capture_output=True, text=True
                )
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                summed.update(line.rpartition(": ")[0] for line in done.stdout.splitlines())
        segments = {os.path.basename(n) for n in self.archive_files() if n.endswith(".zst")}
        self.assertGreater(len(segments), 0)
        self.assertEqual(segments, summed)

    @unittest.skipUnless(os.geteuid() == 0, "mounting a tmpfs needs root")
    def test_full_disk_of_the_journal(self):
        small = os.path.join(self.directory, "small-disk")
        os.mkdir(small)
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=220k,mode=0750", "tmpfs", small], check=True
        )
        self.addCleanup(subprocess.run, ["umount", small], check=True)
        self.settings["state"] = os.path.join(small, "state.db")
        self.source["batch_rows"] = 5
        self.rewrite()
        result = self.run_archiver(code=1)
        self.assertIn("state.db: the disk is full", result.stderr)
        self.assert_nothing_lost(self.before, kept=True)
        subprocess.run(["mount", "-o", "remount,size=16m", small], check=True)
        self.run_archiver()
        self.assert_archived(self.before, small_sample.ELIGIBLE)
        self.assert_nothing_lost(self.before)
        self.verify()


if __name__ == "__main__":
    unittest.main()
