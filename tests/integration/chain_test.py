"""Rows of one table, each referring to the one before: leaf first, many levels in one batch, in a
time that grows with the rows."""

import time
import unittest

from archiver_case import ArchiverCase

# What a run costs that has a single row to move is not the chain's.
SHORT, LONG = 1000, 10000
# The rows are ten times as many. A cost that grows with their square would be a hundred times as
# high; the clock also counts what else the machine does.
MOST_TIMES = {"statements": 12, "rows": 12, "seconds": 30}


class ChainTest(ArchiverCase):
    def load(self, rows, rule, refers_to):
        """refers_to: SQL of the row that row `seq` refers to; NULL ends the chain."""
        self.db.sql(
            f"""
            DROP DATABASE IF EXISTS chain_archive; CREATE OR REPLACE DATABASE chain; USE chain;
            CREATE TABLE links (id INT PRIMARY KEY, parent INT, note VARCHAR(100),
                deleted_at DATETIME, deleted INT,
                CONSTRAINT to_parent FOREIGN KEY (parent) REFERENCES links (id) ON DELETE {rule});
            SET foreign_key_checks=0;
            INSERT INTO links SELECT seq, {refers_to.format(rows=rows)}, REPEAT('x', 80), '2024-01-01', seq
                FROM seq_1_to_{rows};
            """
        )

    def cost(self, rows, rule, refers_to):
        """Seconds, statements and rows read of the run that takes the whole chain."""
        self.load(rows, rule, refers_to)
        self.doCleanups()
        self.setUp()
        self.configure(["chain"])
        before = self.counters()
        begin = time.monotonic()
        self.run_archiver(timeout=500)
        seconds = time.monotonic() - begin
        after = self.counters()
        self.assertEqual(self.count("chain.links"), 0)
        self.assertEqual(self.count("chain_archive.links"), rows)
        run = self.last_run()
        self.assertEqual((run["rows"]["deleted"], run["rows"]["blocked"]), (rows, 0))
        # A batch holds many levels: as few as if the rows were unrelated, and the rest of a climb.
        self.assertLessEqual(run["batches"]["deleted"], rows // 5000 + 2)
        cost = {name: after[name] - before[name] for name in before}
        return {**cost, "seconds": seconds}

    def counters(self):
        """What this server did since it was started: no clock, so no noise."""
        status = dict(self.db.query("SHOW GLOBAL STATUS"))
        return {
            "statements": int(status["Questions"]),
            "rows": sum(int(n) for name, n in status.items() if name.startswith("Handler_read")),
        }

    def check_chain(self, rule, refers_to):
        short = self.cost(SHORT, rule, refers_to)
        long = self.cost(LONG, rule, refers_to)
        print(f"{rule}, {refers_to}: {SHORT} rows {short}, {LONG} rows {long}", flush=True)
        for name, times in MOST_TIMES.items():
            self.assertLess(long[name], times * short[name], (name, short, long))

    def test_each_row_refers_to_the_one_before(self):
        self.check_chain("RESTRICT", "IF(seq = 1, NULL, seq - 1)")

    def test_each_row_refers_to_the_one_behind(self):
        self.check_chain("CASCADE", "IF(seq = {rows}, NULL, seq + 1)")


if __name__ == "__main__":
    unittest.main()
