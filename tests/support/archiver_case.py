"""What tests that drive the real binary share: a private server per class, a directory and a
configuration per test, and assertions that show everything osarchiver said."""

import json
import os
import shutil
import tempfile
import unittest

import independent_check
import osarchiver_runner
import small_sample
from private_mariadb import PrivateMariadb

# Servers of tests do not sync, so that they are fast; osarchiver wants to be told that this is meant.
ARCHIVE_SETTINGS = {"accept_non_durable": True}


class ArchiverCase(unittest.TestCase):
    """`self.db` is a server that the class owns; `self.directory` is the test's own. configure()
    writes the configuration that run(), status() and verify() use."""

    server_options = {}
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.db = PrivateMariadb(profile="fast", **cls.server_options)
        cls.addClassCleanup(cls.db.close)

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="osa-test-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.config = None
        self.settings = None

    @property
    def archives(self):
        return os.path.join(self.directory, "archives")

    @property
    def state(self):
        return os.path.join(self.directory, "state.db")

    def configure(self, databases=(small_sample.DATABASE,), archive=True, **options):
        """Writes a configuration (options as for simple_config) with files in both formats and an
        archive database on the same server. Returns it for further changes; see rewrite()."""
        settings = {"accept_non_durable": True, **options.pop("archive_settings", {})}
        self.settings = osarchiver_runner.simple_config(
            self.directory,
            self.db,
            databases,
            archive=self.db if archive else None,
            archive_settings=settings,
            **options,
        )
        self.rewrite()
        return self.settings

    def rewrite(self):
        """Writes self.settings again, after a test changed them."""
        path = os.path.join(self.directory, "osarchiver.yaml")
        self.config = osarchiver_runner.write_config(path, self.settings)

    @property
    def source(self):
        """The settings of the only source."""
        return self.settings["sources"]["db"]

    def load_small(self):
        """Fills the small database and returns its snapshot."""
        self.db.sql(small_sample.statements())
        return independent_check.snapshot(self.db, databases=[small_sample.DATABASE])

    def osarchiver(self, *arguments, code=0, **options):
        """Runs osarchiver with the test's configuration and requires the exit code (None: any)."""
        result = osarchiver_runner.run(self.config, *arguments, **options)
        if code is not None:
            self.assertEqual(result.code, code, f"{arguments}: {result.stdout}{result.stderr}")
        return result

    def run_archiver(self, *arguments, code=0, **options):
        return self.osarchiver("run", *arguments, code=code, **options)

    def assert_silent(self, result):
        """Cron sends a mail for every byte."""
        self.assertEqual((result.stdout, result.stderr), ("", ""))

    def status(self, *arguments):
        return json.loads(self.osarchiver("status", "--json", *arguments).stdout)

    def last_run(self):
        return self.status()["runs"][0]

    def verify(self, code=0):
        return json.loads(self.osarchiver("verify", "--json", code=code).stdout)

    def count(self, table, where="TRUE"):
        return int(self.db.value(f"SELECT COUNT(*) FROM {table} WHERE {where}"))

    def assert_nothing_lost(self, before, **options):
        """Every row of `before` is in the source or once in each destination, as it was."""
        options.setdefault(
            "archive", self.db if "history" in self.settings["destinations"] else None
        )
        options.setdefault("files", self.archives if os.path.isdir(self.archives) else None)
        problems = independent_check.check(before, self.db, scratch=self.db, **options)
        self.assertEqual(problems, [])

    def assert_archived(self, before, expected):
        """{table name: rows that left the source}, tables without any left out."""
        gone = independent_check.archived_rows(before, self.db)
        self.assertEqual({name: rows for (_, name), rows in gone.items() if rows}, expected)

    def archive_files(self):
        """Paths below the archive directory, relative, sorted."""
        return sorted(
            os.path.relpath(os.path.join(directory, name), self.archives)
            for directory, _, names in os.walk(self.archives)
            for name in names
        )

    def write_hook(self, sql, once=True):
        """A failpoint mode `run:...` that sends `sql` to the server; the first time only."""
        number = len(os.listdir(self.directory))
        script = os.path.join(self.directory, f"hook{number}.sh")
        done = script + ".done"
        with open(script + ".sql", "w", encoding="utf-8") as file:
            file.write(sql)
        client = " ".join(self.db.client("--binary-mode"))
        # Two threads may get there at the same time; one of them makes the directory.
        guard = f"mkdir {done} 2>/dev/null || exit 0\n" if once else ""
        with open(script, "w", encoding="utf-8") as file:
            file.write(f"{guard}exec {client} <{script}.sql >>{script}.log 2>&1\n")
        return "run:sh " + script
