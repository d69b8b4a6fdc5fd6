"""How archivers lose or corrupt rows, seen in other tools: one test for each way that no other file
tests. The number of a test is that of the pitfall."""

import os
import shutil
import sqlite3
import unittest

import independent_check
import small_sample
from pitfall_case import OLD, PitfallCase
from private_mariadb import PrivateMariadb
from replica_pair import ReplicaPair

ELIGIBLE = small_sample.ELIGIBLE


class LostRowsTest(PitfallCase):
    def assert_moved(self, before, expected):
        self.assert_silent(self.run_archiver())
        self.assert_archived(before, expected)
        self.assert_nothing_lost(before)
        self.verify()

    def test_02_copy_is_read_back_before_the_delete(self):
        before = self.load_small()
        self.configure(source_settings={"batch_rows": 50})
        script = os.path.join(self.directory, "damage.sh")
        with open(script, "w", encoding="utf-8") as file:
            # A byte in the middle of the last frame's data, behind the program's back.
            file.write(
                f"test -e {self.directory}/damaged && exit 0; touch {self.directory}/damaged\n"
                f"for f in $(find {self.archives} -name '*.csv.zst'); do "
                "printf X | dd of=$f bs=1 seek=$(($(stat -c %s $f) / 2)) conv=notrunc status=none; done\n"
            )
        result = self.run_archiver(code=None, failpoints=f"batch-readback-before=run:sh {script}")
        self.assertIn(result.code, (1, 3), result.stderr)
        self.assertIn(".csv.zst", result.stderr)
        sound = {"formats": ("sql",), "kept": True}
        self.assert_nothing_lost(before, **{**sound, "files": None})
        damaged = [name for name in self.archive_files() if name.endswith(".damaged")]
        self.assertEqual(len(damaged), 1, self.archive_files())
        self.run_archiver()
        self.assert_archived(before, ELIGIBLE)
        self.assert_nothing_lost(before)
        self.assertEqual({s["result"] for s in self.verify()["segments"]}, {"ok"})

    def test_05_composite_key(self):
        rows = [
            f"('{a}', {b}, {OLD if (a + b) % 3 else 'NULL'}, 'v{a}-{b}')"
            for a in range(8)
            for b in range(-10, 25)
        ]
        before = self.make(
            "CREATE TABLE pairs (a varchar(10), b int, deleted_at datetime, v text, PRIMARY KEY (a, b));"
            f"INSERT INTO pairs VALUES {','.join(rows)};"
        )
        self.configure(["pit"], source_settings={"batch_rows": 7})
        self.assert_moved(before, {"pairs": sum("NULL" not in row for row in rows)})

    def test_06_keys_that_look_like_numbers(self):
        before = self.make(
            "CREATE TABLE names (name varchar(20) PRIMARY KEY, deleted_at datetime) COLLATE utf8mb4_bin;"
            f"INSERT INTO names VALUES ('7', {OLD}), ('07', NULL), ('7.0', NULL), (' 7', NULL), ('7e0', NULL), ('0', {OLD}), ('', NULL), ('x', NULL);"
            "CREATE TABLE folded (name varchar(20) PRIMARY KEY, deleted_at datetime);"
            f"INSERT INTO folded VALUES ('Straße', {OLD}), ('strasse', NULL), ('É', {OLD}), ('f', NULL);"
        )
        self.configure(["pit"])
        self.assert_moved(before, {"names": 2, "folded": 2})

    def test_07_children_of_cascade_and_set_null(self):
        before = self.make(
            "CREATE TABLE parents (id int PRIMARY KEY, deleted_at datetime);"
            "CREATE TABLE gone_with (id int PRIMARY KEY, parent int, FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE);"
            "CREATE TABLE nulled (id int PRIMARY KEY, parent int, FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE SET NULL);"
            f"INSERT INTO parents VALUES (1, {OLD}), (2, {OLD}), (3, {OLD}), (4, NULL);"
            "INSERT INTO gone_with VALUES (1, 1), (2, 4); INSERT INTO nulled VALUES (1, 2), (2, 4);"
        )
        self.configure(["pit"])
        self.assert_moved(before, {"parents": 1})
        self.assertEqual(self.last_run()["rows"]["blocked"], 2)

    def test_07_child_in_a_database_that_nobody_configured(self):
        self.make("CREATE TABLE parents (id int PRIMARY KEY, deleted_at datetime);")
        self.db.sql(f"INSERT INTO pit.parents VALUES (1, {OLD}), (2, {OLD})")
        self.make(
            "CREATE TABLE children (id int PRIMARY KEY, parent int, FOREIGN KEY (parent) REFERENCES pit.parents (id) ON DELETE CASCADE);"
            "INSERT INTO children VALUES (1, 1);",
            database="other",
        )
        self.addCleanup(self.db.sql, "DROP DATABASE other")
        # The account sees nothing of the other database but what PROCESS shows.
        self.db.create_user("archiver", "secret", "SELECT, DELETE ON pit.*")
        self.db.sql("GRANT PROCESS ON *.* TO 'archiver'@'%'")
        self.configure(["pit"], source_settings={"user": "archiver", "password": "secret"})
        self.run_archiver(code=None)
        self.assertEqual(self.count("other.children"), 1)
        self.assertEqual(self.count("pit.parents", "id=1"), 1)

    def test_08_somebody_elses_row_with_the_same_key(self):
        before = self.load_small()
        self.configure(source_settings={"batch_rows": 50})
        self.db.sql(
            "CREATE DATABASE small_archive; USE small_archive; CREATE TABLE labels LIKE small.labels;"
            "INSERT INTO labels VALUES ('label 40', 3.25, NULL, '2019-01-01', 1);"
        )
        result = self.run_archiver(code=1)
        self.assertIn("label 40", result.stderr)
        self.assertIn("database_name", result.stderr)
        self.assertEqual(self.count("small.labels", "label='label 40'"), 1)
        self.assertEqual(self.count("small_archive.labels", "label='label 40' AND weight=3.25"), 1)
        # All the others went.
        self.assert_archived(before, {**ELIGIBLE, "labels": ELIGIBLE["labels"] - 1})
        tables = {table["table"]: table for table in self.last_run()["tables"]}
        self.assertEqual(tables["labels"]["rows"]["conflict"], 1)
        self.assertEqual(tables["labels"]["state"], "failed")
        self.assertEqual(tables["servers"]["state"], "completed")
        # Night after night, the files get no copy of a row that cannot go.
        segments = self.segments()
        self.run_archiver(code=1)
        self.assertEqual(self.segments(), segments)
        self.assert_nothing_lost(before, archive=None)
        # Mended, it goes.
        self.db.sql("DELETE FROM small_archive.labels WHERE weight=3.25 AND label='label 40'")
        self.run_archiver()
        self.assert_archived(before, ELIGIBLE)
        self.assert_nothing_lost(before)

    def test_08_batches_behind_a_conflict_keep_their_order(self):
        """They are numbered already when the conflict makes their forerunner a later batch."""
        before = self.load_small()
        self.configure(source_settings={"batch_rows": 10})
        labels = ("label 25", "label 40", "label 41", "label 70")
        self.db.sql(
            "CREATE DATABASE small_archive; USE small_archive; CREATE TABLE labels LIKE small.labels;"
            + "".join(
                f"INSERT INTO labels VALUES ('{label}', 3.25, NULL, '2019-01-01', 1);"
                for label in labels
            )
        )
        self.run_archiver(code=1)
        conflicts = self.count("small_archive.labels", "weight=3.25 AND deleted=1")
        self.assertGreaterEqual(conflicts, 3)
        self.assert_archived(before, {**ELIGIBLE, "labels": ELIGIBLE["labels"] - conflicts})
        self.assertEqual({s["result"] for s in self.verify()["segments"]}, {"ok"})
        self.db.sql("DELETE FROM small_archive.labels WHERE weight=3.25 AND deleted=1")
        self.run_archiver()
        self.assert_archived(before, ELIGIBLE)
        self.assert_nothing_lost(before)

    def test_09_narrower_archive_column(self):
        before = self.load_small()
        self.configure()
        self.db.sql(
            "CREATE DATABASE small_archive; USE small_archive; CREATE TABLE labels LIKE small.labels;"
            "ALTER TABLE labels MODIFY data varbinary(5), MODIFY weight decimal(3,1);"
        )
        result = self.run_archiver(code=1)
        self.assertIn("labels", result.stderr)
        self.assertEqual(self.count("small.labels"), small_sample.LABELS)
        self.assertEqual(self.count("small_archive.labels"), 0)
        self.assert_archived(before, {name: ELIGIBLE[name] for name in ("servers", "server_tags")})

    def test_10_the_source_under_another_name(self):
        with PrivateMariadb(profile="fast", port=0) as server:
            server.sql(small_sample.statements())
            server.create_user("tcp", "secret")
            before = independent_check.snapshot(server, databases=["small"])
            self.configure()
            self.source["socket"] = server.socket
            history = self.settings["destinations"]["history"]
            del history["socket"], history["database_suffix"]
            history.update(
                host="127.0.0.1",
                port=server.port,
                user="tcp",
                password="secret",
                database_name="small",
            )
            self.rewrite()
            result = self.osarchiver("run", code=None)
            self.assertIn(result.code, (1, 2), result.stderr)
            self.assertEqual(
                independent_check.archived_rows(before, server)[("small", "labels")], 0
            )
            self.assertEqual(self.osarchiver("check", code=None).code, result.code)

    def test_10_the_source_by_way_of_its_replica(self):
        """What is deleted from the source is deleted from its replica too, archive or not."""
        pair = ReplicaPair()
        self.addCleanup(pair.close)
        pair.primary.sql(small_sample.statements())
        pair.catch_up()
        before = independent_check.snapshot(pair.primary, databases=["small"])
        self.configure()
        self.source["socket"] = pair.primary.socket
        history = self.settings["destinations"]["history"]
        del history["database_suffix"]
        history.update(socket=pair.replica.socket, database_name="{database}")
        self.rewrite()
        for command in ("check", "run"):
            result = self.osarchiver(command, code=None)
            self.assertIn(result.code, (1, 2), result.stderr)
            self.assertIn("small.labels would be the table itself", result.stderr)
        self.assertEqual(independent_check.archived_rows(before, pair.primary)[("small", "labels")], 0)
        # Under a name of its own the archive is out of the replication's reach.
        history["database_name"] = "{database}_archive"
        self.rewrite()
        self.run_archiver()
        pair.catch_up()
        self.assertEqual(
            independent_check.check(
                before, pair.primary, files=self.archives, archive=pair.replica, scratch=self.db
            ),
            [],
        )

    def test_12_two_sources_with_the_same_names(self):
        before = self.load_small()
        with PrivateMariadb(profile="fast") as other:
            other.sql(small_sample.statements())
            other.sql("UPDATE small.labels SET weight=weight+1")
            other_before = independent_check.snapshot(other, databases=["small"])
            self.configure(archive=False)
            self.settings["sources"]["other"] = {**self.source, "socket": other.socket}
            self.settings["archivers"]["main"]["sources"] = ["db", "other"]
            self.rewrite()
            self.assert_silent(self.run_archiver())
            for name, server, rows in (("db", self.db, before), ("other", other, other_before)):
                own = os.path.join(self.directory, "files-of-" + name)
                for path in self.archive_files():
                    if f".{name}." in path:
                        os.makedirs(own, exist_ok=True)
                        shutil.copy(os.path.join(self.archives, path), own)
                self.assertEqual(
                    independent_check.check(rows, server, files=own, scratch=other), []
                )
            self.verify()

    def test_13_excluded_table_does_not_come_back(self):
        before = self.make(
            "CREATE TABLE images (id varchar(36) PRIMARY KEY, deleted_at datetime);"
            "CREATE TABLE image_properties (id int PRIMARY KEY, image_id varchar(36), deleted_at datetime, FOREIGN KEY (image_id) REFERENCES images (id));"
            f"INSERT INTO images VALUES ('a', {OLD}), ('b', {OLD}), ('c', NULL);"
            f"INSERT INTO image_properties VALUES (1, 'a', {OLD}), (2, 'c', NULL), (3, 'b', {OLD});"
        )
        self.configure(["pit"], source_settings={"exclude_tables": ["images"]})
        self.assert_moved(before, {"image_properties": 2})
        # A child that is left out holds its parent, whatever `dependents` says.
        before = self.make(
            "CREATE TABLE images (id varchar(36) PRIMARY KEY, deleted_at datetime);"
            "CREATE TABLE image_tags (id int PRIMARY KEY, image_id varchar(36), FOREIGN KEY (image_id) REFERENCES images (id) ON DELETE CASCADE);"
            f"INSERT INTO images VALUES ('a', {OLD}), ('b', {OLD}); INSERT INTO image_tags VALUES (1, 'a');"
        )
        self.doCleanups()
        self.setUp()
        self.configure(
            ["pit"], source_settings={"exclude_tables": ["image_tags"], "dependents": "archive"}
        )
        self.run_archiver()
        self.assertEqual(self.count("pit.image_tags"), 1)
        self.assert_archived(before, {"images": 1})

    def test_16_failed_sync_is_not_forgotten(self):
        for number in (1, 2, 5):
            for place in ("file-sync-before", "directory-sync-before"):
                with self.subTest(f"{place}@{number}"):
                    self.doCleanups()
                    self.setUp()
                    before = self.load_small()
                    self.configure(source_settings={"batch_rows": 50})
                    result = self.run_archiver(code=None, failpoints=f"{place}=io-error@{number}")
                    self.assertIn(result.code, (0, 1), result.stderr)
                    if result.code == 1:
                        self.assertNotEqual(result.stderr, "")
                    self.run_archiver()
                    self.assert_archived(before, ELIGIBLE)
                    self.assert_nothing_lost(before)

    def test_23_journal_of_an_older_backup(self):
        before = self.load_small()
        self.configure(source_settings={"batch_rows": 50})
        self.run_archiver("--max-rows", "20", code=None)
        backup = os.path.join(self.directory, "backup.db")
        with sqlite3.connect(self.state) as journal, sqlite3.connect(backup) as copy:
            journal.backup(copy)
        journal.close()
        copy.close()
        self.run_archiver(code=-9, failpoints="batch-deleted=kill@3")
        for name in os.listdir(self.directory):
            if name.startswith("state.db"):
                os.remove(os.path.join(self.directory, name))
        os.rename(backup, self.state)
        files = {name: self.read_archive(name) for name in self.archive_files()}
        left = self.db.dump("small")
        archived = self.db.dump("small_archive")
        result = self.run_archiver(code=3)
        self.assertIn("rebuild-journal", result.stderr)
        self.assertEqual(self.db.dump("small"), left)
        self.assertEqual(self.db.dump("small_archive"), archived)
        self.assertEqual({name: self.read_archive(name) for name in self.archive_files()}, files)
        self.assert_nothing_lost(before, kept=True)

    def read_archive(self, name):
        with open(os.path.join(self.archives, name), "rb") as file:
            return file.read()

    def test_24_table_excluded_between_crash_and_next_run(self):
        for step in ("batch-archived", "batch-verified", "batch-delete-compared"):
            with self.subTest(step):
                # Rows that an earlier crash left archived would be deleted before this one.
                self.doCleanups()
                self.setUp()
                before = self.load_small()
                self.configure(source_settings={"batch_rows": 50})
                self.run_archiver("--table", "small.labels", code=-9, failpoints=f"{step}=kill")
                self.source["exclude_tables"] = ["labels"]
                self.rewrite()
                self.run_archiver()
                self.assertEqual(self.count("small.labels"), small_sample.LABELS)
                self.assert_nothing_lost(before, kept=True)
                self.source["exclude_tables"] = []
                self.rewrite()
                self.run_archiver()
                self.assert_archived(before, ELIGIBLE)
                self.assert_nothing_lost(before)

    def test_24_destination_added_between_crash_and_next_run(self):
        for step in ("batch-archived", "batch-verified", "batch-commit-after"):
            with self.subTest(step):
                self.doCleanups()
                self.setUp()
                before = self.load_small()
                self.configure(archive=False, source_settings={"batch_rows": 50})
                self.run_archiver(code=-9, failpoints=f"{step}=kill@1")
                gone = independent_check.archived_rows(before, self.db)
                self.configure(source_settings={"batch_rows": 50})
                self.run_archiver()
                self.assert_archived(before, ELIGIBLE)
                self.assert_nothing_lost(before, archive=None)
                # Only what was deleted before the destination existed may be missing there.
                for table, rows in ELIGIBLE.items():
                    missing = rows - self.count(f"small_archive.{table}")
                    self.assertLessEqual(missing, gone[("small", table)])


    def test_24_destination_taken_away_between_crash_and_next_run(self):
        # The last one is beyond the end of its files, which only their list of checksums lacks.
        for step in ("batch-archived", "batch-verified", "batch-delete-compared", "checksums-before"):
            with self.subTest(step):
                self.doCleanups()
                self.setUp()
                before = self.load_small()
                self.configure(source_settings={"batch_rows": 50})
                self.run_archiver("--table", "small.labels", code=-9, failpoints=f"{step}=kill")
                killed = self.last_run()["name"]
                self.settings["archivers"]["main"]["destinations"] = ["history"]
                self.rewrite()
                result = self.run_archiver()
                self.assertIn("destination files", result.stderr)
                self.assert_archived(before, ELIGIBLE)
                self.assert_nothing_lost(before, files=None)
                # Named again, it has its files closed.
                self.settings["archivers"]["main"]["destinations"] = ["files", "history"]
                self.rewrite()
                self.assert_silent(self.run_archiver())
                self.assertEqual({s["result"] for s in self.verify()["segments"]}, {"ok"})
                self.assertIn(killed + ".sha256", map(os.path.basename, self.archive_files()))


if __name__ == "__main__":
    unittest.main()
