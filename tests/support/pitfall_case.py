"""What the tests of pitfalls share: tables made for one test."""

import independent_check
from archiver_case import ArchiverCase

# A soft-deletion that every retention has passed.
OLD = "'2020-01-01 00:00:00'"


class PitfallCase(ArchiverCase):
    def make(self, statements, database="pit"):
        """Makes the database anew with these statements; returns its snapshot."""
        self.db.sql(
            f"SET foreign_key_checks=0; DROP DATABASE IF EXISTS {database}_archive; CREATE OR REPLACE DATABASE {database} CHARACTER SET utf8mb4; "
            f"SET foreign_key_checks=1, sql_mode='', time_zone='+00:00'; USE {database};\n{statements}"
        )
        return independent_check.snapshot(self.db, databases=[database])

    def segments(self):
        return [name for name in self.archive_files() if name.endswith(".zst")]

    def tables(self):
        return {table["table"]: table for table in self.last_run()["tables"]}
