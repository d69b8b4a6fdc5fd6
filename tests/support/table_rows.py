"""Reads tables exactly: every value as hexadecimal text that says it to the last bit, the kinds of
columns as formats/README.md has them, but worked out anew from the server's catalogue."""

import collections
import re

from private_mariadb import quote_name, quote_text

SESSION = (
    "SET time_zone='+00:00', sql_mode='', in_predicate_conversion_threshold=0; "
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ;\n"
)
NUMBER_TYPES = {
    "tinyint",
    "smallint",
    "mediumint",
    "int",
    "bigint",
    "decimal",
    "float",
    "double",
    "year",
}
CHARACTER_TYPES = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"}
BYTE_TYPES = {
    "bit",
    "binary",
    "varbinary",
    "tinyblob",
    "blob",
    "mediumblob",
    "longblob",
    "geometry",
    "point",
    "linestring",
    "polygon",
    "multipoint",
    "multilinestring",
    "multipolygon",
    "geometrycollection",
}
TEXT_CHARSETS = {"utf8mb3", "utf8mb4", "ascii"}

# A SET that has it is written as its number: its text cannot tell the member from the empty set.
EMPTY_MEMBER = re.compile(r"[(,]''[,)]")

# kind: number, text or bytes, as CSV writes the column.
Column = collections.namedtuple("Column", "name data_type column_type kind")


class TableRows:
    """The rows of one table at one moment. rows: key -> row; both are tuples of the columns'
    renderings (None for NULL)."""

    def __init__(self, columns, key):
        self.columns = columns
        # Positions in columns; None without a usable key: then a row and its ordinal among equals
        # name it.
        self.key = key
        self.rows = {}

    def key_of(self, row):
        return tuple(row[index] for index in self.key)

    def add(self, row):
        """Files a row; returns False when its key is there already."""
        if self.key is None:
            ordinal = 0
            while row + (ordinal,) in self.rows:
                ordinal += 1
            self.rows[row + (ordinal,)] = row
            return True
        key = self.key_of(row)
        if key in self.rows:
            return False
        self.rows[key] = row
        return True


def _column(name, data_type, column_type, charset):
    if data_type in NUMBER_TYPES or (data_type == "set" and EMPTY_MEMBER.search(column_type)):
        kind = "number"
    elif data_type in BYTE_TYPES or (data_type in CHARACTER_TYPES and charset not in TEXT_CHARSETS):
        kind = "bytes"
    else:
        kind = "text"
    return Column(name, data_type, column_type, kind)


def _expression(column):
    """An expression whose text says the column's value exactly, in hexadecimal."""
    name = quote_name(column.name)
    if column.data_type in ("float", "double"):
        # As text, FLOAT keeps six digits, and DOUBLE(m,d) rounds.
        return f"HEX(CAST(CAST({name} AS DOUBLE) AS CHAR))"
    if column.data_type == "bit":
        bits = int(re.search(r"\d+", column.column_type).group())
        return f"LPAD(HEX({name} + 0), {(bits + 7) // 8 * 2}, '0')"
    if column.data_type == "set" and column.kind == "number":
        return f"HEX(CAST({name} + 0 AS CHAR))"
    if column.data_type in ("enum", "set"):
        # The number too: index 0 and a member '' look the same.
        return f"CONCAT(HEX({name}), '.', {name} + 0)"
    if column.data_type in CHARACTER_TYPES or column.data_type in BYTE_TYPES:
        return f"HEX({name})"
    return f"HEX(CAST({name} AS CHAR))"


def table_shape(server, database, table):
    """The stored columns and the key of a table, as an empty TableRows."""
    where = f"TABLE_SCHEMA={quote_text(database)} AND TABLE_NAME={quote_text(table)}"
    columns = [
        _column(name, data_type, column_type, charset)
        for name, data_type, column_type, charset in server.query(
            "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_SET_NAME FROM information_schema.COLUMNS "
            f"WHERE {where} AND IS_GENERATED='NEVER' ORDER BY ORDINAL_POSITION"
        )
    ]
    positions = {column.name: index for index, column in enumerate(columns)}
    indexes = collections.defaultdict(list)
    for name, column, nullable, prefix in server.query(
        "SELECT INDEX_NAME, COLUMN_NAME, NULLABLE, SUB_PART FROM information_schema.STATISTICS "
        f"WHERE {where} AND NON_UNIQUE=0 ORDER BY INDEX_NAME='PRIMARY' DESC, INDEX_NAME, SEQ_IN_INDEX"
    ):
        usable = column in positions and nullable != "YES" and prefix is None
        indexes[name].append(positions[column] if usable else None)
    keys = [key for key in indexes.values() if None not in key]
    return TableRows(columns, keys[0] if keys else None)


def read_rows(server, database, table, columns):
    """All rows of a table as tuples of renderings."""
    select = f"{SESSION}SELECT {', '.join(map(_expression, columns))} FROM {quote_name(database)}.{quote_name(table)}"
    return [
        tuple(None if field == "NULL" else field for field in line.split("\t"))
        for line in server.sql(select).split("\n")[:-1]
    ]


def base_tables(server, databases):
    names = ", ".join(map(quote_text, databases))
    return [
        tuple(row)
        for row in server.query(
            "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES "
            f"WHERE TABLE_SCHEMA IN ({names}) AND TABLE_TYPE='BASE TABLE' ORDER BY 1, 2"
        )
    ]


def snapshot(server, tables=None, databases=()):
    """Reads tables (pairs of database and name; all base tables of `databases` by default) into
    {pair: TableRows}."""
    result = {}
    for database, table in tables if tables is not None else base_tables(server, databases):
        contents = table_shape(server, database, table)
        for row in read_rows(server, database, table, contents.columns):
            contents.add(row)
        result[(database, table)] = contents
    return result
