"""Names that break what is put together by hand, and keys of every kind in pages of a few rows: through
run, verify, restore and status."""

import unittest

import independent_check
from archiver_case import ArchiverCase
from exact_copy import Contents
from private_mariadb import quote_name

OLD = "'2020-01-01 00:00:00'"
NAMES = (
    "select",
    "a`b",
    "a/b",
    "a b",
    "a.b",
    "..",
    ".",
    "größe",
    "it's",
    'dou"ble',
    "back\\slash",
    "100%",
    "%41",
    "Case",
    "case",
    "CASE",
    "-- x",
    "日本語",
    "n" * 64,
    "ü" * 64,
    "a,b;c",
    "$x@y#z",
    "0",
    "osarchiver",
    "tab\there",
)
# The data directory keeps names in its own encoding, so every character but NUL and / is possible;
# trailing spaces are not.
DATABASES = ("we'ird `db`.x", "..", "a/b", "db", "DB", "ü" * 40, "0", "-- y")


class NamesTest(ArchiverCase):
    def setUp(self):
        super().setUp()
        for (name,) in self.db.query("SHOW DATABASES"):
            if name not in ("information_schema", "mysql", "performance_schema", "sys"):
                self.db.sql(f"DROP DATABASE {quote_name(name)}")

    def check(self, databases):
        """Everything goes, is told, verified and comes back."""
        before = {name: Contents(self.db, name) for name in databases}
        shapes = independent_check.snapshot(self.db, databases=databases)
        self.configure(databases, source_settings={"batch_rows": 2})
        self.assert_silent(self.run_archiver())
        self.assert_nothing_lost(shapes)
        left = {name: Contents(self.db, name, like=before[name]).row_count() for name in databases}
        self.assertEqual(set(left.values()), {0}, left)
        told = {(table["database"], table["table"]) for table in self.last_run()["tables"]}
        self.assertEqual(told, {(name, table) for name in databases for table in before[name].columns})
        self.assertEqual({finding["result"] for finding in self.verify()["segments"]}, {"ok"})
        self.osarchiver("status")
        self.osarchiver("restore", "--run", "last", "--yes")
        for name in databases:
            self.assertEqual(before[name].differences(Contents(self.db, name, like=before[name])), [])
        return before

    def test_tables_and_columns(self):
        tables = []
        for name in NAMES:
            tables.append(
                f"CREATE TABLE {quote_name(name)} ({quote_name(name)} int PRIMARY KEY, `deleted_at` datetime, {quote_name('2' + name[:63])} text);"
                f"INSERT INTO {quote_name(name)} VALUES (1, {OLD}, 'x'), (2, {OLD}, NULL), (3, {OLD}, '');\n"
            )
        self.db.sql("CREATE DATABASE names; USE names; SET NAMES utf8mb4;\n" + "".join(tables))
        self.check(["names"])
        # And as single files, and one table by its name.
        self.db.sql("".join(f"DELETE FROM names.{quote_name(name)};" for name in NAMES))
        for name in ("a`b", "a.b", "größe", "CASE"):
            quoted = f"names.{quote_name(name)}"
            self.osarchiver("restore", "--run", "last", "--table", quoted, "--where-key", "2", "--yes")
            self.assertEqual(self.db.value(f"SELECT COUNT(*) FROM {quoted}"), "1")

    def test_databases(self):
        for name in DATABASES:
            self.db.sql(
                f"SET NAMES utf8mb4; CREATE DATABASE {quote_name(name)}; USE {quote_name(name)}; CREATE TABLE t (id int PRIMARY KEY, deleted_at datetime);"
                f"INSERT INTO t VALUES (1, {OLD}), (2, {OLD}), (3, {OLD})"
            )
        self.check(list(DATABASES))

    def test_long_names_need_a_short_suffix(self):
        """64 characters and a suffix are too many, which is said before anything starts."""
        name = "l" * 64
        self.db.sql(
            f"CREATE DATABASE {name}; CREATE TABLE {name}.t (id int PRIMARY KEY, deleted_at datetime);"
            f"INSERT INTO {name}.t VALUES (1, {OLD})"
        )
        self.configure([name])
        result = self.run_archiver(code=2)
        self.assertIn(name, result.stderr)
        self.assertEqual(self.count(f"{name}.t"), 1)
        self.settings["destinations"].pop("history")
        self.settings["archivers"]["main"]["destinations"] = ["files"]
        self.rewrite()
        self.run_archiver()
        self.assertEqual(self.count(f"{name}.t"), 0)


