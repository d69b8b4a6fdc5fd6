"""Checks archives without osarchiver's own readers: every row is in the source or exactly once in every destination.

    before = snapshot(source, databases=["nova", "cinder"])
    ... osarchiver runs, crashes, continues ...
    problems = check(before, source, files="/path/of/archives", archive=archive_server)

SQL files are loaded by `zstdcat FILE | mariadb SCRATCH`, CSV files are parsed by a tokenizer of our own and by Python's csv
module, archive tables are read by SQL. Rows are compared in hexadecimal, column by column, so that nothing is rounded, converted
or trimmed on the way. File names, column classes and renderings are those of formats/README.md.
"""

import collections
import csv
import io
import os
import re
import subprocess
import sys
import urllib.parse

from private_mariadb import MariadbError, PrivateMariadb, quote_name, quote_text

SESSION = ("SET time_zone='+00:00', sql_mode='', in_predicate_conversion_threshold=0; "
           "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ;\n")
NUMBER_TYPES = {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "year"}
CHARACTER_TYPES = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"}
BYTE_TYPES = {"bit", "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "geometry", "point", "linestring",
              "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection"}
TEXT_CHARSETS = {"utf8mb3", "utf8mb4", "ascii"}
PROBLEMS_PER_KIND = 10

# kind: number, text or bytes, as CSV writes the column.
Column = collections.namedtuple("Column", "name data_type column_type kind")


class TableRows:
    """The rows of one table at one moment. rows: key -> row; both are tuples of the columns' renderings (None for NULL)."""

    def __init__(self, columns, key):
        self.columns = columns
        self.key = key  # positions in columns; None without a usable key: then a row and its ordinal among equals name it
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
    if data_type in NUMBER_TYPES:
        kind = "number"
    elif data_type in BYTE_TYPES or (data_type in CHARACTER_TYPES and charset not in TEXT_CHARSETS):
        kind = "bytes"
    else:
        kind = "text"
    return Column(name, data_type, column_type, kind)


def _expression(column):
    """An expression whose text says the column's value exactly, in hexadecimal."""
    name = quote_name(column.name)
    if column.data_type == "float":
        # As text, FLOAT keeps six digits.
        return f"HEX(CAST(CAST({name} AS DOUBLE) AS CHAR))"
    if column.data_type == "bit":
        bits = int(re.search(r"\d+", column.column_type).group())
        return f"LPAD(HEX({name} + 0), {(bits + 7) // 8 * 2}, '0')"
    if column.data_type in ("enum", "set"):
        # The number too: index 0 and a member '' look the same.
        return f"CONCAT(HEX({name}), '.', {name} + 0)"
    if column.data_type in CHARACTER_TYPES or column.data_type in BYTE_TYPES:
        return f"HEX({name})"
    return f"HEX(CAST({name} AS CHAR))"


def table_shape(server, database, table):
    """The stored columns and the key of a table, as an empty TableRows."""
    where = f"TABLE_SCHEMA={quote_text(database)} AND TABLE_NAME={quote_text(table)}"
    columns = [_column(name, data_type, column_type, charset) for name, data_type, column_type, charset in server.query(
        "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_SET_NAME FROM information_schema.COLUMNS "
        f"WHERE {where} AND IS_GENERATED='NEVER' ORDER BY ORDINAL_POSITION")]
    positions = {column.name: index for index, column in enumerate(columns)}
    indexes = collections.defaultdict(list)
    for name, column, nullable, prefix in server.query(
            "SELECT INDEX_NAME, COLUMN_NAME, NULLABLE, SUB_PART FROM information_schema.STATISTICS "
            f"WHERE {where} AND NON_UNIQUE=0 ORDER BY INDEX_NAME='PRIMARY' DESC, INDEX_NAME, SEQ_IN_INDEX"):
        usable = column in positions and nullable != "YES" and prefix is None
        indexes[name].append(positions[column] if usable else None)
    keys = [key for key in indexes.values() if None not in key]
    return TableRows(columns, keys[0] if keys else None)


def read_rows(server, database, table, columns):
    """All rows of a table as tuples of renderings."""
    select = f"{SESSION}SELECT {', '.join(map(_expression, columns))} FROM {quote_name(database)}.{quote_name(table)}"
    return [tuple(None if field == "NULL" else field for field in line.split("\t"))
            for line in server.sql(select).split("\n")[:-1]]


