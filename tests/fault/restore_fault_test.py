"""A restore that is killed, stopped or given damaged archives: afterwards every row is there once or
not at all, the damage is named, and the same command goes on."""

import hashlib
import json
import os
import random
import shutil
import signal
import unittest

import osarchiver_runner
import segment_forge
from restore_case import RestoreCase

SEED = int(os.environ.get("OSARCHIVER_TEST_SEED", "20261126"))
PLACES = ("restore-insert-before", "restore-commit-before", "restore-commit-after")


class RestoreKilledTest(RestoreCase):
    def wipe(self):
        """The source as the run left it."""
        for table in ("server_tags", "servers", "labels"):
            keep = {"server_tags": "server_uuid, tag", "servers": "id", "labels": "label"}[table]
            self.db.sql(
                f"DELETE FROM small.{table} WHERE ({keep}) IN (SELECT {keep} FROM small_archive.{table})"
            )

    def test_killed_at_every_place_it_goes_on(self):
        for place in PLACES:
            for number in (1, 2, 3, 5, 9):
                with self.subTest(f"{place}@{number}"):
                    self.wipe()
                    killed = self.restore("--run", "last", code=None, failpoints=f"{place}=kill@{number}")
                    self.assertEqual(killed.code, -signal.SIGKILL, killed.stderr)
                    self.assertLess(self.now().row_count(), self.full.row_count())
                    self.restore("--run", "last")
                    self.assert_holds(self.full)

    def test_a_run_after_a_killed_restore_loses_nothing(self):
        for place in PLACES:
            with self.subTest(place):
                self.restore("--run", "1", code=-signal.SIGKILL, failpoints=f"{place}=kill@3")
                self.run_archiver()
                self.assert_holds(self.emptied)
                self.assert_nothing_lost(self.before)
                self.verify()

    def test_a_signal_ends_it_with_5_and_the_next_one_goes_on(self):
        for name in ("TERM", "HUP"):
            with self.subTest(name):
                self.wipe()
                stopped = self.restore(
                    "--run", "last", code=5, failpoints=f"restore-commit-after=run:kill -{name} $PPID"
                )
                self.assertNotIn("error", stopped.stderr)
                rows = self.now().row_count()
                self.assertTrue(self.emptied.row_count() < rows < self.full.row_count(), rows)
                self.restore("--run", "last")
                self.assert_holds(self.full)

    def test_segments_killed_in_the_middle_go_on(self):
        paths = self.segments("csv")
        self.restore_files(*paths, code=-signal.SIGKILL, failpoints="restore-commit-before=kill@4")
        self.restore_files(*paths)
        self.assert_holds(self.full)

    def test_the_server_ends_in_the_middle(self):
        script = os.path.join(self.directory, "restart")
        with open(script, "w", encoding="utf-8") as file:
            file.write(f"test -e {script}.done || {{ touch {script}.done; kill -9 {self.db.pid}; }}\n")
        process = osarchiver_runner.start(
            self.config, "restore", "--run", "last", "--yes", failpoints=f"restore-commit-before=run:sh {script}"
        )
        while self.db.running and process.poll() is None:
            pass
        self.db.kill9()
        self.db.start()
        result = osarchiver_runner.finish(process)
        self.assertIn(result.code, (0, 1), result.stderr)
        self.restore("--run", "last")
        self.assert_holds(self.full)


