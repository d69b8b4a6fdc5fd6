"""What an operator reads about blocked rows, and that what it advises works: Nova's instances, whose
actions no service ever soft-deletes."""

import re
import unittest

import independent_check
from archiver_case import ArchiverCase

INSTANCES = 250
SCHEMA = f"""
SET foreign_key_checks=0; DROP DATABASE IF EXISTS nova_archive; CREATE OR REPLACE DATABASE nova; USE nova; SET foreign_key_checks=1;
CREATE TABLE instances (id INT PRIMARY KEY, uuid VARCHAR(36) NOT NULL UNIQUE, deleted_at DATETIME, deleted INT);
CREATE TABLE instance_actions (id INT PRIMARY KEY, instance_uuid VARCHAR(36), deleted_at DATETIME, deleted INT,
    CONSTRAINT actions_of FOREIGN KEY (instance_uuid) REFERENCES instances (uuid));
CREATE TABLE instance_actions_events (id INT PRIMARY KEY, action_id INT, deleted_at DATETIME, deleted INT,
    CONSTRAINT events_of FOREIGN KEY (action_id) REFERENCES instance_actions (id));
CREATE TABLE instance_extra (instance_uuid VARCHAR(36) PRIMARY KEY, flavor TEXT,
    CONSTRAINT extra_of FOREIGN KEY (instance_uuid) REFERENCES instances (uuid) ON DELETE CASCADE);
INSERT INTO instances SELECT seq, CONCAT('uuid-', seq), '2024-01-01', seq FROM seq_1_to_{INSTANCES};
INSERT INTO instances VALUES (1000, 'uuid-live', NULL, 0);
INSERT INTO instance_actions SELECT 10 * id, uuid, NULL, 0 FROM instances;
INSERT INTO instance_actions_events SELECT id + 1, id, NULL, 0 FROM instance_actions;
INSERT INTO instance_extra SELECT uuid, 'm1.small' FROM instances WHERE id <= 250 AND id MOD 5 = 0;
"""


