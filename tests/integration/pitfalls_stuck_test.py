"""How archivers get stuck or skip rows: one test for each way that no other file tests. The number
of a test is that of the pitfall."""

import os
import unittest

import independent_check
import small_sample
from pitfall_case import OLD, PitfallCase
from private_mariadb import PrivateMariadb

ELIGIBLE = small_sample.ELIGIBLE


class StuckTest(PitfallCase):
    def test_20_chain_of_rows_that_refer_to_their_own_table(self):
        for action in ("RESTRICT", "CASCADE", "SET NULL"):
            with self.subTest(action):
                self.doCleanups()
                self.setUp()
                before = self.make(
                    "CREATE TABLE nodes (id int PRIMARY KEY, parent int, deleted_at datetime, "
                    f"FOREIGN KEY (parent) REFERENCES nodes (id) ON DELETE {action});"
                    # 1 <- 2 <- 3 and so on; a chain from 11 that ends in a live row.
                    f"INSERT INTO nodes SELECT seq, NULLIF(seq - 1, 0), {OLD} FROM seq_1_to_9;"
                    f"INSERT INTO nodes VALUES (11, NULL, {OLD}), (12, 11, {OLD}), (13, 12, NULL);"
                )
                self.configure(["pit"], source_settings={"batch_rows": 4})
                for _ in range(12):
                    self.run_archiver()
                    self.assert_nothing_lost(before)
                    if independent_check.archived_rows(before, self.db)[("pit", "nodes")] == 9:
                        break
                self.assert_archived(before, {"nodes": 9})
                self.assertEqual(self.count("pit.nodes", "parent IS NOT NULL"), 2)

    def test_27_tables_in_a_cycle_do_not_stop_the_run(self):
        before = self.make(
            "CREATE TABLE a (id int PRIMARY KEY, b int, deleted_at datetime);"
            "CREATE TABLE b (id int PRIMARY KEY, a int, deleted_at datetime, FOREIGN KEY (a) REFERENCES a (id));"
            f"INSERT INTO a VALUES (1, NULL, {OLD}), (2, NULL, {OLD}); INSERT INTO b VALUES (1, 1, {OLD}), (2, NULL, NULL);"
            "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b (id); UPDATE a SET b=2 WHERE id=2;"
            "CREATE TABLE c (id int PRIMARY KEY, deleted_at datetime);"
            f"INSERT INTO c VALUES (1, {OLD});"
        )
        self.configure(["pit"])
        self.run_archiver()
        self.assert_nothing_lost(before)
        self.assert_archived(before, {"a": 2, "b": 1, "c": 1})

    def test_27_referenced_table_without_the_column(self):
        before = self.make(
            "CREATE TABLE kinds (id int PRIMARY KEY); CREATE TABLE things (id int PRIMARY KEY, kind int, deleted_at datetime, FOREIGN KEY (kind) REFERENCES kinds (id));"
            f"INSERT INTO kinds VALUES (1); INSERT INTO things VALUES (1, 1, {OLD});"
        )
        self.configure(["pit"])
        self.assert_silent(self.run_archiver())
        self.assert_archived(before, {"things": 1})

    def test_28_blocked_rows_do_not_come_again_every_night(self):
        before = self.load_small()
        self.db.sql(
            "UPDATE small.server_tags SET deleted_at=NULL, deleted=0 WHERE tag='a' AND "
            "server_uuid IN (SELECT uuid FROM small.servers WHERE id <= 40)"
        )
        before = independent_check.snapshot(self.db, databases=["small"])
        self.configure(source_settings={"batch_rows": 10})
        self.run_archiver()
        self.assert_nothing_lost(before)
        segments = self.segments()
        self.assertEqual(self.tables()["servers"]["rows"]["blocked"], 30)
        self.assert_silent(self.run_archiver())
        self.assertEqual(self.segments(), segments)
        self.assertEqual(self.tables()["servers"]["rows"]["blocked"], 30)
        reason = self.tables()["servers"]["blocked"][0]
        self.assertEqual(reason["referring"], "small.server_tags")
        self.assertEqual(reason["rows"], 30)
        self.assertEqual(len(self.db.query(reason["select"].rstrip(";"))), 30)
        # Freed, they go.
        self.db.sql(
            f"UPDATE small.server_tags SET deleted_at={OLD}, deleted=9 WHERE deleted=0 AND tag='a'"
        )
        self.run_archiver()
        self.assertEqual(self.tables()["servers"]["rows"]["deleted"], 30)

    def test_29_children_that_services_never_delete(self):
        before = self.make(
            "CREATE TABLE instances (id int PRIMARY KEY, uuid varchar(36) NOT NULL UNIQUE, deleted_at datetime, deleted int);"
            "CREATE TABLE instance_actions (id int PRIMARY KEY, instance_uuid varchar(36), deleted_at datetime, deleted int, FOREIGN KEY (instance_uuid) REFERENCES instances (uuid));"
            "CREATE TABLE instance_actions_events (id int PRIMARY KEY, action_id int, FOREIGN KEY (action_id) REFERENCES instance_actions (id));"
            # Names an instance and declares nothing: not ours to follow.
            "CREATE TABLE notes (id int PRIMARY KEY, instance_uuid varchar(36));"
            f"INSERT INTO instances VALUES (1, 'a', {OLD}, 1), (2, 'b', NULL, 0), (3, 'c', {OLD}, 3);"
            "INSERT INTO instance_actions VALUES (1, 'a', NULL, 0), (2, 'b', NULL, 0), (3, 'c', NULL, 0);"
            "INSERT INTO instance_actions_events VALUES (1, 1), (2, 2), (3, 3), (4, 3); INSERT INTO notes VALUES (1, 'a'), (2, 'b');"
        )
        self.configure(["pit"])
        self.run_archiver()
        self.assert_archived(before, {})
        self.source["dependents"] = {
            "instance_actions": "archive",
            "instance_actions_events": "archive",
        }
        self.rewrite()
        self.assert_silent(self.run_archiver())
        self.assert_archived(
            before, {"instances": 2, "instance_actions": 2, "instance_actions_events": 3}
        )
        self.assert_nothing_lost(before)
        self.verify()

    def test_31_schema_changes_of_the_source(self):
        before = self.load_small()
        self.configure()
        self.run_archiver("--table", "small.labels")
        self.db.sql(
            "ALTER TABLE small.labels ADD COLUMN colour varchar(10) AFTER label, MODIFY data varbinary(200);"
            f"INSERT INTO small.labels VALUES ('new', 'red', 1, REPEAT('x', 150), {OLD}, 1)"
        )
        self.assert_silent(self.run_archiver("--table", "small.labels"))
        self.assertEqual(
            self.count("small_archive.labels", "label='new' AND colour='red' AND LENGTH(data)=150"),
            1,
        )
        # What cannot be widened stops that table alone, with the ALTER that would mend it.
        self.db.sql(
            "ALTER TABLE small.labels MODIFY weight varchar(20);"
            f"INSERT INTO small.labels VALUES ('newer', 'red', 'heavy', NULL, {OLD}, 1)"
        )
        result = self.run_archiver(code=1)
        self.assertIn("ALTER TABLE", result.stderr)
        self.assertEqual(self.count("small.labels", "label='newer'"), 1)
        self.assertEqual(self.tables()["labels"]["state"], "failed")
        self.assertEqual(self.tables()["servers"]["rows"]["deleted"], ELIGIBLE["servers"])
        self.assertEqual({d["result"] for d in self.verify()["destinations"]}, {"ok"})
        self.assertTrue(before)

    def test_33_every_database_but_the_archive(self):
        with PrivateMariadb(profile="fast") as server:
            server.sql(small_sample.statements())
            server.sql(small_sample.statements("more"))
            before = independent_check.snapshot(server, databases=["small", "more"])
            self.configure()
            self.source.update(socket=server.socket, databases=["*"])
            self.settings["destinations"]["history"]["socket"] = server.socket
            self.rewrite()
            for _ in range(3):
                self.assert_silent(self.run_archiver())
            databases = {row[0] for row in server.query("SHOW DATABASES")}
            self.assertEqual(
                databases - {"mysql", "sys", "information_schema", "performance_schema"},
                {"small", "more", "small_archive", "more_archive"},
            )
            problems = independent_check.check(
                before, server, files=self.archives, archive=server, scratch=server
            )
            self.assertEqual(problems, [])
            archived = int(server.value("SELECT COUNT(*) FROM more_archive.labels"))
            self.assertEqual(archived, ELIGIBLE["labels"])

    def test_45_and_46_verify_misses_what_is_gone(self):
        self.load_small()
        self.configure()
        self.run_archiver()
        sql, csv = (
            next(name for name in self.segments() if f".labels." in name and name.endswith(ending))
            for ending in (".sql.zst", ".csv.zst")
        )
        os.rename(os.path.join(self.archives, sql), os.path.join(self.directory, "gone"))
        path = os.path.join(self.archives, csv)
        os.chmod(path, 0o640)
        with open(path, "r+b") as file:
            file.seek(os.path.getsize(path) // 3)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 1]))
        self.db.sql("DELETE FROM small_archive.servers LIMIT 1")
        report = self.verify(code=3)
        results = {finding["path"]: finding for finding in report["segments"]}
        by_name = {os.path.basename(path): finding for path, finding in results.items()}
        self.assertEqual(by_name[os.path.basename(sql)]["result"], "missing")
        self.assertEqual(by_name[os.path.basename(csv)]["result"], "corrupt")
        self.assertTrue(by_name[os.path.basename(csv)]["problems"])
        database = [f for f in report["destinations"] if "servers" in f["path"]]
        self.assertNotEqual(database[0]["result"], "ok")

    def test_48_archived_row_comes_back_changed(self):
        before = self.load_small()
        self.configure()
        self.run_archiver()
        self.db.sql(f"INSERT INTO small.labels VALUES ('label 40', 8.5, NULL, {OLD}, 40)")
        self.run_archiver()
        self.assertEqual(self.count("small.labels", "label='label 40'"), 0)
        self.assertEqual(self.count("small_archive.labels", "label='label 40' AND weight=8.5"), 1)
        self.assertEqual(self.count("small_archive.labels"), ELIGIBLE["labels"])
        self.assertEqual({d["result"] for d in self.verify()["destinations"]}, {"ok"})
        self.assertTrue(before)


if __name__ == "__main__":
    unittest.main()
