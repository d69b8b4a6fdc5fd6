"""Tables of which few rows go: each is read once, in statements of bounded time, and with an index
on the soft-delete column only those rows are read. `check` says where such an index would pay."""

import re
import unittest

from archiver_case import ArchiverCase

ROWS = 1_100_000
STEP = 5000
# Every STEP-th row is old enough; next to it stand one that a live child refers to and one whose
# flag says live.
OLD = f"seq MOD {STEP} IN (100, 101, 102)"
KEYS = {
    "int_key": ("id int PRIMARY KEY", "seq"),
    "text_key": ("id varchar(20) PRIMARY KEY", "LPAD(seq, 12, '0')"),
    "composite_key": ("a int, b varchar(12), PRIMARY KEY (a, b)", "seq DIV 1000, LPAD(seq, 12, '0')"),
}
ELIGIBLE = ROWS // STEP


class SparseTableTest(ArchiverCase):
    server_options = {"extra": ["--innodb-buffer-pool-size=512M", "--innodb-log-file-size=256M"]}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.db.sql("CREATE DATABASE sparse")
        for table, (columns, values) in KEYS.items():
            cls.db.sql(
                f"CREATE TABLE {table} ({columns}, number int, deleted_at datetime, deleted int NOT NULL, "
                f"UNIQUE KEY (number)) ENGINE=InnoDB; INSERT INTO {table} SELECT {values}, seq, "
                f"IF({OLD}, '2020-01-01', NULL), IF({OLD} AND seq MOD {STEP} < 102, 1, 0) "
                f"FROM seq_1_to_{ROWS}; CREATE TABLE {table}_child (id int PRIMARY KEY, number int, "
                f"FOREIGN KEY (number) REFERENCES {table} (number)); INSERT INTO {table}_child "
                f"SELECT seq, seq FROM seq_1_to_{ROWS} WHERE seq MOD {STEP} = 101; "
                f"ANALYZE TABLE {table}",
                "sparse",
            )

    def reads(self):
        status = dict(self.db.query("SHOW GLOBAL STATUS LIKE 'Handler_read%'"))
        return sum(
            int(status["Handler_read_" + kind]) for kind in ("next", "rnd_next", "rnd", "prev", "key")
        )

    def run_over(self, table):
        """Rows that the server read for a run over one table."""
        self.configure(
            ["sparse"], archive=False, source_settings={"tables": [table], "batch_rows": 1000}
        )
        before = self.reads()
        self.run_archiver()
        return self.reads() - before

    def assert_outcome(self, table):
        run = self.last_run()["tables"][0]
        self.assertEqual(run["rows"]["deleted"], ELIGIBLE)
        self.assertEqual(run["live_flag_rows"], ELIGIBLE)
        self.assertEqual([reason["rows"] for reason in run["blocked"]], [ELIGIBLE])
        self.assertEqual(len(run["blocked"][0]["examples"]), 100)
        self.assertEqual(self.count(f"sparse.{table}"), ROWS - ELIGIBLE)

    def test_a_table_without_index_is_read_once(self):
        self.db.sql(
            "SET GLOBAL log_output='TABLE', long_query_time=1.2, slow_query_log=1; "
            "TRUNCATE mysql.slow_log"
        )
        for table in KEYS:
            with self.subTest(table):
                reads = self.run_over(table)
                print(f"{table}: {reads / ROWS:.2f} reads a row")
                self.assert_outcome(table)
                # Also finding windows costs, where there is no arithmetic on the key.
                self.assertLess(reads, 1.1 * ROWS if table == "int_key" else 2.1 * ROWS)
        self.db.sql("SET GLOBAL slow_query_log=0")
        slow = self.db.query("SELECT query_time, LEFT(sql_text, 200) FROM mysql.slow_log")
        self.assertEqual(slow, [])

    def test_check_names_the_index_that_would_pay_and_it_does(self):
        table = "int_key"
        self.configure(["sparse"], archive=False, source_settings={"tables": [table]})
        text = self.osarchiver("check").stdout
        advice = re.search(r"this would help: (CREATE INDEX .*;)", text)
        self.assertIsNotNone(advice, text)
        self.db.sql(advice.group(1))
        self.assertNotIn("this would help", self.osarchiver("check").stdout)
        # Whatever an earlier test of this class deleted is old again.
        self.db.sql(
            f"REPLACE INTO sparse.{table} SELECT seq, seq, '2020-01-01', 1 FROM seq_1_to_{ROWS} "
            f"WHERE seq MOD {STEP} = 100; ANALYZE TABLE sparse.{table}",
            "sparse",
        )
        reads = self.run_over(table)
        print(f"with an index: {reads} reads for {ELIGIBLE} rows")
        self.assert_outcome(table)
        self.assertLess(reads, 60 * ELIGIBLE)


if __name__ == "__main__":
    unittest.main()
