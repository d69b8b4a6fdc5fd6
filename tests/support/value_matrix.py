"""Every type of column that MariaDB stores, with the values at which archivers lose something: tables
whose rows are all old enough to go. What cannot be archived exactly is in REFUSED.

A table is a Table: its name, the CREATE TABLE behind the name, and INSERT values as SQL. tables()
draws random bit patterns from the seed it is given.
"""

import collections
import random
import struct

from private_mariadb import quote_name, quote_text

# A soft-deletion that every retention has passed.
OLD = "'2020-01-01 00:00:00'"

# body: what stands behind CREATE TABLE `name`.  columns: of the INSERTs.  rows: tuples of SQL.
Table = collections.namedtuple("Table", "name body columns rows")

EVERY_BYTE = "x'" + bytes(range(256)).hex() + "'"

TEXTS = (
    "''",
    "NULL",
    "'NULL'",
    r"'\\N'",
    r"'it''s \"quoted\", \\ and \n \r\n \t \0 \Z \b'",
    "'a,b;c'",
    "' spaces '",
    "'trailing   '",
    "'\\'); DROP TABLE x; -- '",
    "'0x41'",
    "_utf8mb4'日本語 é à'",
)


def column_table(name, column_type, values):
    """One column of the type, one row for each value."""
    body = f"(id int PRIMARY KEY, deleted_at datetime, v {column_type})"
    rows = [(str(number), OLD, value) for number, value in enumerate(values, 1)]
    return Table(name, body, ("id", "deleted_at", "v"), rows)


