"""The checker that judges all other tests: it accepts a right archive and names every way in
which an archive can be wrong."""

import os
import subprocess
import tempfile
import unittest

import independent_check
from private_mariadb import PrivateMariadb

CREATE = """CREATE TABLE things (
  id int NOT NULL AUTO_INCREMENT, name varchar(40) DEFAULT NULL, code varchar(20) CHARACTER SET latin1 DEFAULT NULL, data varbinary(20) DEFAULT NULL,
  flags bit(12) DEFAULT NULL, ratio float DEFAULT NULL, amount decimal(10,2) DEFAULT NULL, place point DEFAULT NULL,
  state enum('','a','b') DEFAULT NULL, at datetime(3) DEFAULT NULL, twice int GENERATED ALWAYS AS (char_length(name) * 2) STORED,
  padded int(6) unsigned zerofill DEFAULT NULL, PRIMARY KEY (id))"""
COLUMNS = "id,name,code,data,flags,ratio,amount,place,state,at,padded"
POINT = "00000000" "0101000000" "000000000000F03F" "0000000000000040"
SQL_ROWS = {
    1: r"(1,'NULL',_latin1 x'E9',x'00FF',b'101010101010',1.2345678806304932,'12.50',x'"
    + POINT
    + r"','a','2020-01-02 03:04:05.678',42)",
    2: r"(2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL)",
    3: r"(3,'say \"hi\"\n,','',x'',b'0',-0.1,'-1.00',NULL,'','0000-00-00 00:00:00.000',0)",
}
CSV_ROWS = {
    1: '1,"NULL",E9,00FF,0AAA,1.2345678806304932,12.50,'
    + POINT
    + ',"a","2020-01-02 03:04:05.678",000042\n',
    2: "2," + ",".join(["NULL"] * 10) + "\n",
    3: '3,"say ""hi""\n,",,,0000,-0.10000000149011612,-1.00,NULL,"","0000-00-00 00:00:00.000",000000\n',
}


class IndependentCheckTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.db = PrivateMariadb(profile="fast")

    @classmethod
    def tearDownClass(cls):
        cls.db.close()

    def setUp(self):
        self.root = tempfile.TemporaryDirectory()
        self.addCleanup(self.root.cleanup)
        self.db.sql(
            f"SET sql_mode=''; CREATE OR REPLACE DATABASE src; USE src; {CREATE}; CREATE OR REPLACE DATABASE src_archive;"
            + "".join(f"INSERT INTO things ({COLUMNS}) VALUES {row};" for row in SQL_ROWS.values())
        )
        self.before = independent_check.snapshot(self.db, databases=["src"])

    def write(self, ending, text, part=1):
        name = f"src.things.main.20261123T020000Z-7f3a09c1.{part}.{ending}.zst"
        subprocess.run(
            ["zstd", "-q", "-o", os.path.join(self.root.name, name)],
            input=text.encode(),
            check=True,
        )

    def write_both(self, ids, part=1, sql_rows=None, csv_rows=None):
        sql_rows, csv_rows = {**SQL_ROWS, **(sql_rows or {})}, {**CSV_ROWS, **(csv_rows or {})}
        create = CREATE.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS")
        self.write(
            "sql",
            f"SET sql_mode='NO_AUTO_VALUE_ON_ZERO';\n{create};\n"
            + "".join(
                f"INSERT INTO `things` ({COLUMNS}) VALUES {sql_rows[id]} ON DUPLICATE KEY UPDATE id=things.id;\n"
                for id in ids
            ),
            part,
        )
        self.write(
            "csv",
            ",".join(f'"{name}"' for name in COLUMNS.split(","))
            + "\n"
            + "".join(csv_rows[id] for id in ids),
            part,
        )

    def delete(self, *ids):
        self.db.sql(f"DELETE FROM src.things WHERE id IN ({','.join(map(str, ids))})")

    def check(self, **options):
        return independent_check.check(
            self.before, self.db, files=self.root.name, scratch=self.db, **options
        )

    def assert_problem(self, *texts, **options):
        problems = self.check(**options)
        for text in texts:
            self.assertTrue(
                any(text in problem for problem in problems), f"{text!r} is not in {problems}"
            )

    def test_right_archive_is_accepted(self):
        self.write_both([1, 2])
        self.write_both([3], part=2)
        self.delete(1, 2, 3)
        self.assertEqual(self.check(), [])
        self.assertEqual(
            independent_check.archived_rows(self.before, self.db), {("src", "things"): 3}
        )

    def test_untouched_source_without_archive_is_accepted(self):
        self.assertEqual(self.check(), [])

    def test_lost_row_is_named(self):
        self.write_both([1])
        self.delete(1, 2)
        self.assert_problem("sql: src.things (2) is neither", "csv: src.things (2) is neither")

    def test_row_in_both_is_named_unless_kept(self):
        self.write_both([1])
        self.assert_problem(
            "sql: src.things (1) is in the source and in", "csv: src.things (1) is in the source"
        )
        self.assertEqual(self.check(kept=True), [])

    def test_row_twice_in_one_file_is_named(self):
        self.write_both([1, 1])
        self.delete(1)
        self.assert_problem(
            "sql.zst: key (1) stands in it twice", "csv.zst: key (1) stands in it twice"
        )

    def test_row_in_two_files_is_named(self):
        self.write_both([1])
        self.write_both([1], part=2)
        self.delete(1)
        self.assert_problem(
            "sql: src.things (1) is archived 2 times", "csv: src.things (1) is archived 2 times"
        )

    def test_earlier_version_is_accepted_only_when_asked_for(self):
        self.write_both(
            [2],
            sql_rows={2: SQL_ROWS[2].replace("2,NULL", "2,'old'", 1)},
            csv_rows={2: CSV_ROWS[2].replace("NULL", '"old"', 1)},
        )
        self.write_both([2], part=2)
        self.delete(2)
        self.assert_problem(
            "sql: src.things (2) is archived 2 times", "csv: src.things (2) is archived 2 times"
        )
        self.assertEqual(self.check(versions=True), [])

    def test_changed_values_are_named(self):
        for column, old, new in (
            ("name", '"NULL"', "NULL"),
            ("code", "E9", "E8"),
            ("data", "00FF", "00FE"),
            ("flags", "0AAA", "0AAB"),
            ("ratio", "1.2345678806304932", "1.23457"),
            ("amount", "12.50", "12.5"),
            ("state", '"a"', '"b"'),
        ):
            with self.subTest(column):
                self.setUp()
                self.write_both([1], csv_rows={1: CSV_ROWS[1].replace(old, new)})
                self.delete(1)
                self.assert_problem(
                    "csv: src.things (1) differs from the original", f": columns {column}"
                )
        self.setUp()
        self.write_both([3], sql_rows={3: SQL_ROWS[3].replace("NULL,'',", "NULL,0,")})
        self.delete(3)
        # Index 0 is not the member ''.
        self.assert_problem("sql: src.things (3) differs from the original")

    def test_invented_row_is_named(self):
        self.write_both(
            [1, 9],
            sql_rows={9: SQL_ROWS[2].replace("2", "9")},
            csv_rows={9: CSV_ROWS[2].replace("2", "9")},
        )
        self.delete(1)
        self.assert_problem(
            "sql: src.things (9) is archived and never was",
            "csv: src.things (9) is archived and never was",
        )

    def test_source_that_changed_is_named(self):
        self.db.sql("UPDATE src.things SET name='x' WHERE id=2")
        self.assert_problem("source: src.things (2) is not as it was")

    def test_torn_file_is_named(self):
        self.write_both([1])
        self.delete(1)
        for name in os.listdir(self.root.name):
            path = os.path.join(self.root.name, name)
            os.truncate(path, os.path.getsize(path) - 5)
        self.assert_problem("sql.zst: zstd -t fails", "csv.zst: zstd -t fails", "(1) is neither")

    def test_sloppy_csv_is_named(self):
        for text, problem in (
            ("id\n", "the header is not"),
            ('"id\n', "never closed"),
            ('"id"x\n', "behind a field"),
            ("id", "does not end"),
        ):
            with self.subTest(text):
                self.write("csv", text)
                self.assert_problem(problem, formats=("csv",))
                os.remove(os.path.join(self.root.name, os.listdir(self.root.name)[0]))

    def test_archive_database(self):
        self.db.sql(
            f"SET sql_mode=''; USE src_archive; {CREATE}; INSERT INTO things ({COLUMNS}) VALUES {SQL_ROWS[1]}, {SQL_ROWS[3]};"
        )
        self.delete(1, 3)
        self.assertEqual(independent_check.check(self.before, self.db, archive=self.db), [])
        self.db.sql(
            "UPDATE src_archive.things SET data=x'01' WHERE id=1; DELETE FROM src_archive.things WHERE id=3"
        )
        problems = independent_check.check(self.before, self.db, archive=self.db)
        self.assertEqual(len(problems), 2, problems)

    def test_deletion_without_any_destination_is_a_loss(self):
        self.delete(1)
        self.assertIn("neither", independent_check.check(self.before, self.db)[0])

    def test_wrong_checksum_is_named(self):
        with open(os.path.join(self.root.name, "a.sha256"), "w") as file:
            file.write("0" * 64 + "  a.sha256\n")
        self.assert_problem("sha256sum -c fails")


if __name__ == "__main__":
    unittest.main()