def base_tables(server, databases):
    names = ", ".join(map(quote_text, databases))
    return [tuple(row) for row in server.query(
        "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES "
        f"WHERE TABLE_SCHEMA IN ({names}) AND TABLE_TYPE='BASE TABLE' ORDER BY 1, 2")]


def snapshot(server, tables=None, databases=()):
    """Reads tables (pairs of database and name; all base tables of `databases` by default) into {pair: TableRows}."""
    result = {}
    for database, table in tables if tables is not None else base_tables(server, databases):
        contents = table_shape(server, database, table)
        for row in read_rows(server, database, table, contents.columns):
            contents.add(row)
        result[(database, table)] = contents
    return result


# ---- CSV ----------------------------------------------------------------------------------------------------------------------

class CsvError(Exception):
    pass


def tokenize_csv(text):
    """RFC 4180 with '\\n' line ends, strictly; yields lists of (quoted, text). Python's csv module cannot tell NULL from "NULL"."""
    record, position, end = [], 0, len(text)
    while position < end:
        if text[position] == '"':
            pieces, start = [], position + 1
            while True:
                quote = text.find('"', start)
                if quote < 0:
                    raise CsvError(f"quote opened at {position} is never closed")
                pieces.append(text[start:quote])
                if text[quote + 1:quote + 2] != '"':
                    break
                pieces.append('"')
                start = quote + 2
            record.append((True, "".join(pieces)))
            position = quote + 1
        else:
            match = re.compile(r'[^,\n"\r]*').match(text, position)
            record.append((False, match.group()))
            position = match.end()
        if position >= end:
            raise CsvError("the last line does not end")
        if text[position] == "\n":
            yield record
            record = []
        elif text[position] != ",":
            raise CsvError(f"{text[position]!r} behind a field at {position}")
        elif position + 1 == end:
            raise CsvError("the text ends behind a comma")
        position += 1


def csv_rendering(column, quoted, text):
    """What `snapshot` says for a value that CSV writes so. Raises CsvError when the class is written in another way."""
    if not quoted and text == "NULL":
        return None
    if column.kind == "bytes":
        if not re.fullmatch(r"(?:[0-9A-Fa-f]{2})*", text):
            raise CsvError(f"column {column.name} is not hexadecimal")
        return text.upper()
    if quoted != (column.kind == "text"):
        raise CsvError(f"column {column.name} ({column.kind}) is {'' if quoted else 'not '}quoted")
    return text.encode("utf-8", "surrogateescape").hex().upper()


def _same_value(column, csv_value, rendering):
    if csv_value is None or rendering is None:
        return csv_value is rendering
    if column.data_type in ("enum", "set"):
        # CSV holds the member's text, the snapshot its number as well.
        rendering = rendering.partition(".")[0]
    return csv_value == rendering


# ---- files --------------------------------------------------------------------------------------------------------------------

Archived = collections.namedtuple("Archived", "file row")


def archive_files(root, ending):
    """Every *.<ending>.zst below root, sorted by path, with the (database, table) that its name says."""
    found = []
    for directory, _, names in sorted(os.walk(root)):
        for name in sorted(names):
            parts = name.split(".")
            if name.endswith(f".{ending}.zst"):
                table = tuple(map(urllib.parse.unquote, parts[:2])) if len(parts) == 7 else None
                found.append((os.path.join(directory, name), table))
    return found


def _decompress(path):
    done = subprocess.run(["zstdcat", path], capture_output=True)
    if done.returncode != 0:
        raise CsvError("zstdcat: " + done.stderr.decode(errors="replace").strip())
    return done.stdout


def _read_csv(path, shape):
    """The rows of a CSV file as lists of renderings (without the numbers of ENUM and SET)."""
    text = _decompress(path).decode("utf-8")
    records = list(tokenize_csv(text))
    csv.field_size_limit(sys.maxsize)
    by_module = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    if by_module != [[field for _, field in record] for record in records]:
        raise CsvError("Python's csv module reads something else")
    names = [column.name for column in shape.columns]
    if not records or [field for _, field in records[0]] != names:
        raise CsvError(f"the header is not {names}")
    rows = []
    for number, record in enumerate(records[1:], 2):
        if len(record) != len(names):
            raise CsvError(f"record {number} has {len(record)} fields")
        rows.append(tuple(csv_rendering(column, *field) for column, field in zip(shape.columns, record)))
    return rows


