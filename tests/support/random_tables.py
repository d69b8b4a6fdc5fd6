"""Random tables with random rows, for the property test: every type of column, keys of every kind,
character sets, collations, generated and invisible columns. The same seed makes the same SQL."""

import random
import struct

from private_mariadb import quote_name

# Letters, what quoting and escaping are made of, and what is more than one byte somewhere.
ALPHABET = "aAbB09 .,;'\"\\`%_-/\t\n\r\0\x1a\b()éÉßçдЖ日本語한ελ😀ÿ\u0301\u00a0NUL"
CHARSETS = {
    "utf8mb4": ("utf8mb4_general_ci", "utf8mb4_bin", "utf8mb4_unicode_ci", "utf8mb4_nopad_bin", "utf8mb4_general_nopad_ci", "utf8mb4_unicode_520_ci", "uca1400_ai_ci"),
    "utf8mb3": ("utf8mb3_general_ci", "utf8mb3_bin", "utf8mb3_unicode_ci"),
    "latin1": ("latin1_swedish_ci", "latin1_bin", "latin1_general_cs", "latin1_german2_ci"),
    "ascii": ("ascii_general_ci", "ascii_bin"),
    "ucs2": ("ucs2_general_ci", "ucs2_bin"),
    "utf16": ("utf16_general_ci", "utf16_bin"),
    "utf32": ("utf32_general_ci", "utf32_bin"),
    "cp1251": ("cp1251_general_ci", "cp1251_bin"),
    "sjis": ("sjis_japanese_ci", "sjis_bin"),
    "gbk": ("gbk_chinese_ci", "gbk_bin"),
    "big5": ("big5_chinese_ci", "big5_bin"),
    "koi8r": ("koi8r_general_ci",),
}
# Names that break what is built by hand; with a number behind them they are all different.
NAMES = ("a", "select", "a b", "a`b", "a.b", "a/b", "..", "größe", "it's", 'quo"te', "back\\slash", "100%", "UPPER", "日本", "@x", "-- x", "key", "x" * 50)


