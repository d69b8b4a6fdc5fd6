"""Tables worked side by side (table_workers): which ones overlap, which never do, and that nothing
of what a run promises gets lost by it."""

import itertools
import random
import signal
import sqlite3
import time
import unittest

import independent_check
import osarchiver_runner
from archiver_case import ArchiverCase

OLD = "'2020-01-01' + INTERVAL seq SECOND"


class TableWorkersTest(ArchiverCase):
    def make(self, tables, references=(), rows=40, slow=()):
        """Database `side` with the tables, `references` as (child, parent), and a delete that takes
        20 ms a row in those of `slow`."""
        sql = ["SET foreign_key_checks=0; DROP DATABASE IF EXISTS side_archive; "
               "CREATE OR REPLACE DATABASE side; SET foreign_key_checks=1; USE side;"]
        for name in tables:
            parents = [parent for child, parent in references if child == name]
            columns = "".join(f", {parent}_id int" for parent in parents)
            sql.append(
                f"CREATE TABLE {name} (id int PRIMARY KEY, name varchar(40), deleted_at datetime"
                f"{columns}) ENGINE=InnoDB;"
                f"INSERT INTO {name} (id, name, deleted_at) SELECT seq, MD5(CONCAT('{name}', seq)), "
                f"IF(seq % 10 = 0, NULL, {OLD}) FROM seq_1_to_{rows};"
            )
        for child, parent in references:
            # Rows refer to rows of the same kind, so that nothing is blocked.
            sql.append(
                f"UPDATE {child} SET {parent}_id = id; ALTER TABLE {child} ADD CONSTRAINT "
                f"{child}_{parent} FOREIGN KEY ({parent}_id) REFERENCES {parent} (id);"
            )
        for name in slow:
            sql.append(
                f"CREATE TRIGGER {name}_slow BEFORE DELETE ON {name} FOR EACH ROW DO SLEEP(0.02);"
            )
        self.db.sql("\n".join(sql))
        return independent_check.snapshot(self.db, databases=["side"])

    def passes(self):
        """{table: (begin, end)} of the last run, in whole seconds."""
        with sqlite3.connect(f"file:{self.state}?mode=ro", uri=True) as journal:
            rows = journal.execute(
                "SELECT t.table_name, p.started_at, p.finished_at FROM passes p JOIN tables t "
                "ON t.id = p.table_id WHERE p.run_id = (SELECT MAX(id) FROM runs)"
            ).fetchall()
        journal.close()
        return {name: (begin, end) for name, begin, end in rows}

    def overlap(self, one, other):
        (begin, end), (other_begin, other_end) = one, other
        return begin < other_end and other_begin < end

    def configure_workers(self, workers, **settings):
        self.configure(
            ["side"],
            source_settings={
                "allow_delete_triggers": True,
                "table_workers": workers,
                "delete_connections": workers,
                "batch_rows": 20,
                **settings,
            },
        )

    def test_independent_tables_overlap_and_only_with_two_workers(self):
        tables = ["a", "b", "c", "d"]
        seconds = {}
        for workers in (1, 2):
            before = self.make(tables, rows=150, slow=tables)
            self.configure_workers(workers)
            started = time.monotonic()
            self.run_archiver()
            seconds[workers] = time.monotonic() - started
            self.assert_archived(before, dict.fromkeys(tables, 135))
            self.assert_nothing_lost(before)
            passes = self.passes()
            pairs = list(itertools.combinations(tables, 2))
            overlapping = [p for p in pairs if self.overlap(passes[p[0]], passes[p[1]])]
            if workers == 1:
                self.assertEqual(overlapping, [])
            else:
                self.assertGreaterEqual(len(overlapping), 2, passes)
            self.tearDownRun()
        # Sleeping rows make the time; no CPU is fought for.
        self.assertLess(seconds[2], 0.75 * seconds[1])

    def tearDownRun(self):
        self.doCleanups()
        self.setUp()

    def test_tables_that_refer_to_each_other_never_overlap(self):
        seed = int(time.time()) // 86400
        print(f"seed {seed}")
        chance = random.Random(seed)
        tables = [f"t{number}" for number in range(7)]
        references = []
        for child, parent in itertools.combinations(tables, 2):
            if chance.random() < 0.3:
                references.append((child, parent))
        before = self.make(tables, references, rows=60, slow=tables)
        self.configure_workers(4)
        self.run_archiver()
        self.assert_archived(before, dict.fromkeys(tables, 54))
        self.assert_nothing_lost(before)
        passes = self.passes()
        above = {table: {parent for child, parent in references if child == table} for table in tables}
        for _ in tables:
            for table in tables:
                above[table] |= set().union(*(above[parent] for parent in above[table]), set())
        for child in tables:
            for parent in above[child]:
                self.assertLessEqual(passes[child][1], passes[parent][0], (child, parent, passes))

    def test_tables_that_share_dependents_take_turns(self):
        before = self.make(["a", "b", "extra"], [("extra", "a"), ("extra", "b")], slow=["a", "b"])
        self.db.sql("ALTER TABLE side.extra DROP COLUMN deleted_at")
        before = independent_check.snapshot(self.db, databases=["side"])
        self.configure_workers(3, dependents="archive")
        self.run_archiver()
        self.assert_archived(before, {"a": 36, "b": 36, "extra": 36})
        self.assert_nothing_lost(before)
        passes = self.passes()
        self.assertFalse(self.overlap(passes["a"], passes["b"]), passes)

    def test_max_rows_is_exact_over_all_workers(self):
        tables = ["a", "b", "c", "d", "e"]
        for limit in (1, 77, 130):
            before = self.make(tables)
            self.configure_workers(4)
            self.run_archiver("--max-rows", str(limit))
            gone = independent_check.archived_rows(before, self.db)
            self.assertEqual(sum(gone.values()), limit)
            self.assert_nothing_lost(before)
            self.tearDownRun()

    def test_one_table_that_fails_does_not_stop_the_others(self):
        tables = ["a", "b", "c", "d"]
        before = self.make(tables)
        self.db.sql(
            "CREATE TRIGGER side.refuse BEFORE DELETE ON side.b FOR EACH ROW "
            "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not today'"
        )
        self.configure_workers(3)
        result = self.run_archiver(code=1)
        self.assertIn("not today", result.stderr)
        self.assert_archived(before, {"a": 36, "c": 36, "d": 36})
        self.assert_nothing_lost(before, kept=True)
        states = {table["table"]: table["state"] for table in self.last_run()["tables"]}
        self.assertEqual(states, {"a": "completed", "b": "failed", "c": "completed", "d": "completed"})
        self.db.sql("DROP TRIGGER side.refuse")
        self.run_archiver()
        self.assert_archived(before, dict.fromkeys(tables, 36))
        self.assert_nothing_lost(before)

    def test_killed_with_two_workers_and_run_again(self):
        tables = ["a", "b", "c", "d"]
        references = [("a", "b"), ("c", "d")]
        places = [
            ("batch-archived", 3),
            ("batch-verified", 4),
            ("batch-delete-executed", 3),
            ("batch-commit-after", 5),
            ("batch-deleted", 4),
            ("segment-sealing-journaled", 2),
            ("journal-commit-after", 30),
            ("archive-commit-after", 5),
            ("pass-end", 2),
        ]
        for place, number in places:
            with self.subTest(f"{place}@{number}"):
                before = self.make(tables, references, rows=60)
                self.configure_workers(2)
                killed = self.run_archiver(code=None, failpoints=f"{place}=kill@{number}")
                self.assertEqual(killed.code, -signal.SIGKILL, killed.stderr)
                self.run_archiver()
                self.assert_archived(before, dict.fromkeys(tables, 54))
                self.assert_nothing_lost(before)
                results = {finding["result"] for finding in self.verify()["segments"]}
                self.assertEqual(results, {"ok"})
                self.tearDownRun()

    def test_stopped_with_two_workers(self):
        tables = ["a", "b", "c"]
        before = self.make(tables, rows=300, slow=tables)
        self.configure_workers(2)
        process = osarchiver_runner.start(self.config, "run")
        time.sleep(1.5)
        process.send_signal(signal.SIGTERM)
        result = osarchiver_runner.finish(process)
        self.assertEqual(result.code, 5, result.stderr)
        self.assert_nothing_lost(before)
        self.run_archiver()
        self.assert_archived(before, dict.fromkeys(tables, 270))
        self.assert_nothing_lost(before)


if __name__ == "__main__":
    unittest.main()
