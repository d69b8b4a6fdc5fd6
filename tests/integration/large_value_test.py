"""A BLOB of 64 MiB of all bytes, and a long text: by every way, to the bit."""

import os
import subprocess
import unittest

import independent_check
from archiver_case import ArchiverCase
from exact_copy import Contents

OLD = "'2020-01-01 00:00:00'"
EVERY_BYTE = "x'" + bytes(range(256)).hex() + "'"


class LargeValueTest(ArchiverCase):
    server_options = {
        "extra": ["--max-allowed-packet=512M", "--local-infile=1", "--innodb-log-file-size=1G", "--net-write-timeout=600"]
    }

    def test_it_comes_back_by_every_way(self):
        self.db.sql(
            "CREATE DATABASE large; CREATE TABLE large.t (id int PRIMARY KEY, deleted_at datetime, v longblob, w longtext) CHARACTER SET utf8mb4;"
            f"INSERT INTO large.t VALUES (1, {OLD}, REPEAT({EVERY_BYTE}, 262144), NULL), (2, {OLD}, NULL, REPEAT('é''\\\\\"\\n', 1000000)), (3, {OLD}, x'00', '')"
        )
        self.assertEqual(self.db.value("SELECT LENGTH(v) FROM large.t WHERE id=1"), str(64 << 20))
        self.configure(["large"])
        before, digests = Contents(self.db, "large"), self.digests("large")
        self.run_archiver()
        self.assertEqual(self.count("large.t"), 0)
        self.verify()
        for name, copy in (("sql", self.by_sql), ("csv", self.by_csv), ("archive", lambda: "large_archive")):
            with self.subTest(name):
                self.assertEqual(self.digests(copy()), digests)
        self.osarchiver("restore", "--run", "last", "--yes")
        # A difference of 64 MiB is nothing to print.
        self.assertTrue(not before.differences(Contents(self.db, "large", like=before)))
        self.db.sql("DELETE FROM large.t")
        files = independent_check.archive_files(self.archives, "csv")
        self.config = None
        self.osarchiver("restore", "--file", files[0][0], "--socket", self.db.socket, "--user", "root", "--yes")
        self.assertEqual(self.digests("large"), digests)

    def digests(self, database):
        return self.db.query(
            f"SELECT id, deleted_at, LENGTH(v), SHA2(v, 512), LENGTH(w), SHA2(w, 512) FROM {database}.t ORDER BY id"
        )

    def by_sql(self):
        """With the option that README names for such values."""
        self.db.sql("CREATE DATABASE by_sql")
        client = self.db.client("by_sql")
        self.assertIn("--max-allowed-packet=1G", client)
        for path, _ in independent_check.archive_files(self.archives, "sql"):
            unpack = subprocess.Popen(["zstdcat", path], stdout=subprocess.PIPE)
            subprocess.run(client, stdin=unpack.stdout, check=True)
            unpack.stdout.close()
            self.assertEqual(unpack.wait(), 0)
        return "by_sql"

    def by_csv(self):
        self.db.sql("CREATE DATABASE by_csv; CREATE TABLE by_csv.t LIKE large.t")
        for path, _ in independent_check.archive_files(self.archives, "csv"):
            text = os.path.join(self.directory, "file.csv")
            with open(text, "wb") as file:
                subprocess.run(["zstdcat", path], stdout=file, check=True)
            self.db.sql(
                f"LOAD DATA LOCAL INFILE '{text}' INTO TABLE by_csv.t CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' "
                "ESCAPED BY '' LINES TERMINATED BY '\\n' IGNORE 1 LINES (id, deleted_at, @v, w) SET v = UNHEX(@v)"
            )
        return "by_csv"


if __name__ == "__main__":
    unittest.main()
