"""What the tests of restore share: the small database archived by one run, and its rows of before."""

import small_sample
from archiver_case import ArchiverCase
from exact_copy import Contents

DATABASE = small_sample.DATABASE
MOVED = sum(small_sample.ELIGIBLE.values())


class RestoreCase(ArchiverCase):
    """In setUp the small database is filled and archived, in batches of 40 rows. `self.full` is what
    it held before, `self.emptied` what the run left."""

    def setUp(self):
        super().setUp()
        self.before = self.load_small()
        self.full = Contents(self.db, DATABASE)
        self.configure(source_settings={"batch_rows": 40})
        self.run_archiver()
        self.emptied = Contents(self.db, DATABASE)
        self.assertEqual(self.full.row_count() - self.emptied.row_count(), MOVED)

    def restore(self, *arguments, code=0, yes=True, **options):
        return self.osarchiver("restore", *arguments, *(["--yes"] if yes else []), code=code, **options)

    def now(self, database=DATABASE, like=None):
        return Contents(self.db, database, like=like)

    def assert_holds(self, contents, database=DATABASE):
        """The database has these rows, to the bit."""
        self.assertEqual(contents.differences(self.now(database, like=contents)), [])

    def only(self, destination):
        """The configuration leads to the copies there alone."""
        self.settings["destinations"] = {destination: self.settings["destinations"][destination]}
        self.settings["archivers"]["main"]["destinations"] = [destination]
        self.rewrite()

    def segments(self, ending, table=None):
        """Paths of the segments, of one table when it is given."""
        return [
            f"{self.archives}/{name}"
            for name in self.archive_files()
            if name.endswith(f".{ending}.zst") and (table is None or f".{table}." in name)
        ]

    def restore_files(self, *paths, arguments=(), **options):
        self.config = None
        files = [part for path in paths for part in ("--file", path)]
        return self.restore(*files, "--socket", self.db.socket, "--user", "root", *arguments, **options)
