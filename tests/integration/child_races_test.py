"""Children that other clients insert at every step of a run: none vanishes by CASCADE or loses its
parent by SET NULL, the parent stays, and later goes without being archived again. On one server,
and on a Galera cluster whose other node the children come from."""

import unittest

import child_races
import independent_check
from archiver_case import ArchiverCase
from child_races import CHOSEN, PARENTS, VARIANTS, ChildHooks, parent_name
from galera_cluster import GaleraCluster


class ChildRaces(ArchiverCase):
    """What the two places have in common: `writer` is where children come from."""

    background = True

    @property
    def writer(self):
        return self.db

    def synchronize(self):
        """Everything written anywhere is seen by self.db."""

    def setUp(self):
        super().setUp()
        self.db.sql("DROP DATABASE IF EXISTS race_archive;" + child_races.schema())
        self.synchronize()
        self.before = independent_check.snapshot(self.db, databases=["race"])
        # CSV is read without a server's help; what is in SQL files is tested elsewhere.
        self.configure(["race"], formats=("csv",))

    def check_steps(self, steps):
        for number, step in enumerate(steps):
            with self.subTest(step):
                if number > 0:
                    self.doCleanups()
                    self.setUp()
                self.check_step(step)

    def check_step(self, step):
        hooks = ChildHooks(
            self.directory, self.writer, self.background and step in child_races.INSIDE
        )
        self.run_archiver(failpoints=hooks.failpoints(step))
        children = [hooks.inserted(number) for number in range(len(VARIANTS))]
        self.synchronize()
        first = self.blocked()
        for number, child in enumerate(children):
            self.check_table(step, number, child)
        if step in child_races.BEFORE:
            # Committed before the rows were locked: not one of them was missed.
            self.assertEqual(children, [True] * len(children), step)
        if step in child_races.AFTER:
            self.assertEqual(children, [False] * len(children), step)
        self.assertEqual(sum(first.values()), sum(children), step)
        self.check_later_nights(step, children)

    def check_table(self, step, number, child):
        name = f"{step}: {VARIANTS[number]}"
        if child:
            self.assertEqual(self.count(f"race.{parent_name(number)}"), 1, name)
            self.assertEqual(self.count(f"race.{parent_name(number)}", f"id={CHOSEN}"), 1, name)
        else:
            self.assertEqual(self.count(f"race.{parent_name(number)}"), 0, name)
        column = VARIANTS[number][1]
        referred = self.count(
            f"race.c{number} JOIN race.{parent_name(number)} p ON ref = p.{column}"
        )
        self.assertEqual(referred, 1 if child else 0, name)
        self.assertEqual(self.count(f"race.c{number}"), 1 if child else 0, name)

    def check_later_nights(self, step, children):
        # The next night leaves them, and archives nothing.
        self.run_archiver()
        run = self.last_run()
        self.assertEqual((run["rows"]["archived"], run["rows"]["deleted"]), (0, 0), step)
        self.assertEqual(sum(self.blocked().values()), sum(children), step)
        # The children go; their parents follow, compared with what was archived and not archived
        # again, unless they never had been.
        archived = self.copies()
        self.db.sql("".join(f"DELETE FROM race.c{i};" for i in range(len(VARIANTS))))
        self.run_archiver()
        self.assertEqual(self.last_run()["rows"]["deleted"], sum(children), step)
        self.assertEqual(self.blocked(), {}, step)
        self.assertEqual(self.copies(), PARENTS * len(VARIANTS), step)
        if step != "batch-read":
            self.assertEqual(archived, PARENTS * len(VARIANTS), step)
        parents = {t: rows for t, rows in self.before.items() if t[1].startswith("p")}
        self.assert_nothing_lost(parents, formats=("csv",))

    def copies(self):
        return sum(
            self.count(f"race_archive.{parent_name(number)}") for number in range(len(VARIANTS))
        )

    def blocked(self):
        """{table: rows} as status counts them; the examples name the parent."""
        found = {}
        for table in self.last_run()["tables"]:
            for reason in table["blocked"]:
                self.assertEqual(reason["examples"], [str(CHOSEN)])
                self.assertEqual(self.db.query(reason["select"]), [[str(CHOSEN)]])
                found[table["table"]] = reason["rows"]
        return found


class OneServerTest(ChildRaces):
    def test_children_that_come_before_the_rows_are_locked(self):
        self.check_steps(child_races.BEFORE)

    def test_children_that_come_while_the_rows_are_locked(self):
        self.check_steps(child_races.INSIDE)

    def test_children_that_come_too_late(self):
        self.check_steps(child_races.AFTER)

    def test_the_rows_are_locked_through_the_referenced_key(self):
        """A child's INSERT locks its parent's record in the index of the referenced key alone."""
        self.db.sql("SET GLOBAL log_output='TABLE'; SET GLOBAL general_log=ON;")
        self.addCleanup(self.db.sql, "SET GLOBAL general_log=OFF; TRUNCATE mysql.general_log;")
        self.run_archiver()
        self.db.sql("SET GLOBAL general_log=OFF;")
        locking = [
            row[0]
            for row in self.db.query(
                "SELECT argument FROM mysql.general_log WHERE command_type='Query' "
                "AND argument LIKE '%FOR UPDATE'"
            )
        ]
        # The optimizer must see rows, and more of them than are asked for.
        self.db.sql(child_races.schema())
        for number, (rule, column) in enumerate(VARIANTS):
            name = parent_name(number)
            self.db.sql(
                f"INSERT INTO {name} SELECT 10000 + seq, 10000 + seq, 10000 + seq, 'live', NULL, 0 "
                f"FROM seq_1_to_4000; ANALYZE TABLE {name};",
                database="race",
            )
            statements = [sql for sql in locking if f"`{name}`" in sql]
            self.assertEqual(len(statements) > 0, rule != "RESTRICT", (rule, column))
            for sql in statements:
                # id, select_type, table, type, possible_keys, key, ...
                (plan,) = self.db.query("EXPLAIN " + sql)
                index = {"id": "PRIMARY", "uuid": "by_uuid", "tag": "by_tag"}[column]
                self.assertEqual((plan[3], plan[5]), ("range", index), sql)


class ClusterTest(ChildRaces):
    """The children come from the other node, where no lock of osarchiver's is seen: the write
    that is certified first wins."""

    background = False

    @classmethod
    def setUpClass(cls):
        cls.cluster = GaleraCluster(nodes=2)
        cls.addClassCleanup(cls.cluster.close)
        cls.db = cls.cluster.nodes[0]

    @property
    def writer(self):
        return self.cluster.nodes[1]

    def synchronize(self):
        for node in self.cluster.nodes:
            self.cluster.wait_applied(node)

    def test_children_that_come_before_the_rows_are_locked(self):
        self.check_steps(child_races.BEFORE)

    def test_children_that_come_before_the_commit(self):
        self.check_steps(child_races.INSIDE)

    def test_children_that_come_too_late(self):
        self.check_steps(child_races.AFTER)


# Not to be run by itself.
del ChildRaces

if __name__ == "__main__":
    unittest.main()