def _numbered(key_type, values, more=""):
    """A table whose key is one column."""
    rows = ", ".join(f"({value}, {OLD}, {number})" for number, value in enumerate(values))
    return f"(k {key_type} NOT NULL, deleted_at datetime, v int, PRIMARY KEY (k){more})", f"(k, deleted_at, v) VALUES {rows}"


LETTERS = [f"'{letter}'" for letter in "abcdefghijklmnop"]
COLLATED = [*LETTERS, "''", "'q '", "'é1'", "'E2'", "'ß'", "'ss3'", "'日本'", "'🚀'", "'10'", "'9'", "' a'", "'a b'", "'a\\tb'", "'%'", "'_'", "'\\\\'", "'\\''"]
EXACT = [*COLLATED, "'é'", "'E'", "'A'", "'Z'", "'ä'", "'Q  '", "'aa'"]
KEYS = {
    "integers": _numbered("int", ["0", "-1", "-2147483648", "2147483647", *map(str, range(1, 20))]),
    "small": _numbered("tinyint unsigned", [str(number) for number in range(0, 256, 5)]),
    "large": _numbered("bigint unsigned", ["0", "9223372036854775807", "9223372036854775808", "18446744073709551614", "18446744073709551615", "5"]),
    "signed": _numbered("bigint", ["0", "-9223372036854775808", "9223372036854775807", "-1", "5"]),
    "decimals": _numbered("decimal(40,20)", ["0", "-0.00000000000000000001", "0.00000000000000000001", "12345678901234567890.1", "-12345678901234567890.1", *(f"{number}.5" for number in range(10))]),
    "moments": _numbered("datetime(6)", ["'0000-00-00'", "'2020-00-00 00:00:00.000001'", "'2021-02-31 10:00:00.5'", "'1000-01-01'", "'9999-12-31 23:59:59.999999'", *(f"'2020-01-01 00:00:00.00000{number}'" for number in range(10))]),
    "stamps": _numbered("timestamp(3)", ["'0000-00-00'", "'1970-01-01 00:00:01'", "'2020-10-25 00:30:00.001'", "'2020-10-25 01:30:00.001'", "'2038-01-19 03:14:07.999'"]),
    "days": _numbered("date", ["'0000-00-00'", "'2020-00-00'", "'2020-01-00'", "'9999-12-31'", *(f"'2020-01-{day:02}'" for day in range(1, 12))]),
    "times": _numbered("time(2)", ["'-838:59:59.99'", "'838:59:59.99'", "'00:00:00'", "'-00:00:00.01'", "'00:00:00.01'", "'-01:00:00'", "'25:00:00'"]),
    "years": _numbered("year", ["0", "1901", "2155", "2000", "1999"]),
    "enums": _numbered("enum('z','a','m','','0','1')", ["'z'", "'a'", "'m'", "'0'", "'1'", "0"]),
    "enum_empty": _numbered("enum('z','','a')", ["'z'", "2", "'a'"]),
    "sets": _numbered("set('a','b','c','d')", [str(number) for number in range(16)]),
    "binaries": _numbered("binary(4)", ["x'00000000'", "x'FFFFFFFF'", "'a'", "'a\\0b'", "x'61202020'", "x'27272727'", "x'5C5C5C5C'"]),
    "varbinaries": _numbered("varbinary(20)", ["''", "x'00'", "x'0000'", "'a'", "'a '", "'A'", "x'FF'", "x'C3A9'"]),
    "bits": _numbered("bit(40)", [str(number) for number in (0, 1, 2, 255, 256, 2**39, 2**40 - 1)]),
    "addresses": _numbered("inet6", ["'::'", "'::1'", "'ffff::'", "'2001:db8::1'"]),
    "uuids": _numbered("uuid", ["uuid()", "'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'", "'123e4567-e89b-12d3-a456-426655440000'"]),
    "doubles": _numbered("double", ["0e0", "1e308", "-1e308", "5e-324", "0.1", "1e0", "-0.1"]),
    "ci": _numbered("varchar(20) COLLATE utf8mb4_general_ci", COLLATED),
    "unicode_ci": _numbered("varchar(20) COLLATE utf8mb4_unicode_ci", COLLATED),
    "unicode_520": _numbered("varchar(20) COLLATE utf8mb4_unicode_520_ci", COLLATED),
    "bin": _numbered("varchar(20) COLLATE utf8mb4_bin", EXACT),
    "nopad": _numbered("varchar(20) COLLATE utf8mb4_nopad_bin", [*EXACT, "'a '", "'a  '", "' '"]),
    "nopad_ci": _numbered("varchar(20) COLLATE utf8mb4_general_nopad_ci", [*COLLATED, "'a '", "'a  '", "' '"]),
    "utf8mb3": _numbered("varchar(20) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin", [value for value in EXACT if value != "'🚀'"]),
    "latin1_cs": _numbered("varchar(20) CHARACTER SET latin1 COLLATE latin1_general_cs", [*LETTERS, "'A'", "'é'", "'E'", "''"]),
    "latin1_german": _numbered("varchar(20) CHARACTER SET latin1 COLLATE latin1_german2_ci", [*LETTERS, "'é1'", "'ß'", "''"]),
    "swedish": _numbered("char(20) CHARACTER SET latin1", [*LETTERS, "'å'", "'ö'", "''"]),
    "ucs2": _numbered("varchar(20) CHARACTER SET ucs2 COLLATE ucs2_bin", [*LETTERS, "'A'", "'日本'", "''"]),
    "utf16": _numbered("varchar(20) CHARACTER SET utf16 COLLATE utf16_general_ci", [*LETTERS, "'日本'", "''", "'🚀'"]),
    "utf32": _numbered("varchar(20) CHARACTER SET utf32 COLLATE utf32_bin", [*LETTERS, "'A'", "'🚀'", "''"]),
    "sjis": _numbered("varchar(20) CHARACTER SET sjis COLLATE sjis_japanese_ci", [*LETTERS, "'日本'", "'表'", "'ソ'", "''"]),
    "gbk": _numbered("varchar(20) CHARACTER SET gbk COLLATE gbk_bin", [*LETTERS, "'A'", "'日本'", "''"]),
    "cp1251": _numbered("varchar(20) CHARACTER SET cp1251", [*LETTERS, "'да'", "'нет'", "''"]),
    "unique_only": ("(k varchar(36) NOT NULL, other int, deleted_at datetime, UNIQUE KEY one (k), KEY (other))", f"(k, other, deleted_at) VALUES {', '.join(f'({letter}, 1, {OLD})' for letter in LETTERS)}"),
    "unique_second": ("(a int, k int NOT NULL, deleted_at datetime, UNIQUE KEY nullable (a), UNIQUE KEY usable (k))", f"(a, k, deleted_at) VALUES (NULL, 1, {OLD}), (NULL, 2, {OLD}), (1, 3, {OLD}), (2, 4, {OLD})"),
    "with_deleted_at": ("(k int, deleted_at datetime(6) NOT NULL, PRIMARY KEY (k, deleted_at))", "(k, deleted_at) VALUES " + ", ".join(f"({number // 3}, '2020-01-01 00:00:0{number % 3}')" for number in range(30))),
    "deleted_at_first": ("(deleted_at date NOT NULL, k int, PRIMARY KEY (deleted_at, k))", "(deleted_at, k) VALUES " + ", ".join(f"('2020-01-{number % 5 + 1:02}', {number})" for number in range(30))),
    "descending": ("(k int, j varchar(10), deleted_at datetime, PRIMARY KEY (k DESC, j))", "(k, j, deleted_at) VALUES " + ", ".join(f"({number % 5}, 'x{number}', {OLD})" for number in range(30))),
    "composite": (
        "(a varchar(20) COLLATE utf8mb4_general_ci, b enum('x','y',''), c decimal(5,2), d varbinary(5), e datetime(3), deleted_at datetime, PRIMARY KEY (d, b, a, c, e))",
        "(a, b, c, d, e, deleted_at) VALUES " + ", ".join(f"('{'aAbé'[number % 4]}{number}', {number % 4}, {number - 20}.25, x'{number % 3:02x}', '2020-01-01 00:00:00.{number % 2:03}', {OLD})" for number in range(50)),
    ),
    "invisible_key": ("(k int INVISIBLE DEFAULT 0 PRIMARY KEY, deleted_at datetime, v int)", f"(k, deleted_at, v) VALUES (1, {OLD}, 1), (2, {OLD}, 2), (3, {OLD}, NULL)"),
}