class BlockedReportTest(ArchiverCase):
    def setUp(self):
        super().setUp()
        self.db.sql(SCHEMA)
        self.configure(["nova"])

    def reasons(self, table="instances"):
        """{referring table: reason} of the last run, held against the text that people read and
        against the rows that its statement lists."""
        found = {}
        for passed in self.last_run()["tables"]:
            if passed["table"] != table:
                continue
            for reason in passed["blocked"]:
                found[reason["referring"]] = reason
                listed = self.db.query(reason["select"])
                self.assertEqual(len(listed), reason["rows"])
                self.assertEqual(len(reason["examples"]), min(100, reason["rows"]))
                self.assertLessEqual(set(reason["examples"]), {row[0] for row in listed})
        text = self.osarchiver("status", "--blocked").stdout
        for reason in found.values():
            self.assertIn(
                f"nova.{table}: {reason['rows']} rows stay: {reason['why']} in "
                f"{reason['referring']} ({reason['constraint']})",
                text,
            )
            self.assertIn("all of them: " + reason["select"], text)
            self.assertIn("for example: " + "; ".join(reason["examples"]), text)
            if reason["advice"]:
                self.assertIn("to free them: " + reason["advice"], text)
        return found

    def follow(self, advice):
        """Puts the setting that was printed into the configuration, as it stands."""
        inner = re.fullmatch(r"dependents: \{(.*)\}", advice).group(1)
        self.source["dependents"] = dict(pair.split(": ") for pair in inner.split(", "))
        self.rewrite()

    def test_the_printed_setting_frees_the_instances_in_one_run(self):
        self.run_archiver()
        self.assertEqual(self.last_run()["rows"]["deleted"], 0)
        reasons = self.reasons()
        self.assertEqual(
            {name: (reason["why"], reason["rows"]) for name, reason in reasons.items()},
            {
                "nova.instance_actions": ("live child", INSTANCES),
                "nova.instance_extra": ("child without soft-delete column", INSTANCES // 5),
            },
        )
        advice = reasons["nova.instance_actions"]["advice"]
        self.assertEqual(
            advice, "dependents: {instance_actions: archive, instance_actions_events: archive}"
        )
        self.follow(advice)
        self.run_archiver()
        # Four of five are free; the others tell what else they need, and keep what is set.
        self.assertEqual(self.count("nova.instances"), 1 + INSTANCES // 5)
        reasons = self.reasons()
        self.assertEqual(list(reasons), ["nova.instance_extra"])
        self.follow(reasons["nova.instance_extra"]["advice"])
        self.run_archiver()
        self.assertEqual(self.reasons(), {})
        for table, rows in (
            ("instances", INSTANCES),
            ("instance_actions", INSTANCES),
            ("instance_actions_events", INSTANCES),
            ("instance_extra", INSTANCES // 5),
        ):
            self.assertEqual(self.count(f"nova_archive.{table}"), rows)
            # What belongs to the live instance stays.
            self.assertEqual(self.count(f"nova.{table}"), 1 if table != "instance_extra" else 0)

    def test_an_excluded_dependent_blocks_the_whole_tree(self):
        self.source["dependents"] = {
            "instance_actions": "archive",
            "instance_actions_events": "archive",
            "instance_extra": "archive",
        }
        self.source["exclude_tables"] = ["instance_actions_events"]
        self.rewrite()
        self.run_archiver()
        # Neither the instances nor what would go with them.
        self.assertEqual(self.last_run()["rows"]["deleted"], 0)
        self.assertEqual(self.count("nova.instance_extra"), INSTANCES // 5)
        reasons = self.reasons()
        self.assertEqual(list(reasons), ["nova.instance_actions_events"])
        reason = reasons["nova.instance_actions_events"]
        self.assertEqual((reason["why"], reason["rows"]), ("excluded table", INSTANCES))
        self.assertIn("exclude_tables has 'instance_actions_events'", reason["advice"])
        self.source["exclude_tables"] = []
        self.rewrite()
        self.run_archiver()
        self.assertEqual(self.count("nova.instances"), 1)

    def test_live_rows_that_no_setting_names_block_the_whole_tree(self):
        self.source["dependents"] = {"instance_actions": "archive", "instance_extra": "archive"}
        self.rewrite()
        self.run_archiver()
        self.assertEqual(self.last_run()["rows"]["deleted"], 0)
        reasons = self.reasons()
        self.assertEqual(list(reasons), ["nova.instance_actions_events"])
        self.follow(reasons["nova.instance_actions_events"]["advice"])
        self.assertEqual(len(self.source["dependents"]), 3)
        self.run_archiver()
        self.assertEqual(self.count("nova.instances"), 1)
        self.assertEqual(self.reasons(), {})

    def test_more_dependents_than_a_transaction_should_hold(self):
        # Twenty batches are the most that go with one row.
        self.db.sql(
            "INSERT INTO instance_actions SELECT 100000 + seq, 'uuid-7', NULL, 0 FROM seq_1_to_450; "
            "INSERT INTO instance_actions SELECT 200000 + seq, 'uuid-9', NULL, 0 FROM seq_1_to_450",
            "nova",
        )
        before = independent_check.snapshot(self.db, databases=["nova"])
        self.source["dependents"] = {"*": "archive"}
        self.source["batch_rows"] = 20
        self.rewrite()
        self.run_archiver()
        reason = self.reasons()["nova.instance_actions"]
        self.assertEqual(reason["why"], "more dependents than one transaction should hold")
        self.assertEqual(sorted(reason["examples"]), ["7", "9"])
        self.assertEqual(self.count("nova.instances"), 3)
        self.assertEqual(self.last_run()["rows"]["blocked"], 2)
        self.assert_nothing_lost(before)

        self.assertIn("batch_rows", reason["advice"])
        self.source["batch_rows"] = 50
        self.rewrite()
        self.run_archiver()
        self.assertEqual(self.reasons(), {})
        self.assertEqual(self.count("nova.instances"), 1)
        self.assert_nothing_lost(before)

    def test_three_nights_with_blocked_rows_archive_nothing_twice(self):
        self.db.sql("DELETE FROM nova.instance_actions_events WHERE id MOD 3 = 0;")
        self.db.sql(
            "DELETE a FROM instance_actions a LEFT JOIN instance_actions_events e "
            "ON action_id = a.id WHERE e.id IS NULL;",
            database="nova",
        )
        before = self.count("nova.instances")
        for night in range(3):
            self.run_archiver()
            gone = before - self.count("nova.instances")
            self.assertGreater(gone, 0)
            self.assertEqual(self.count("nova_archive.instances"), gone)
            self.assertEqual(self.last_run()["rows"]["deleted"], gone if night == 0 else 0)
            self.assertEqual(self.last_run()["rows"]["archived"], 0)

    def test_rows_that_another_table_frees_go_in_the_same_run(self):
        """A disk is held by an attachment, which is held by a live disk; both go with the server."""
        self.db.sql(
            """CREATE OR REPLACE DATABASE freed; USE freed; SET foreign_key_checks=0;
            CREATE TABLE disks (id INT PRIMARY KEY, deleted_at DATETIME, boots INT,
                FOREIGN KEY (boots) REFERENCES attachment (id) ON DELETE SET NULL);
            CREATE TABLE servers (id INT PRIMARY KEY, deleted_at DATETIME);
            CREATE TABLE attachment (id INT PRIMARY KEY, disk INT, server INT,
                FOREIGN KEY (disk) REFERENCES disks (id) ON DELETE SET NULL,
                FOREIGN KEY (server) REFERENCES servers (id));
            INSERT INTO servers VALUES (1, '2024-01-01'), (2, NULL);
            INSERT INTO disks VALUES (1, '2024-01-01', NULL), (2, '2024-01-01', NULL), (3, NULL, 1),
                (4, NULL, 2);
            INSERT INTO attachment VALUES (1, 1, 1), (2, 2, 2);"""
        )
        self.configure(
            ["freed"],
            source_settings={"dependents": {"attachment": "archive", "disks": "archive"}},
        )
        before = independent_check.snapshot(self.db, databases=["freed"])
        self.run_archiver()
        self.assert_archived(before, {"disks": 2, "servers": 1, "attachment": 1})
        blocked = {t["table"]: t["blocked"] for t in self.last_run()["tables"]}
        (reason,) = blocked["disks"]
        self.assertEqual((reason["rows"], reason["examples"]), (1, ["2"]))
        self.assert_nothing_lost(before)
        self.verify()

    def test_check_and_dry_run_say_the_order_and_why(self):
        check = self.osarchiver("check").stdout
        lines = [line for line in check.split("\n") if re.match(r" +\d+\. ", line)]
        order = [re.match(r" +\d+\. (\S+):", line).group(1) for line in lines]
        self.assertEqual(
            order, ["nova.instance_actions_events", "nova.instance_actions", "nova.instances"]
        )
        self.assertIn("before `instance_actions`, which it refers to", lines[0])
        self.assertIn("before `instances`, which it refers to", lines[1])
        self.assertIn("after `instance_actions`, which refers to it", lines[2])
        plan = self.osarchiver("run", "--dry-run").stdout
        for line in lines:
            self.assertIn(line.split("; ", 1)[1], plan)
        self.assertIn(str(INSTANCES), plan)


if __name__ == "__main__":
    unittest.main()
