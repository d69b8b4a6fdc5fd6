"""A real two-node Galera cluster: flow control holds a run back, a node that is not Synced too,
certification conflicts cost a retry and no row, and write-set limits are kept."""

import subprocess
import time
import unittest

import independent_check
from galera_cluster import GaleraCluster
from throttle_case import ThrottleCase


class GaleraThrottleTest(ThrottleCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = GaleraCluster(nodes=2)
        cls.addClassCleanup(cls.cluster.close)
        cls.db, cls.other = cls.cluster.nodes

    def prepare(self, rows=3000, batch_rows=100, per_row_s=0.0, **settings):
        before = self.fill(self.db, rows, per_row_s)
        self.cluster.wait_applied(self.other)
        self.configure(
            ["slow"], archive=False, source_settings={
                "batch_rows": batch_rows, "allow_delete_triggers": True, **settings
            }
        )
        self.use_log_file()
        return before

    def log_text(self):
        with open(self.settings["log"]["file"], encoding="utf-8") as file:
            return file.read()

    def slow_other_node(self, seconds):
        """The other node needs so long to apply a deleted row, and asks for a pause early."""
        self.other.set_provider_option("gcs.fc_limit=1")
        self.other.sql(
            "SET GLOBAL slave_run_triggers_for_rbr=YES; SET SESSION wsrep_on=OFF; "
            "CREATE OR REPLACE TRIGGER slow.only_here BEFORE DELETE ON slow.t FOR EACH ROW "
            f"DO SLEEP({seconds})"
        )

    def fast_other_node(self):
        for _ in range(100):
            # The applier may abort it while it waits for the table.
            answer = self.other.sql(
                "SET SESSION wsrep_on=OFF; DROP TRIGGER IF EXISTS slow.only_here", check=False
            )
            if not answer:
                break
            time.sleep(0.1)
        self.other.sql("SET GLOBAL slave_run_triggers_for_rbr=NO")
        self.other.set_provider_option("gcs.fc_limit=16")

    def test_flow_control_is_waited_for(self):
        before = self.prepare(rows=3000)
        self.slow_other_node(0.01)
        try:
            started = time.monotonic()
            self.begin()
            self.wait_for_reason(r"flow control pauses the cluster \d+ % of the time")
            self.assert_shown_everywhere("flow control pauses the cluster")
            self.assertGreater(self.rows_left(self.db), 0)
        finally:
            self.fast_other_node()
        self.end()
        self.assertGreater(time.monotonic() - started, 1)
        self.assertEqual(self.rows_left(self.db), 0)
        self.cluster.wait_applied(self.other)
        self.assertEqual(self.rows_left(self.other), 0)
        self.assert_nothing_lost(before)
        self.assertIn("waiting: flow control pauses the cluster", self.log_text())

    def test_a_node_that_is_not_synced(self):
        before = self.prepare(rows=2000, per_row_s=0.002)
        self.begin()
        self.wait_for("the first rows", lambda: self.rows_left(self.db) < 2000)
        self.db.sql("SET GLOBAL wsrep_desync=ON")
        try:
            self.wait_for_reason("the node is .*not Synced")
            self.assert_stands_still(self.db, 1)
        finally:
            self.db.sql("SET GLOBAL wsrep_desync=OFF")
        self.end()
        self.assert_nothing_lost(before)

    def test_certification_conflicts_are_retried_and_lose_nothing(self):
        before = self.prepare(rows=1500, batch_rows=300)
        # Somebody on the other node un-deletes rows all the time, right where the run is deleting.
        undeleted = subprocess.Popen(
            self.other.client("--batch", "--skip-column-names", "--force"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        self.addCleanup(undeleted.communicate)
        failures = int(self.db.status("wsrep_local_cert_failures")) + int(
            self.db.status("wsrep_local_bf_aborts")
        )
        # Deleting lasts long enough to be met in the middle: the trigger is the run's own node's.
        self.db.sql(
            "SET SESSION wsrep_on=OFF; CREATE TRIGGER slow.only_here BEFORE DELETE ON slow.t "
            "FOR EACH ROW DO SLEEP(0.0005)"
        )
        self.begin()
        while self.process.poll() is None:
            left = self.db.query(
                "SELECT id FROM slow.t WHERE deleted_at IS NOT NULL ORDER BY id LIMIT 400"
            )
            for (key,) in left[5::40]:
                undeleted.stdin.write(
                    f"UPDATE slow.t SET deleted_at = NULL, name = 'back' WHERE id = {key};\n"
                )
            undeleted.stdin.flush()
            time.sleep(0.05)
        self.end()
        undeleted.communicate()
        now = int(self.db.status("wsrep_local_cert_failures")) + int(
            self.db.status("wsrep_local_bf_aborts")
        )
        print("certification failures and aborts of the run's node:", now - failures)
        self.assertGreater(now - failures, 0)
        self.assertIn("1213", self.log_text())
        self.cluster.wait_applied(self.db)
        self.run_archiver()
        # Rows that came back stay as they are; every other one is gone and archived as it was.
        back = {row[0] for row in self.db.query("SELECT id FROM slow.t WHERE name = 'back'")}
        self.assertGreater(len(back), 0)
        self.assertEqual(self.rows_left(self.db), 0)
        self.cluster.wait_applied(self.other)
        nodes = [
            {table: shape.rows for table, shape in independent_check.snapshot(node, databases=["slow"]).items()}
            for node in (self.db, self.other)
        ]
        self.assertEqual(nodes[0], nodes[1])
        self.assert_nothing_lost(self.final_rows(before), kept=True, versions=True)

    def final_rows(self, before):
        """The last version of every row: as it is in the source, or as it was before."""
        final = independent_check.snapshot(self.db, databases=["slow"])
        for table, shape in before.items():
            for key, row in shape.rows.items():
                final[table].rows.setdefault(key, row)
        return final

    def test_write_set_limits_of_the_cluster_are_kept(self):
        before = self.prepare(rows=2000, batch_rows=1000)
        self.db.sql("SET GLOBAL wsrep_max_ws_rows=100")
        try:
            self.run_archiver()
        finally:
            self.db.sql("SET GLOBAL wsrep_max_ws_rows=0")
        self.assertEqual(self.rows_left(self.db), 0)
        # Known beforehand, and not learned by being refused.
        self.assertNotIn("1180", self.log_text())
        self.assert_nothing_lost(before)

    def test_write_set_bytes_of_the_cluster_are_kept(self):
        before = self.prepare(rows=2000, batch_rows=1000)
        size = int(self.db.value("SELECT @@wsrep_max_ws_size"))
        self.db.sql("SET GLOBAL wsrep_max_ws_size=65536")
        try:
            self.run_archiver()
        finally:
            self.db.sql(f"SET GLOBAL wsrep_max_ws_size={size}")
        self.assertEqual(self.rows_left(self.db), 0)
        self.assertNotIn("Maximum writeset size", self.log_text())
        self.assert_nothing_lost(before)


if __name__ == "__main__":
    unittest.main()