class RestoreDamagedTest(RestoreCase):
    def flip(self, path, offset, bit):
        with open(path, "rb") as file:
            content = bytearray(file.read())
        content[offset] ^= 1 << bit
        os.chmod(path, 0o640)
        with open(path, "wb") as file:
            file.write(content)

    def batches(self, path):
        """[(batch number, rows, begin of the frame, end of its record)]"""
        found = []
        for part in segment_forge.take_apart(path):
            if part.tag == b"osaBATC1":
                found.append((part.json["batch"], part.json["rows"], part.json["frame_offset"]))
        ends = [begin for _, _, begin in found[1:]] + [os.path.getsize(path)]
        return [(number, rows, begin, end) for (number, rows, begin), end in zip(found, ends)]

    def test_a_changed_bit_in_the_only_copy_leaves_out_that_batch_by_name(self):
        self.only("files")
        os.remove(self.segments("csv", "servers")[0])
        path = self.segments("sql", "servers")[0]
        (number, rows, begin, _) = self.batches(path)[1]
        self.flip(path, begin + 40, 3)
        result = self.restore("--run", "last", code=3)
        self.assertIn(f"batch {number} of small.servers", result.stderr)
        self.assertIn("none of its rows was written", result.stderr)
        self.assertEqual(self.count("small.servers"), len(self.full.read["servers"]) - rows)
        self.assertEqual(self.now().read["labels"], self.full.read["labels"])

    def test_another_copy_takes_its_place_and_the_damage_is_named(self):
        path = self.segments("sql", "servers")[0]
        self.flip(path, self.batches(path)[1][2] + 40, 3)
        result = self.restore("--run", "last", code=3)
        self.assertIn(path, result.stderr)
        self.assertIn("taken from another copy", result.stderr)
        self.assert_holds(self.full)

    def test_bits_changed_anywhere_are_never_restored(self):
        """Sampled over a whole segment; tests/unit/formats/segment_damage_test.cc flips every byte."""
        print(f"seed {SEED}")
        random_source = random.Random(SEED)
        path = self.segments("csv", "labels")[0]
        whole = path + ".whole"
        shutil.copy(path, whole)
        spans = self.batches(path)
        rows_of = self.now_labels()
        for _ in range(40):
            offset, bit = random_source.randrange(os.path.getsize(path)), random_source.randrange(8)
            with self.subTest(offset=offset, bit=bit):
                self.db.sql("DELETE FROM small.labels")
                shutil.copy(whole, path)
                self.flip(path, offset, bit)
                result = self.restore_files(path, code=None)
                self.assertEqual(result.code, 3, result.stderr)
                restored = set(self.now().read["labels"])
                self.assertLessEqual(restored, rows_of, "a row that never was")
                hit = [(number, rows) for number, rows, begin, end in spans if begin <= offset < end]
                missing = len(rows_of) - len(restored)
                # The record of a batch proves the one behind it too; no more than the file is lost.
                self.assertIn(missing, {0, hit[0][1], len(rows_of)} | {hit[0][1] + rows for _, rows, _, _ in spans})
        self.db.sql("DELETE FROM small.labels")

    def now_labels(self):
        return set(self.full.read["labels"]) - set(self.emptied.read["labels"])

    def test_a_cut_file_gives_its_whole_batches(self):
        path = self.segments("csv", "labels")[0]
        spans = self.batches(path)
        os.chmod(path, 0o640)
        os.truncate(path, spans[1][2] + 20)
        result = self.restore_files(path, code=3)
        self.assertIn(path, result.stderr)
        self.assertEqual(self.count("small.labels"), len(self.emptied.read["labels"]) + spans[0][1])