def _integers():
    for name, bits in (("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("bigint", 64)):
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        yield name, name, [str(low), str(low + 1), "-1", "0", "1", str(high - 1), str(high), "NULL"]
        top = 2**bits - 1
        yield name + "_u", name + " unsigned", ["0", "1", str(high + 1), str(top - 1), str(top), "NULL"]
    yield "zerofill", "int(8) unsigned zerofill", ["42", "0", "4294967295", "NULL"]
    yield "boolean", "boolean", ["TRUE", "FALSE", "7", "NULL"]
    yield "year", "year", ["2020", "0", "1901", "2155", "NULL"]


def _decimals():
    digits = "12345678901234567890123456789012345.123456789012345678901234567890"
    yield "decimal_65_30", "decimal(65,30)", [digits, "-" + digits, "0", "-0.5", "1e-30", "9" * 35 + "." + "9" * 30, "NULL"]
    yield "decimal_30_30", "decimal(30,30)", ["0." + "9" * 30, "-1e-30", "0"]
    yield "decimal_65_0", "decimal(65,0)", ["9" * 65, "-" + "9" * 65, "0"]
    yield "decimal_u", "decimal(10,2) unsigned zerofill", ["1.5", "0"]


def _bit_patterns(random_source, code, bits, count):
    """Literals of random finite numbers, all exponents alike."""
    found = []
    while len(found) < count:
        number = struct.unpack(code, struct.pack(code.replace("f", "I").replace("d", "Q"), random_source.getrandbits(bits)))[0]
        if number == number and abs(number) != float("inf"):
            found.append(_floating(number))
    return found


def _floating(number):
    text = repr(number)
    # Without an exponent it would be an exact number, and -0 would lose its sign.
    return text if "e" in text else text + "e0"


def _floats(seed):
    random_source = random.Random(seed)
    single = [struct.unpack("<f", struct.pack("<I", bits))[0] for bits in (0x00000001, 0x80000001, 0x007FFFFF, 0x00800000, 0x7F7FFFFF, 0xFF7FFFFF, 0x3F800001, 0x4B800001)]
    yield "float", "float", ["1.23456789", "0e0", "-0e0", "16777217", "NULL", *map(_floating, single), *_bit_patterns(random_source, "<f", 32, 300)]
    double = [5e-324, -5e-324, 2.2250738585072009e-308, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308, 0.1, 1 / 3, 9007199254740993.0]
    yield "double", "double", ["0e0", "-0e0", "NULL", *map(_floating, double), *_bit_patterns(random_source, "<d", 64, 300)]
    yield "float_7_3", "float(7,3)", ["1234.567", "0.1", "-0.001", "NULL"]
    yield "double_30_10", "double(30,10)", ["1234567890123456.7890123456", "0.1", "-1e-10", "NULL"]
    yield "float_u", "float unsigned zerofill", ["1.1", "3.4e38", "0"]


def _bits():
    """All widths in one table: nothing, everything, the ends, alternating."""
    columns = [f"b{width}" for width in range(1, 65)]
    body = "(id int PRIMARY KEY, deleted_at datetime, " + ", ".join(f"b{width} bit({width})" for width in range(1, 65)) + ")"
    patterns = [lambda width: 0, lambda width: 2**width - 1, lambda width: 1, lambda width: 2 ** (width - 1), lambda width: 0xAAAAAAAAAAAAAAAA % 2**width]
    rows = [(str(number), OLD, *(str(pattern(width)) for width in range(1, 65))) for number, pattern in enumerate(patterns)]
    rows.append(("90", OLD, *(["NULL"] * 64)))
    return Table("bits", body, ("id", "deleted_at", *columns), rows)


def _times():
    dates = ["'0000-00-00'", "'2020-00-00'", "'2020-02-00'", "'2021-02-31'", "'0001-01-01'", "'1000-01-01'", "'9999-12-31'", "NULL"]
    yield "date", "date", dates
    for digits in range(7):
        fraction = ("." + "987654"[:digits]) if digits else ""
        nines = ("." + "9" * digits) if digits else ""
        last = ("." + "0" * (digits - 1) + "1") if digits else ""
        yield f"time_{digits}", f"time({digits})", ["'-838:59:59" + nines + "'", "'838:59:59" + nines + "'", "'-00:00:01'", "'-00:00:00" + last + "'", "'00:00:00'", f"'25:00:00{fraction}'", "NULL"]
        yield f"datetime_{digits}", f"datetime({digits})", ["'0000-00-00'", "'2021-02-31 10:00:00'", "'2020-00-00 10:00:00'", "'1000-01-01'", "'9999-12-31 23:59:59" + nines + "'", "'2020-10-25 02:30:00" + fraction + "'", "NULL"]
        # In UTC. In central Europe 00:30 and 01:30 of that day are both 02:30 by the clock.
        yield f"timestamp_{digits}", f"timestamp({digits}) NULL", ["'0000-00-00'", "'1970-01-01 00:00:01'", "'2020-10-25 00:30:00" + fraction + "'", "'2020-10-25 01:30:00" + fraction + "'", "'2021-03-28 01:30:00" + fraction + "'", "'2038-01-19 03:14:07" + nines + "'", "NULL"]


def _texts():
    for kind in ("tinytext", "text", "mediumtext", "longtext", "varchar(200)", "char(200)"):
        longer = ("_utf8mb4'🚀'", "REPEAT('x', 70000)") if kind in ("mediumtext", "longtext") else ("_utf8mb4'🚀'",)
        yield kind.partition("(")[0], kind, TEXTS + longer
    yield "json", "json", ['\'{"a": [1, null, "\\\\u0041", 1.0e2]}\'', "'null'", "NULL", "'[]'", "' {\"b\" :1} '"]
    yield "enum", "enum('','NULL','a,b','x''y','é','1')", ["''", "'NULL'", "'a,b'", "'x''y'", "'é'", "'1'", "'nonsense'", "NULL"]
    yield "enum_zero", "enum('','0','x')", ["''", "'0'", "'x'", "'nonsense'", "NULL"]
    yield "enum_plain", "enum('a','b','\\\\')", ["'a'", "'b'", "'\\\\'", "'nonsense'", "NULL"]
    members = ",".join(f"'m{number}'" for number in range(1000))
    yield "enum_large", f"enum({members})", ["'m0'", "'m254'", "'m255'", "'m256'", "'m999'", "'nonsense'"]
    yield "set", "set('a','b','c''d')", ["''", "'a,c''d'", "'a,b,c''d'", "NULL"]
    yield "set_empty", "set('','a','b')", ["''", "1", "'a'", "3", "7", "0", "NULL"]
    members = ",".join(f"'m{number}'" for number in range(64))
    yield "set_large", f"set({members})", ["0", "1", "9223372036854775808", "18446744073709551615"]
    yield "enum_cp1251", "enum('да','нет','x') CHARACTER SET cp1251", ["'да'", "'нет'", "'x'", "'nonsense'", "NULL"]
    yield "enum_ucs2", "enum('é','','日') CHARACTER SET ucs2", ["'é'", "''", "'日'", "'nonsense'", "NULL"]
    yield "set_latin1", "set('é','à') CHARACTER SET latin1", ["'é'", "'é,à'", "''", "NULL"]


def _bytes():
    for kind in ("blob", "mediumblob", "longblob", "varbinary(300)"):
        longer = ("REPEAT(x'00', 70000)", f"REPEAT({EVERY_BYTE}, 300)") if kind in ("mediumblob", "longblob") else ()
        yield kind.partition("(")[0], kind, (EVERY_BYTE, "''", "NULL", "'NULL'", "'trailing '", "x'0000'", *longer)
    yield "tinyblob", "tinyblob", ("x'" + bytes(range(255)).hex() + "'", "''", "NULL", "x'00'")
    yield "binary_5", "binary(5)", ("'a'", "x'0000000000'", "x'6100620000'", "''", "NULL", "x'FF00FF00FF'")
    yield "binary_255", "binary(255)", ("x'" + bytes(range(1, 256)).hex() + "'", "'x'", "NULL")


def _others():
    yield "inet4", "inet4", ["'192.0.2.1'", "'0.0.0.0'", "'255.255.255.255'", "NULL"]
    yield "inet6", "inet6", ["'2001:db8::1'", "'::'", "'::ffff:192.0.2.1'", "'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'", "NULL"]
    yield "uuid", "uuid", ["'123e4567-e89b-12d3-a456-426655440000'", "'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'", "NULL"]
    shapes = ["POINT(1 2)", "LINESTRING(0 0,1 1,2 2)", "POLYGON((0 0,0 1,1 1,0 0))", "MULTIPOINT(1 1,2 2)", "MULTILINESTRING((0 0,1 1),(2 2,3 3))", "MULTIPOLYGON(((0 0,0 1,1 1,0 0)))", "GEOMETRYCOLLECTION(POINT(0.1 -0),LINESTRING(0 0,1e300 1))"]
    for shape in shapes[:-1]:
        kind = shape.partition("(")[0].lower()
        yield kind, kind, [f"ST_GeomFromText('{shape}')", f"ST_GeomFromText('{shape}', 4326)", "NULL"]
    yield "geometry", "geometry", [f"ST_GeomFromText('{shape}', {srid})" for shape in shapes for srid in (0, 4326, 4294967295)] + ["NULL"]
    yield "compressed_text", "text COMPRESSED", ["'short'", "REPEAT('abc', 5000)", "''", "NULL", "REPEAT('é', 100)"]
    yield "compressed_varchar", "varchar(5000) COMPRESSED", ["'short'", "REPEAT('abc', 1000)", "''", "NULL"]
    yield "compressed_blob", "blob COMPRESSED", [EVERY_BYTE, f"REPEAT({EVERY_BYTE}, 20)", "''", "NULL"]
    yield "compressed_latin1", "text CHARACTER SET latin1 COMPRESSED", ["'é'", "REPEAT('é', 5000)", "NULL"]


def _tables_of_their_own():
    both = ("id", "deleted_at", "v")
    few = [(str(number), OLD, str(number)) for number in range(1, 8)]
    for row_format in ("REDUNDANT", "COMPACT", "DYNAMIC", "COMPRESSED", "COMPRESSED KEY_BLOCK_SIZE=4"):
        name = "rows_" + row_format.lower().replace(" ", "_").replace("=", "_")
        yield Table(name, f"(id int PRIMARY KEY, deleted_at datetime, v text) ROW_FORMAT={row_format}", both, [(str(n), OLD, f"REPEAT('r{n}', {n * n * 700})") for n in range(1, 8)])
    yield Table("page_compressed", "(id int PRIMARY KEY, deleted_at datetime, v text) PAGE_COMPRESSED=1", both, few)
    yield Table("by_hash", "(id int PRIMARY KEY, deleted_at datetime, v int) PARTITION BY HASH (id) PARTITIONS 3", both, few)
    yield Table("by_range", "(id int, deleted_at datetime, v int, PRIMARY KEY (id, v)) PARTITION BY RANGE (v) (PARTITION p0 VALUES LESS THAN (3), PARTITION p1 VALUES LESS THAN MAXVALUE)", both, few)
    yield Table("by_list", "(id int, deleted_at datetime, v int, PRIMARY KEY (id, v)) PARTITION BY LIST (v) (PARTITION p0 VALUES IN (1,3,5,7), PARTITION p1 VALUES IN (2,4,6))", both, few)
    yield Table("counted", "(id int NOT NULL AUTO_INCREMENT PRIMARY KEY, deleted_at timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(), v int)", both, [("0", OLD, "1"), ("-5", OLD, "2"), ("-2147483648", OLD, "3"), ("2147483647", OLD, "4")])
    yield Table("counted_large", "(id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, deleted_at datetime, v int)", both, [("0", OLD, "1"), ("18446744073709551615", OLD, "2"), ("9223372036854775808", OLD, "3")])
    yield Table("computed", "(twice int AS (a * 2) VIRTUAL, id int PRIMARY KEY, a int, thrice int AS (a * 3) STORED, text_of varchar(20) AS (CONCAT('n', a)) PERSISTENT, deleted_at datetime, INDEX (twice), UNIQUE (thrice))", ("id", "deleted_at", "a"), [("1", OLD, "5"), ("2", OLD, "NULL"), ("3", OLD, "-7")])
    yield Table("hidden", "(id int PRIMARY KEY, secret int INVISIBLE DEFAULT 9, deleted_at datetime, gone text INVISIBLE)", ("id", "deleted_at", "secret", "gone"), [("1", OLD, "1", "NULL"), ("2", OLD, "NULL", "'x'"), ("3", OLD, "9", "''")])
    yield Table("defaults", "(id int PRIMARY KEY, a int NOT NULL DEFAULT 7, b varchar(10) DEFAULT 'x''y', c timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(), d varchar(40) DEFAULT (uuid()), e int DEFAULT (1 + 1), deleted_at datetime)", ("id", "deleted_at", "a", "b", "c", "d", "e"), [("1", OLD, "0", "NULL", "'2020-02-02 02:02:02'", "NULL", "NULL"), ("2", OLD, "7", "''", "'0000-00-00'", "'d'", "2")])
    yield Table("checked", "(id int PRIMARY KEY, a int CHECK (a < 100), b int, deleted_at datetime, CONSTRAINT `both` CHECK (a + b > 0))", ("id", "deleted_at", "a", "b"), [("1", OLD, "99", "1"), ("2", OLD, "NULL", "NULL")])
    yield Table("period", "(id int PRIMARY KEY, from_date date, to_date date, deleted_at datetime, PERIOD FOR life (from_date, to_date))", ("id", "deleted_at", "from_date", "to_date"), [("1", OLD, "'2000-01-01'", "'2001-01-01'")])
    yield Table("dated", "(id int PRIMARY KEY, deleted_at date)", ("id", "deleted_at"), [("1", "'2020-01-01'"), ("2", "'1999-12-31'")])
    yield Table("stamped", "(id int PRIMARY KEY, deleted_at timestamp(6) NULL)", ("id", "deleted_at"), [("1", "'2020-01-01 00:00:00.000001'"), ("2", "'2020-10-25 00:30:00'"), ("3", "'2020-10-25 01:30:00'")])


# Where 'A' is not the byte 41.
_WIDE = {"ucs2": "00", "utf16": "00", "utf32": "000000"}
# Bytes that mean something of their own in a character set of several bytes.
_DOUBLE = {"sjis": "815F838C5C", "cp932": "815F838C5C", "gbk": "815C8140", "big5": "A55CA540", "euckr": "B0A1", "gb2312": "B0A1", "ujis": "A4A2", "eucjpms": "A4A2", "utf16le": "4100"}


def character_set_table(charset):
    """A table of the character set: letters, what escapes and quotes are made of, every byte where
    bytes are letters."""
    if charset in _WIDE:
        plain = "".join(_WIDE[charset] + f"{byte:02X}" for byte in b"A'\\\"`,")
    elif charset == "utf16le":
        plain = "".join(f"{byte:02X}00" for byte in b"A'\\\"`,")
    else:
        plain = b"A'\\\"`,".hex()
    values = [f"_{charset} x'{plain}'", "''", "NULL", f"_{charset} x'{plain}{_wide_zero(charset)}'"]
    values += [f"CONVERT(_utf8mb4 x'{text.encode().hex()}' USING {charset})" for text in ("é", "да", "日本", "한", "ελ", "trailing  ")]
    if charset in _DOUBLE:
        values.append(f"_{charset} x'{_DOUBLE[charset]}'")
    elif charset not in _WIDE and not charset.startswith("utf") and charset not in ("ascii", "gb18030"):
        values.append(f"_{charset} x'{bytes(range(1, 256)).hex()}'")
    body = f"(id int PRIMARY KEY, deleted_at datetime, v varchar(300), f char(100), t text) CHARACTER SET {charset}"
    rows = [(str(number), OLD, value, f"LEFT({value}, 100)" if value != "NULL" else value, value) for number, value in enumerate(values, 1)]
    return Table("charset_" + charset, body, ("id", "deleted_at", "v", "f", "t"), rows)


def _wide_zero(charset):
    return {"ucs2": "0000", "utf16": "0000", "utf16le": "0000", "utf32": "00000000"}.get(charset, "00")


def tables(seed, charsets):
    """All tables. `charsets`: the names of the server's character sets."""
    found = []
    for source in (_integers(), _decimals(), _floats(seed), _times(), _texts(), _bytes(), _others()):
        found += [column_table(name, column_type, values) for name, column_type, values in source]
    found.append(_bits())
    found += _tables_of_their_own()
    found += [character_set_table(charset) for charset in charsets if charset not in ("binary", "filename")]
    return found


# Tables that are left alone, and a word of the reason. Each holds a row that is old enough.
REFUSED = {
    "in_aria": ("(id int PRIMARY KEY, deleted_at datetime) ENGINE=Aria", "Aria"),
    "in_myisam": ("(id int PRIMARY KEY, deleted_at datetime) ENGINE=MyISAM", "MyISAM"),
    "in_memory": ("(id int PRIMARY KEY, deleted_at datetime) ENGINE=MEMORY", "MEMORY"),
    "versioned": ("(id int PRIMARY KEY, deleted_at datetime) WITH SYSTEM VERSIONING", "VERSIONED"),
    "keyless": ("(id int, deleted_at datetime)", "no primary key and no unique key"),
    "prefixed": ("(id varchar(100) NOT NULL, deleted_at datetime, UNIQUE KEY part (id(10)))", "only a prefix of column id"),
    "prefixed_primary": ("(id text NOT NULL, deleted_at datetime, PRIMARY KEY (id(10)))", "only a prefix of column id"),
    "nullable_key": ("(id int, deleted_at datetime, UNIQUE KEY (id))", "nullable column id"),
    "generated_key": ("(a int, id int AS (a + 1) STORED, deleted_at datetime, UNIQUE KEY (id))", "generated column id"),
    "hashed_key": ("(id text NOT NULL, deleted_at datetime, UNIQUE KEY whole (id))", "type HASH"),
    "numbered": ("(id int PRIMARY KEY, deleted_at int)", "deleted_at"),
}


def statements(database, seed, charsets):
    """SQL that makes the database anew with all tables, the refused ones too."""
    text = [
        f"CREATE OR REPLACE DATABASE {quote_name(database)} CHARACTER SET utf8mb4; USE {quote_name(database)};\n"
        "SET NAMES utf8mb4, time_zone='+00:00', sql_mode='ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO';\n"
    ]
    for table in tables(seed, charsets):
        text.append(create_and_fill(table))
    for name, (body, _) in REFUSED.items():
        value = "1" if name == "numbered" else OLD
        column = "a" if name == "generated_key" else "id"
        text.append(f"CREATE TABLE {name} {body}; INSERT INTO {name} ({column}, deleted_at) VALUES (1, {value});\n")
    text.append(f"CREATE VIEW viewed AS SELECT * FROM `int`; CREATE SEQUENCE counted_up; SELECT {quote_text('made')};\n")
    return "".join(text)


def create_and_fill(table):
    columns = ", ".join(map(quote_name, table.columns))
    text = f"CREATE TABLE {quote_name(table.name)} {table.body};\n"
    return text + "".join(f"INSERT INTO {quote_name(table.name)} ({columns}) VALUES ({', '.join(row)});\n" for row in table.rows)