def _load_sql(path, server, database):
    # As an operator would: a shell pipe and a plain client. Its default max_allowed_packet stays as it is, too.
    client = [part for part in server.client(database) if not part.startswith("--max-allowed-packet")]
    unpack = subprocess.Popen(["zstdcat", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    load = subprocess.run(client, stdin=unpack.stdout, capture_output=True)
    unpack.stdout.close()
    errors = unpack.stderr.read() + load.stderr
    unpack.stderr.close()
    if unpack.wait() != 0 or load.returncode != 0:
        raise MariadbError(errors.decode(errors="replace").strip())


def _read_sql(path, table, shape, server, problems):
    """The rows of an SQL file as it inserts them, doubles included."""
    server.sql("CREATE OR REPLACE DATABASE scratch_keyed; CREATE OR REPLACE DATABASE scratch_free;")
    _load_sql(path, server, "scratch_keyed")
    keyed = read_rows(server, "scratch_keyed", table, shape.columns)
    _load_sql(path, server, "scratch_keyed")
    again = read_rows(server, "scratch_keyed", table, shape.columns)
    if sorted(map(str, keyed)) != sorted(map(str, again)):
        problems.append(f"{path}: loading it a second time changes the rows")
    # Without any key nothing is a duplicate, so ON DUPLICATE KEY UPDATE hides no row that stands in the file twice.
    columns = ", ".join(quote_name(column.name) for column in shape.columns)
    name = quote_name(table)
    server.sql(f"SET sql_mode=''; CREATE TABLE scratch_free.{name} AS SELECT {columns} FROM scratch_keyed.{name} LIMIT 0")
    _load_sql(path, server, "scratch_free")
    return read_rows(server, "scratch_free", table, shape.columns)


def _collect_files(original, root, ending, server, problems):
    """{table: {key: [Archived, ...]}} over all files of one format."""
    copies = {table: collections.defaultdict(list) for table in original}
    for path, table in archive_files(root, ending):
        if subprocess.run(["zstd", "-q", "-t", path], capture_output=True).returncode != 0:
            problems.append(f"{path}: zstd -t fails")
        shape = original.get(table)
        if shape is None or shape.key is None:
            problems.append(f"{path}: belongs to no table that could be archived")
            continue
        try:
            rows = _read_csv(path, shape) if ending == "csv" else _read_sql(path, table[1], shape, server, problems)
        except (CsvError, csv.Error, MariadbError, UnicodeDecodeError) as error:
            problems.append(f"{path}: {error}")
            continue
        seen = set()
        full_keys = {_without_numbers(shape, key): key for key in shape.rows} if ending == "csv" else {}
        for row in rows:
            key = full_keys.get(shape.key_of(row), shape.key_of(row))
            if key in seen:
                problems.append(f"{path}: key {key_text(key)} stands in it twice")
            seen.add(key)
            copies[table][key].append(Archived(path, row))
    return copies


def _without_numbers(shape, key):
    """A key as CSV gives it: ENUM and SET columns without their numbers."""
    return tuple(value.partition(".")[0] if value and shape.columns[index].data_type in ("enum", "set") else value
                 for index, value in zip(shape.key, key))


def _collect_database(original, archive, database_of, table_suffix):
    copies = {}
    existing = set(base_tables(archive, {database_of(database) for database, _ in original}))
    for (database, table), shape in original.items():
        copies[(database, table)] = collections.defaultdict(list)
        there = (database_of(database), table + table_suffix)
        if there in existing and shape.key is not None:
            for row in read_rows(archive, *there, shape.columns):
                copies[(database, table)][shape.key_of(row)].append(Archived(".".join(there), row))
    return copies


def _check_sums(root, problems):
    for directory, _, names in os.walk(root):
        for name in names:
            if name.endswith(".sha256"):
                done = subprocess.run(["sha256sum", "--check", "--quiet", "--strict", name], cwd=directory, capture_output=True, text=True)
                if done.returncode != 0:
                    problems.append(f"{os.path.join(directory, name)}: sha256sum -c fails: {(done.stdout + done.stderr).strip()}")


# ---- the check ----------------------------------------------------------------------------------------------------------------

def key_text(key):
    """A key for people: decoded where it is text."""
    def show(part):
        try:
            return "NULL" if part is None else bytes.fromhex(part.partition(".")[0]).decode()
        except (ValueError, AttributeError):
            return str(part)
    return "(" + ", ".join(map(show, key)) + ")"


class _Report:
    """Problems, a handful of each kind: a broken run would name every row."""

    def __init__(self):
        self.problems = []
        self.counts = collections.Counter()

    def append(self, problem, kind=None):
        if kind is not None:
            self.counts[kind] += 1
            if self.counts[kind] > PROBLEMS_PER_KIND:
                return
        self.problems.append(problem)

    def finish(self):
        for kind, count in self.counts.items():
            if count > PROBLEMS_PER_KIND:
                self.problems.append(f"{kind}: {count - PROBLEMS_PER_KIND} more")
        return self.problems


def _check_destination(name, original, after, copies, from_csv, kept, versions, report):
    for table, shape in original.items():
        label = f"{name}: {table[0]}.{table[1]}"
        for key, row in shape.rows.items():
            found = copies[table].get(key, ())
            same = [copy for copy in found if _same_row(shape, copy.row, row, from_csv)]
            in_source = key in after[table].rows
            where = f"{label} {key_text(key)}"
            if in_source and found and not kept:
                report.append(f"{where} is in the source and in {found[0].file}", f"{label}: in both")
            if not in_source and not found:
                report.append(f"{where} is neither in the source nor archived", f"{label}: lost")
            elif not in_source and not same:
                report.append(f"{where} differs from the original in {found[0].file}: {_difference(shape, found[0].row, row, from_csv)}",
                              f"{label}: differs")
            elif len(found) > 1 and not (versions and len(same) <= 1):
                report.append(f"{where} is archived {len(found)} times: {', '.join(sorted({copy.file for copy in found}))}", f"{label}: twice")
            elif in_source and found and not same and not versions:
                report.append(f"{where}: the copy in {found[0].file} differs from the source", f"{label}: differs")
        for key in copies[table].keys() - shape.rows.keys():
            report.append(f"{label} {key_text(key)} is archived and never was in the source", f"{label}: invented")


def _same_row(shape, copy, row, from_csv):
    if not from_csv:
        return copy == row
    return all(_same_value(column, value, expected) for column, value, expected in zip(shape.columns, copy, row))


def _difference(shape, copy, row, from_csv):
    names = [column.name for column, value, expected in zip(shape.columns, copy, row)
             if not (_same_value(column, value, expected) if from_csv else value == expected)]
    return "columns " + ", ".join(names)


def check(original, source, files=None, formats=("sql", "csv"), archive=None, archive_database=None, table_suffix="",
          kept=False, versions=False, scratch=None):
    """Compares what is left in the source and what lies in the archives with `original`, a snapshot() of before (or, where rows were
    changed on purpose, of their final version). Returns the problems as texts; an empty list means that no row was lost, doubled,
    changed or invented.

    files: root of the archive files, which must hold `formats`.  archive: server with the archive database, named by
    archive_database(database), by default with the suffix _archive.  kept: archived rows may be in the source too (archive-only).
    versions: earlier versions of a row may lie beside the final one, in other files.  scratch: a server to load SQL files into;
    one is started when it is needed and not given.
    """
    report = _Report()
    after = snapshot(source, original.keys())
    for table, shape in original.items():
        for key, row in after[table].rows.items():
            if shape.rows.get(key) != row:
                report.append(f"source: {table[0]}.{table[1]} {key_text(key)} is not as it was", f"source: {table}")
    destinations = []
    own = None
    try:
        if files is not None and "sql" in formats and scratch is None:
            own = scratch = PrivateMariadb(profile="fast")
        for ending in formats if files is not None else ():
            destinations.append((ending, _collect_files(original, files, ending, scratch, report), ending == "csv"))
        if files is not None:
            _check_sums(files, report)
        if archive is not None:
            database_of = archive_database or (lambda database: database + "_archive")
            destinations.append(("archive", _collect_database(original, archive, database_of, table_suffix), False))
    finally:
        if own is not None:
            own.close()
    if not destinations:
        destinations.append(("no destination", {table: {} for table in original}, False))
    for name, copies, from_csv in destinations:
        _check_destination(name, original, after, copies, from_csv, kept, versions, report)
    return report.finish()


def archived_rows(original, source):
    """{table: number of rows that are gone from the source}, to require that a test archived something at all."""
    after = snapshot(source, original.keys())
    return {table: len(shape.rows) - len(after[table].rows) for table, shape in original.items()}