class KeysTest(ArchiverCase):
    def test_empty_member_and_error_value_of_an_enum_in_a_key(self):
        """Both are '' as text, and each key must find its own row alone."""
        for charset in ("utf8mb4", "ucs2", "binary"):
            for key in ("e, n", "n, e"):
                for gone, live in ((2, 0), (0, 2)):
                    for batch_rows in (1, 1000):
                        with self.subTest(charset=charset, key=key, gone=gone, rows=batch_rows):
                            self.check_twins(charset, key, gone, live, batch_rows)

    def check_twins(self, charset, key, gone, live, batch_rows):
        self.doCleanups()
        self.setUp()
        rows = ", ".join(
            f"({gone}, {n}, {OLD}), ({live}, {n}, NULL), (1, {n}, {OLD}), "
            f"({live}, {n + 10}, {OLD}), ({gone}, {n + 10}, {OLD})"
            for n in range(4)
        )
        self.db.sql(
            "DROP DATABASE IF EXISTS twins_archive; CREATE OR REPLACE DATABASE twins "
            "CHARACTER SET utf8mb4; USE twins; SET sql_mode = ''; "
            f"CREATE TABLE t (e enum('a','') CHARACTER SET {charset} NOT NULL, n int NOT NULL, "
            f"deleted_at datetime, PRIMARY KEY ({key})); INSERT IGNORE INTO t VALUES {rows}"
        )
        before = Contents(self.db, "twins")
        snapshot = independent_check.snapshot(self.db, databases=["twins"])
        self.configure(["twins"], source_settings={"batch_rows": batch_rows})
        self.run_archiver()
        left = self.db.query("SELECT DISTINCT e + 0, deleted_at IS NULL FROM twins.t")
        self.assertEqual(left, [[str(live), "1"]])
        self.assertEqual(self.count("twins.t"), 4)
        self.assert_nothing_lost(snapshot)
        self.verify()
        self.osarchiver("restore", "--run", "last", "--yes")
        self.assertEqual(before.differences(Contents(self.db, "twins", like=before)), [])

    def test_every_kind_of_key_in_small_pages(self):
        statements = ["CREATE OR REPLACE DATABASE keyed_by CHARACTER SET utf8mb4; USE keyed_by; SET NAMES utf8mb4, time_zone='+00:00', sql_mode='ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO';\n"]
        for name, (body, rows) in KEYS.items():
            statements.append(f"CREATE TABLE {name} {body}; INSERT INTO {name} {rows};\n")
        self.db.sql("".join(statements))
        before = Contents(self.db, "keyed_by")
        shapes = independent_check.snapshot(self.db, databases=["keyed_by"])
        for batch_rows in (3, 1000):
            with self.subTest(batch_rows=batch_rows):
                self.doCleanups()
                self.setUp()
                self.db.sql("DROP DATABASE IF EXISTS keyed_by_archive")
                self.configure(["keyed_by"], source_settings={"batch_rows": batch_rows})
                self.run_archiver()
                left = Contents(self.db, "keyed_by", like=before).read
                self.assertEqual({table: rows for table, rows in left.items() if rows}, {})
                self.assert_nothing_lost(shapes)
                self.verify()
                self.osarchiver("restore", "--run", "last", "--yes")
                self.assertEqual(before.differences(Contents(self.db, "keyed_by", like=before)), [])


if __name__ == "__main__":
    unittest.main()
