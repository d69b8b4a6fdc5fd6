"""Values, types, character sets and names that archivers damage: each comes back bit for bit, or its
table is refused by name. The number of a test is that of the pitfall."""

import unittest

import independent_check
from archiver_case import ArchiverCase
from private_mariadb import quote_name

OLD = "'2020-01-01 00:00:00'"


class ValuesTest(ArchiverCase):
    def make(self, statements):
        self.db.sql(
            "SET foreign_key_checks=0; DROP DATABASE IF EXISTS pit_archive; CREATE OR REPLACE DATABASE pit CHARACTER SET utf8mb4; "
            f"SET foreign_key_checks=1, sql_mode='', time_zone='+00:00'; USE pit;\n{statements}"
        )
        self.configure(["pit"], source_settings={"batch_rows": 7})
        return independent_check.snapshot(self.db, databases=["pit"])

    def assert_all_moved(self, before):
        self.run_archiver()
        left = {
            name: len(shape.rows)
            for name, shape in independent_check.snapshot(self.db, databases=["pit"]).items()
        }
        self.assertEqual(set(left.values()), {0}, left)
        self.assert_nothing_lost(before)
        self.verify()

    def column_table(self, name, column_type, values):
        """A table with one column of the type and a row for each value."""
        rows = ", ".join(f"({number}, {OLD}, {value})" for number, value in enumerate(values, 1))
        return (
            f"CREATE TABLE {name} (id int PRIMARY KEY, deleted_at datetime, v {column_type});"
            f"INSERT INTO {name} VALUES {rows};\n"
        )

    def test_14_numbers(self):
        types = {
            "float": ("1.23456789", "-0.1", "16777217", "3.4e38", "1e-40", "0", "-0.0", "NULL"),
            "double": (
                "1.7976931348623157e308",
                "0.1",
                "2.2250738585072014e-308",
                "1e-320",
                "-0.0",
                "NULL",
            ),
            "float(7,3)": ("1234.567", "0.1", "NULL"),
            "decimal(65,30)": (
                "12345678901234567890123456789012345.123456789012345678901234567890",
                "-0.5",
            ),
            "bigint unsigned": ("18446744073709551615", "0", "NULL"),
            "bigint": ("-9223372036854775808", "9223372036854775807"),
            "int(8) unsigned zerofill": ("42", "0", "4294967295"),
            "bit(1)": ("b'1'", "b'0'", "NULL"),
            "bit(64)": ("x'FFFFFFFFFFFFFFFF'", "b'0'", "x'0A'", "NULL"),
            "bit(11)": ("b'10101010101'", "b'1'"),
            "year": ("2020", "0", "1901", "NULL"),
            "boolean": ("TRUE", "FALSE", "NULL", "7"),
        }
        tables = [
            self.column_table(f"t{number}", column_type, values)
            for number, (column_type, values) in enumerate(types.items())
        ]
        self.assert_all_moved(self.make("".join(tables)))

    def test_14_times(self):
        types = {
            "time": (
                "'838:59:59'",
                "'-838:59:59'",
                "'25:00:00'",
                "'-00:00:01'",
                "'00:00:00'",
                "NULL",
            ),
            "time(6)": ("'-12:34:56.000001'", "'838:59:59.999999'"),
            "date": (
                "'0000-00-00'",
                "'2020-00-00'",
                "'2020-02-00'",
                "'9999-12-31'",
                "'0001-01-01'",
                "NULL",
            ),
            "datetime(6)": (
                "'0000-00-00'",
                "'2020-01-01 23:59:59.000001'",
                "'9999-12-31 23:59:59.999999'",
            ),
            "timestamp NULL": (
                "'1970-01-01 00:00:01'",
                "'2020-10-25 01:30:00'",
                "'0000-00-00'",
                "NULL",
            ),
            "timestamp(3) NULL": ("'2020-03-29 02:30:00.123'", "'2038-01-19 03:14:07.999'"),
        }
        tables = [
            self.column_table(f"t{number}", column_type, values)
            for number, (column_type, values) in enumerate(types.items())
        ]
        self.assert_all_moved(self.make("".join(tables)))

    def test_14_texts_and_bytes(self):
        texts = (
            "''",
            "NULL",
            "'NULL'",
            r"'\\N'",
            r"'it''s \"quoted\", \\ and \n \r\n \t \0 \Z'",
            "'a,b;c'",
            "' spaces '",
            "'\\'); DROP TABLE x; -- '",
            "'0x41'",
            "_utf8mb4'🚀 日本語 ́'",
            "REPEAT('x', 70000)",
        )
        every_byte = "x'" + bytes(range(256)).hex() + "'"
        types = {
            "longtext": texts,
            "varchar(200)": texts[:-1],
            "char(20)": ("''", "'x'", "NULL", "'NULL'"),
            "mediumblob": (every_byte, "''", "NULL", "'NULL'", "REPEAT(x'00', 70000)"),
            "varbinary(300)": (every_byte, "''", "NULL", "'trailing '"),
            "binary(4)": ("'a'", "x'00000000'", "NULL"),
            "json": ('\'{"a": [1, null, "\\\\u0041"]}\'', "'null'", "NULL", "'[]'"),
            "enum('','NULL','a,b','x''y','0')": (
                "''",
                "'NULL'",
                "'a,b'",
                "'x''y'",
                "'0'",
                "'nonsense'",
                "NULL",
            ),
            "set('a','b','c''d')": ("''", "'a,c''d'", "'a,b,c''d'", "NULL"),
            "point": ("POINT(1, 2)", "NULL"),
            "geometry": ("ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))', 4326)", "NULL"),
            "inet6": ("'2001:db8::1'", "'::'", "NULL"),
            "uuid": ("'123e4567-e89b-12d3-a456-426655440000'", "NULL"),
        }
        tables = [
            self.column_table(f"t{number}", column_type, values)
            for number, (column_type, values) in enumerate(types.items())
        ]
        self.assert_all_moved(self.make("".join(tables)))

    def test_14_and_22_character_sets(self):
        tables = []
        for charset in (
            "latin1",
            "cp1251",
            "sjis",
            "gbk",
            "big5",
            "ucs2",
            "utf16",
            "utf32",
            "cp932",
            "ascii",
            "utf8mb3",
            "binary",
            "koi8r",
        ):
            values = [
                "x'00000041'"
                if charset == "utf32"
                else "x'0041'"
                if charset in ("ucs2", "utf16")
                else "x'41'",
                "''",
                "NULL",
            ]
            if charset in ("latin1", "cp1251", "koi8r", "binary"):
                # All bytes, with those that Unicode has no letter for.
                values.append("CONVERT(x'" + bytes(range(1, 256)).hex() + f"' USING {charset})")
            if charset in ("sjis", "cp932"):
                values.append("x'815F838C5C'")
            tables.append(
                f"CREATE TABLE `{charset}` (id int PRIMARY KEY, deleted_at datetime, v varchar(300) CHARACTER SET {charset});"
                + "".join(
                    f"INSERT INTO `{charset}` VALUES ({number}, {OLD}, {value});\n"
                    for number, value in enumerate(values, 1)
                )
            )
        self.assert_all_moved(self.make("".join(tables)))

    def test_14_auto_increment_zero_and_generated_columns(self):
        before = self.make(
            "CREATE TABLE counted (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, deleted_at timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(), v int);"
            "SET sql_mode='NO_AUTO_VALUE_ON_ZERO';"
            f"INSERT INTO counted VALUES (0, {OLD}, 1), (-5, {OLD}, 2), (2147483647, {OLD}, 3);"
            "CREATE TABLE computed (id int PRIMARY KEY, deleted_at datetime, a int, twice int AS (a * 2) VIRTUAL, "
            "thrice int AS (a * 3) STORED, hidden int INVISIBLE DEFAULT 9, CHECK (a < 100));"
            f"INSERT INTO computed (id, deleted_at, a) VALUES (1, {OLD}, 5), (2, {OLD}, NULL);"
            f"UPDATE computed SET hidden=77 WHERE id=2; INSERT INTO computed (id, deleted_at, a, hidden) VALUES (3, {OLD}, 1, NULL);"
        )
        self.assert_all_moved(before)

    def test_14_backslash_modes_of_the_server(self):
        self.db.sql(
            "SET GLOBAL sql_mode='NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH'"
        )
        self.addCleanup(self.db.sql, "SET GLOBAL sql_mode=DEFAULT")
        self.test_14_texts_and_bytes()

    def test_22_what_unicode_cannot_say_as_a_key(self):
        before = self.make(
            "CREATE TABLE keyed (k varchar(10) CHARACTER SET cp1251 COLLATE cp1251_bin PRIMARY KEY, deleted_at datetime, v int);"
            f"INSERT INTO keyed VALUES (CONVERT(x'98' USING cp1251), {OLD}, 1), (CONVERT(x'3F' USING cp1251), {OLD}, 2), (CONVERT(x'E0' USING cp1251), {OLD}, 3);"
        )
        self.assert_all_moved(before)

    def test_26_and_34_keys_at_the_ends(self):
        before = self.make(
            "CREATE TABLE signed (id bigint PRIMARY KEY AUTO_INCREMENT, deleted_at datetime);"
            "SET sql_mode='NO_AUTO_VALUE_ON_ZERO';"
            f"INSERT INTO signed SELECT CAST(seq AS SIGNED) - 30, {OLD} FROM seq_0_to_60;"
            f"INSERT INTO signed VALUES (-9223372036854775808, {OLD}), (9223372036854775806, {OLD});"
            "CREATE TABLE large (id bigint unsigned PRIMARY KEY, deleted_at datetime);"
            f"INSERT INTO large VALUES (0, {OLD}), (18446744073709551615, {OLD}), (9223372036854775808, {OLD});"
            "CREATE TABLE decimals (id decimal(20,5) PRIMARY KEY, deleted_at datetime);"
            f"INSERT INTO decimals VALUES (-1.5, {OLD}), (0, {OLD}), (0.00001, {OLD}), (123456789012345.12345, {OLD});"
            "CREATE TABLE dated (id datetime(6) PRIMARY KEY, deleted_at datetime);"
            f"INSERT INTO dated VALUES ('0000-00-00', {OLD}), ('2020-01-01 00:00:00.000001', {OLD}), ('2020-01-01', {OLD});"
            "CREATE TABLE bytes (id binary(16) PRIMARY KEY, deleted_at datetime);"
            f"INSERT INTO bytes VALUES (x'00', {OLD}), (REPEAT(x'FF', 16), {OLD}), ('a\\'b', {OLD});"
        )
        self.assert_all_moved(before)

    def test_25_unique_key_instead_of_a_primary_one(self):
        before = self.make(
            "CREATE TABLE encryption (encryption_id varchar(36) NOT NULL, name varchar(10), deleted_at datetime, UNIQUE KEY (encryption_id));"
            f"INSERT INTO encryption VALUES ('b', 'x', {OLD}), ('a', 'y', {OLD});"
        )
        self.assert_all_moved(before)

    def test_35_names(self):
        names = [
            "select",
            "a`b",
            "a/b",
            "a b",
            "a.b",
            "größe",
            "quo'te",
            'dou"ble',
            "back\\slash",
            "100%",
            "UPPER",
        ]
        tables = []
        for name in names:
            tables.append(
                f"CREATE TABLE {quote_name(name)} ({quote_name(name)} int PRIMARY KEY, `deleted_at` datetime, {quote_name(name + '2')} text);"
                f"INSERT INTO {quote_name(name)} VALUES (1, {OLD}, 'x'), (2, {OLD}, NULL);\n"
            )
        self.assert_all_moved(self.make("".join(tables)))

    def test_35_name_of_the_database(self):
        name = "we'ird `db`.x"
        self.db.sql(
            f"CREATE OR REPLACE DATABASE {quote_name(name)}; USE {quote_name(name)};"
            f"CREATE TABLE t (id int PRIMARY KEY, deleted_at datetime); INSERT INTO t VALUES (1, {OLD}), (2, NULL);"
        )
        self.addCleanup(
            self.db.sql,
            f"DROP DATABASE {quote_name(name)}; DROP DATABASE IF EXISTS {quote_name(name + '_archive')}",
        )
        self.configure([name])
        before = independent_check.snapshot(self.db, databases=[name])
        self.assert_silent(self.run_archiver())
        self.assert_archived(before, {"t": 1})
        self.assert_nothing_lost(before)


if __name__ == "__main__":
    unittest.main()