class Tables:
    """The tables of one seed."""

    def __init__(self, seed, collations):
        self.random = random.Random(seed)
        self.collations = collations  # that the server has

    def one_of(self, choices):
        return self.random.choice(choices)

    # Columns: (type, function that makes a value's SQL, whether a key may have it).

    def column(self):
        return self.one_of(self.KINDS)(self)

    def integer(self):
        name, bits = self.one_of((("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("bigint", 64)))
        if self.random.random() < 0.5:
            low, high, name = 0, 2**bits - 1, name + " unsigned"
        else:
            low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        ends = (low, high, 0, 1, max(low, -1))
        return name, lambda: str(self.one_of(ends) if self.random.random() < 0.3 else self.random.randint(low, high)), True

    def decimal(self):
        digits = self.random.randint(1, 65)
        scale = self.random.randint(0, min(digits, 30))

        def value():
            number = str(self.random.randrange(10 ** self.random.randint(1, digits))).rjust(scale + 1, "0")
            text = number[: len(number) - scale] + ("." + number[len(number) - scale :] if scale else "")
            return self.one_of(("", "-")) + text

        return f"decimal({digits},{scale})", value, digits < 40

    def floating(self):
        name, code, bits = self.one_of((("float", "<f", 32), ("double", "<d", 64)))

        def value():
            while True:
                pattern = self.random.getrandbits(bits)
                number = struct.unpack(code, pattern.to_bytes(bits // 8, "little"))[0]
                if number == number and abs(number) != float("inf"):
                    text = repr(number)
                    return text if "e" in text else text + "e0"

        return name, value, False

    def bit(self):
        width = self.random.randint(1, 64)
        return f"bit({width})", lambda: str(self.random.getrandbits(width)), True

    def year(self):
        return "year", lambda: self.one_of(("0", "1901", "2155", str(self.random.randint(1902, 2154)))), True

    def date(self):
        return "date", lambda: self.day(), True

    def day(self):
        special = ("'0000-00-00'", "'1000-01-01'", "'9999-12-31'", "'2021-02-31'", "'2020-00-00'", "'2020-05-00'")
        if self.random.random() < 0.3:
            return self.one_of(special)
        return f"'{self.random.randint(0, 9999):04}-{self.random.randint(1, 12):02}-{self.random.randint(1, 28):02}'"

    def clock(self, hours):
        digits = self.random.randint(0, 6)
        fraction = "." + str(self.random.randrange(10**6)).rjust(6, "0")
        return f"{self.random.randint(0, hours):02}:{self.random.randint(0, 59):02}:{self.random.randint(0, 59):02}{fraction if digits else ''}"

    def time(self):
        special = ("'-838:59:59'", "'838:59:59'", "'00:00:00'", "'-00:00:01'")
        return f"time({self.random.randint(0, 6)})", lambda: self.one_of(special) if self.random.random() < 0.3 else f"'{self.one_of(('', '-'))}{self.clock(837)}'", True

    def datetime(self):
        return f"datetime({self.random.randint(0, 6)})", lambda: f"{self.day()[:-1]} {self.clock(23)}'", True

    def timestamp(self):
        def value():
            if self.random.random() < 0.2:
                return self.one_of(("'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'2020-10-25 00:30:00'", "'2020-10-25 01:30:00'"))
            return f"'{self.random.randint(1971, 2037)}-{self.random.randint(1, 12):02}-{self.random.randint(1, 28):02} {self.clock(23)}'"

        # Without a default of its own the first one would change with every update.
        return f"timestamp({self.random.randint(0, 6)})", value, False

    def charset(self):
        charset = self.one_of(list(CHARSETS))
        return charset, self.one_of([name for name in CHARSETS[charset] if name in self.collations])

    def letters(self, charset, length):
        text = "".join(self.one_of(ALPHABET) for _ in range(self.random.randint(0, length)))
        if self.random.random() < 0.2:
            text += " " * self.random.randint(1, 3)
        if charset in ("latin1", "cp1251", "koi8r") and self.random.random() < 0.3:
            return f"_{charset} x'{self.random.randbytes(self.random.randint(0, length)).hex()}'"
        return f"CONVERT(_utf8mb4 x'{text.encode().hex()}' USING {charset})"

    def text(self):
        charset, collation = self.charset()
        length = self.random.randint(1, 30)
        kind, keyed = self.one_of(((f"varchar({length})", True), (f"char({length})", True), ("text", False), ("tinytext", False), ("mediumtext", False), ("longtext", False), ("text COMPRESSED", False), (f"varchar({length}) COMPRESSED", False)))
        head, _, compressed = kind.partition(" ")
        return f"{head} CHARACTER SET {charset} COLLATE {collation} {compressed}", lambda: f"LEFT({self.letters(charset, length)}, {length})", keyed

    def members(self):
        charset, collation = self.charset()
        names = ["m" + str(number) for number in range(self.random.randint(1, 20))] + self.random.sample(["", "x y", "it''s", "a\\\\b", "0", "1", "NULL", "Q"], 3)
        kind = self.one_of(("enum", "set"))
        usable = [name for name in dict.fromkeys(names) if kind == "enum" or "," not in name]
        listed = ",".join(f"'{name}'" for name in usable)
        top = len(usable) if kind == "enum" else 2 ** len(usable) - 1
        return f"{kind}({listed}) CHARACTER SET {charset} COLLATE {collation}", lambda: str(self.random.randint(0, top)), True

    def bytes(self):
        length = self.random.randint(1, 40)
        kind, keyed = self.one_of(((f"binary({length})", True), (f"varbinary({length})", True), ("blob", False), ("tinyblob", False), ("longblob", False), ("blob COMPRESSED", False)))
        return kind, lambda: f"x'{self.random.randbytes(self.random.randint(0, length)).hex()}'", keyed

    def json(self):
        return "json", lambda: self.one_of(("'{\"a\": [1, null]}'", "'null'", "'[]'", "'\"\\\\u00e9\"'", "'1.0e2'")), False

    def address(self):
        kind, size = self.one_of((("inet4", 4), ("inet6", 16), ("uuid", 16)))

        def value():
            data = self.random.randbytes(size)
            if kind == "inet4":
                return "'" + ".".join(map(str, data)) + "'"
            if kind == "inet6":
                return "'" + ":".join(data.hex()[at : at + 4] for at in range(0, 32, 4)) + "'"
            text = data.hex()
            return f"'{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}'"

        return kind, value, True

    def geometry(self):
        number = lambda: repr(self.random.uniform(-1e6, 1e6))  # noqa: E731
        return "geometry", lambda: f"ST_GeomFromText('{self.one_of(('POINT({0} {1})', 'LINESTRING({0} {1},{1} {0})', 'MULTIPOINT({0} {1},0 0)')).format(number(), number())}', {self.one_of((0, 4326))})", False

    KINDS = (integer, integer, decimal, floating, floating, bit, year, date, time, datetime, timestamp, text, text, text, members, bytes, bytes, json, address, geometry)

    def key_columns(self):
        columns = []
        while len(columns) < self.one_of((1, 1, 1, 2, 3)):
            column = self.column()
            if column[2]:
                columns.append(column)
        return columns

    def deleted_at(self, live):
        if live:
            return self.one_of(("NULL", "'0000-00-00 00:00:00'", "NOW()"))
        return f"'{self.random.randint(2001, 2022)}-0{self.random.randint(1, 9)}-11 {self.random.randint(10, 23)}:00:00'"

    def table(self, number):
        """SQL that makes and fills one table; its name ends in the number."""
        name = self.one_of(NAMES) + str(number)
        keys, others = self.key_columns(), [self.column() for _ in range(self.random.randint(0, 8))]
        columns, values = [], []
        for kind, value, _ in keys:
            columns.append((kind, "NOT NULL", value))
        for kind, value, _ in others:
            null = self.one_of(("NULL", "NULL", "NOT NULL"))
            columns.append((kind, null, value))
        date_type = self.one_of(("datetime", "datetime(6)", "timestamp", "timestamp(3)", "date"))
        names = [f"{self.one_of(NAMES)}{index}" for index in range(len(columns))]
        key_names = names[: len(keys)]
        order = list(range(len(columns)))
        self.random.shuffle(order)
        definitions = []
        for index in order:
            kind, null, _ = columns[index]
            default = " DEFAULT '2000-01-01'" if kind.startswith("timestamp") and null == "NOT NULL" else ""
            hidden = " INVISIBLE" if index >= len(keys) and (null == "NULL" or default) and self.random.random() < 0.1 else ""
            definitions.append(f"{quote_name(names[index])} {kind} {null}{default}{hidden}")
        definitions.insert(self.random.randint(0, len(definitions)), f"deleted_at {date_type} NULL")
        flagged = self.random.random() < 0.5
        if flagged:
            definitions.append("deleted int NOT NULL DEFAULT 0")
        if self.random.random() < 0.3:
            definitions.insert(self.random.randint(0, len(definitions)), f"twice varchar(100) AS (CONCAT('g', deleted_at)) {self.one_of(('VIRTUAL', 'STORED'))}")
        quoted = [quote_name(key) for key in key_names]
        if date_type.startswith("datetime") and self.random.random() < 0.1:
            # A key that holds the soft-delete column has no NULL in it.
            definitions = [text.replace(f"deleted_at {date_type} NULL", f"deleted_at {date_type} NOT NULL DEFAULT '0000-00-00 00:00:00'") for text in definitions]
            quoted.append("deleted_at")
        self.random.shuffle(quoted)
        kind = self.one_of(("PRIMARY KEY", "PRIMARY KEY", "PRIMARY KEY", "UNIQUE KEY one"))
        definitions.append(f"{kind} ({', '.join(quoted)})")
        options = self.one_of(("", "", "ROW_FORMAT=COMPACT", "ROW_FORMAT=REDUNDANT", "ROW_FORMAT=COMPRESSED"))
        text = [f"CREATE TABLE {quote_name(name)} (\n  " + ",\n  ".join(definitions) + f") {options};\n"]
        inserted = [*map(quote_name, names), "deleted_at"] + (["deleted"] if flagged else [])
        rows = []
        for _ in range(self.random.randint(0, 60)):
            live = self.random.random() < 0.25
            row = ["NULL" if null == "NULL" and self.random.random() < 0.15 else value() for _, null, value in columns]
            row.append(self.deleted_at(live))
            if flagged:
                row.append(str(0 if live or self.random.random() < 0.1 else self.random.randint(1, 99)))
            rows.append(f"({', '.join(row)})")
        # IGNORE: a random key may come twice, and a random value may not fit.
        for start in range(0, len(rows), 20):
            text.append(f"INSERT IGNORE INTO {quote_name(name)} ({', '.join(inserted)}) VALUES {', '.join(rows[start : start + 20])};\n")
        return "".join(text)

    def database(self, name, count):
        settings = "SET NAMES utf8mb4, time_zone='+00:00', sql_mode='ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', innodb_strict_mode=0;\n"
        return (
            f"CREATE OR REPLACE DATABASE {quote_name(name)} CHARACTER SET utf8mb4; USE {quote_name(name)};\n{settings}"
            + "".join(self.table(number) for number in range(count))
        )