class HostileSegmentTest(RestoreCase):
    """Files that somebody wrote who knows the format: every checksum is right."""

    def setUp(self):
        super().setUp()
        self.db.sql("CREATE OR REPLACE DATABASE victim; CREATE TABLE victim.t (id int); INSERT INTO victim.t VALUES (1)")
        self.addCleanup(self.db.sql, "DROP DATABASE victim; DROP DATABASE IF EXISTS elsewhere")
        self.path = os.path.join(self.directory, "small.labels.db.20200101T000000Z-00000000.1.sql.zst")

    def forge(self, ending="sql", change_text=None, change_header=None, change_batch=None):
        parts = segment_forge.take_apart(self.segments(ending, "labels")[0])
        forged = []
        for part in parts:
            if part.tag == b"osaHEAD1" and change_header:
                header = json.loads(json.dumps(part.json))
                change_header(header)
                part = part._replace(json=header)
            if part.tag == b"osaBATC1":
                part = part._replace(
                    text=change_text(part.text) if change_text else part.text,
                    json={**part.json, **(change_batch or {})},
                )
            forged.append(part)
        return segment_forge.put_together(forged, self.path)

    def assert_refused(self, *arguments):
        result = self.restore_files(self.path, arguments=arguments, code=None)
        self.assertNotEqual(result.code, 0, result.stdout)
        self.assertEqual(self.db.value("SELECT COUNT(*) FROM victim.t"), "1")
        self.assert_holds(self.emptied)
        return result

    def test_a_forged_file_without_malice_is_restored(self):
        """The forgery itself is right, so that the refusals below are for their reasons."""
        self.forge()
        self.restore_files(self.path)
        self.assertEqual(self.now().read["labels"], self.full.read["labels"])

    def test_statements_between_the_rows_are_never_run(self):
        for statement in (
            b"DROP TABLE victim.t;\n",
            b"SET GLOBAL read_only=1;\n",
            b"INSERT INTO victim.t VALUES (2);\n",
            b"/*! DELETE FROM victim.t */;\n",
            b"-- comment\n",
        ):
            for change in (
                lambda text: text + statement,
                lambda text: text.replace(b"INSERT INTO", statement + b"INSERT INTO", 1),
                lambda text: text.replace(b"\nON DUPLICATE KEY UPDATE", b";\n" + statement, 1),
            ):
                with self.subTest(statement):
                    self.forge(change_text=change)
                    result = self.assert_refused()
                    self.assertIn("batch", result.stderr)

    def test_expressions_in_the_place_of_values_are_refused(self):
        for expression in (b"(SELECT 1)", b"SLEEP(9)", b"LOAD_FILE('/etc/passwd')", b"@@version", b"1+1", b"0x41", b"b'1'", b"DEFAULT", b"''/**/", b"'a' 'b'"):
            with self.subTest(expression):
                # The flag column is the last one of each row.
                self.forge(change_text=lambda text: _replace_last_value(text, expression))
                self.assert_refused()

    def test_a_preamble_of_its_own_is_not_run(self):
        def change(text):
            if not text.startswith(b"-- osarchiver SQL 1"):
                return text
            line, _, rest = text.partition(b"\n")
            size = int(line.split(b"preamble of ")[1].split()[0])
            preamble = rest[:size] + b"DROP TABLE victim.t;\n"
            head = b"-- osarchiver SQL 1, preamble of %d bytes, SHA-256 %s\n" % (len(preamble), hashlib.sha256(preamble).hexdigest().encode())
            return head + preamble + rest[size:]

        self.forge(change_text=change)
        # The preamble is skipped, whatever it holds; the rows are the archived ones.
        self.restore_files(self.path)
        self.assertEqual(self.db.value("SELECT COUNT(*) FROM victim.t"), "1")
        self.assertEqual(self.now().read["labels"], self.full.read["labels"])

    def test_values_that_look_like_sql_are_values(self):
        evil = b"'); DROP TABLE victim.t; -- "
        self.db.sql(f"INSERT INTO small.labels (label, deleted_at, deleted) VALUES (x'{evil.hex()}', '2020-01-01', 1)")
        full = self.now()
        self.run_archiver()
        for path in self.segments("sql", "labels") + self.segments("csv", "labels"):
            self.restore_files(path)
        self.assertEqual(self.count("small.labels", f"label=x'{evil.hex()}'"), 1)
        self.assertEqual(self.db.value("SELECT COUNT(*) FROM victim.t"), "1")
        self.assertLessEqual(set(full.read["labels"]), set(self.now().read["labels"]))

    def test_definitions_that_are_more_than_a_definition_make_no_table(self):
        evil = "int) ENGINE=InnoDB; DROP TABLE victim.t; -- "
        changes = {
            "type": lambda header: header["table"]["columns"][1].update(type=evil),
            "comment": lambda header: header["table"]["columns"][1].update(type="float /*!40101 AS (SLEEP(9)) */"),
            "charset": lambda header: header["table"]["columns"][0].update(charset=evil),
            "collation": lambda header: header["table"]["columns"][0].update(collation=evil),
            "table charset": lambda header: header["table"].update(charset=evil),
            "table collation": lambda header: header["table"].update(collation=evil),
        }
        for name, change in changes.items():
            with self.subTest(name):
                self.forge(ending="csv", change_header=change)
                self.assert_refused("--to", "elsewhere")
                self.assertEqual(self.db.query("SHOW TABLES IN elsewhere") if self.db.query("SHOW DATABASES LIKE 'elsewhere'") else [], [])

    def test_names_are_quoted_whatever_they_are(self):
        name = "labels` (id int); DROP TABLE victim.t; --"
        self.forge(ending="csv", change_header=lambda header: header["table"].update(table=name))
        self.restore_files(self.path, arguments=("--to", "elsewhere"))
        self.assertEqual(self.db.query("SHOW TABLES IN elsewhere"), [[name]])
        self.assertEqual(self.db.value("SELECT COUNT(*) FROM victim.t"), "1")

    def test_a_column_that_claims_to_be_a_number(self):
        def change(header):
            header["table"]["columns"][0].update({"class": "number"})

        self.forge(ending="csv", change_header=change)
        self.assert_refused()


def _replace_last_value(text, expression):
    """In the first row of the frame."""
    begin = text.index(b"VALUES\n(") + len(b"VALUES\n(")
    end = text.index(b")", text.index(b",'20", begin))
    return text[: text.rindex(b",", begin, end) + 1] + expression + text[end:]


if __name__ == "__main__":
    unittest.main()
