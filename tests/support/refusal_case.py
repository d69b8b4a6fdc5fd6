"""What the tests of bad input share: the message, and a source that nobody touched."""

import independent_check
from archiver_case import ArchiverCase


class RefusalCase(ArchiverCase):
    """The small database, whose rows must all stay as they are."""

    def setUp(self):
        super().setUp()
        self.before = self.load_small()
        self.configure()

    def assert_refused(self, code, *texts, command=("run",), **options):
        """The exit code, one message that holds all the texts, and an untouched source."""
        result = self.osarchiver(*command, code=code, **options)
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        matching = [line for line in lines if all(text in line for text in texts)]
        self.assertTrue(matching, f"{texts} in {result.stderr!r} {result.stdout!r}")
        self.assert_untouched()
        return result

    def assert_untouched(self):
        after = independent_check.snapshot(self.db, tables=self.before.keys())
        for table, shape in self.before.items():
            self.assertEqual(after[table].rows, shape.rows, table)
