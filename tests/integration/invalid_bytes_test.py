"""Bytes that are invalid in the column's character set, as old servers and careless tools leave them: no
server takes them again, not from a file either, so their table is named and left alone."""

import os
import subprocess
import unittest

from archiver_case import ArchiverCase
from exact_copy import Contents

OLD = "'2020-01-01 00:00:00'"
# By character set: bytes that the server would refuse or cut today.
INVALID = {
    "utf8mb4": ("FF", "41FF42", "E9", "F0808080", "EDA080", "C3"),
    "utf8mb3": ("FF", "F09F9880", "C3"),
    "ascii": ("E9", "41FF"),
    "ucs2": ("41", "004100"),
    "utf16": ("D800", "41", "0041DC00"),
    "utf32": ("00110000", "41"),
    "sjis": ("80", "81", "4181"),
    "gbk": ("FF", "81"),
    "big5": ("FF", "A4"),
}


class InvalidBytesTest(ArchiverCase):
    def setUp(self):
        super().setUp()
        self.db.sql("DROP DATABASE IF EXISTS broken_archive; CREATE OR REPLACE DATABASE broken")
        self.configure(["broken"])

    def make(self, charset):
        """A table whose file was written under VARBINARY and is read under the character set. The
        first row is whole."""
        values = ("",) + INVALID[charset]
        rows = ", ".join(f"({number}, {OLD}, x'{value}')" for number, value in enumerate(values))
        self.db.sql(
            "CREATE OR REPLACE TABLE broken.bytes (id int PRIMARY KEY, deleted_at datetime, v varbinary(80)) ROW_FORMAT=DYNAMIC;"
            f"INSERT INTO broken.bytes VALUES {rows};"
            f"CREATE TABLE broken.{charset} (id int PRIMARY KEY, deleted_at datetime, v varchar(20) CHARACTER SET {charset}) ROW_FORMAT=DYNAMIC;"
            f"ALTER TABLE broken.{charset} DISCARD TABLESPACE"
        )
        place = os.path.join(self.db.data, "broken")
        script = f"FLUSH TABLES broken.bytes FOR EXPORT;\nsystem cp {place}/bytes.ibd {place}/{charset}.ibd\nUNLOCK TABLES;\n"
        subprocess.run(self.db.client(), input=script, text=True, check=True)
        self.db.sql(f"ALTER TABLE broken.{charset} IMPORT TABLESPACE; DROP TABLE broken.bytes")
        stored = [row[0] for row in self.db.query(f"SELECT HEX(v) FROM broken.{charset} ORDER BY id")]
        self.assertEqual(stored, list(values))

    def test_their_table_is_named_and_left_alone(self):
        """Whatever the destinations are."""
        for charset in INVALID:
            self.make(charset)
        for destinations in (["files", "history"], ["files"], ["history"]):
            self.settings["archivers"]["main"]["destinations"] = destinations
            self.rewrite()
            with self.subTest(destinations):
                self.check()

    def check(self):
        before = Contents(self.db, "broken")
        result = self.run_archiver(code=None)
        after = Contents(self.db, "broken", like=before)
        self.assertEqual(result.code, 1)
        self.assertEqual(after.read, before.read)
        for charset in INVALID:
            self.assertIn(f"broken.{charset}: row 1 holds bytes in column v that are no {charset} text", result.stderr)
        self.assertEqual(self.segments_of_rows(), [])

    def segments_of_rows(self):
        return [name for name in self.archive_files() if name.endswith(".zst")]


if __name__ == "__main__":
    unittest.main()
