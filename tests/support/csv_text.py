"""The CSV of formats/README.md, read strictly and without osarchiver's own reader."""

import csv
import io
import re
import sys


class CsvError(Exception):
    pass


def tokenize_csv(text):
    """RFC 4180 with '\\n' line ends, strictly; yields lists of (quoted, text). Python's csv
    module cannot tell NULL from "NULL"."""
    record, position, end = [], 0, len(text)
    while position < end:
        if text[position] == '"':
            pieces, start = [], position + 1
            while True:
                quote = text.find('"', start)
                if quote < 0:
                    raise CsvError(f"quote opened at {position} is never closed")
                pieces.append(text[start:quote])
                if text[quote + 1 : quote + 2] != '"':
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


# What a snapshot says for an ENUM with index 0: no text, and that number.
ENUM_ERROR = ".0"


def csv_rendering(column, quoted, text):
    """What `snapshot` says for a value that CSV writes so. Raises CsvError when the class is
    written in another way."""
    if not quoted and text == "NULL":
        return None
    if column.data_type == "enum" and not quoted and text == "0":
        # The error value, apart from a member ''.
        return ENUM_ERROR
    if column.kind == "bytes":
        if not re.fullmatch(r"(?:[0-9A-Fa-f]{2})*", text):
            raise CsvError(f"column {column.name} is not hexadecimal")
        return text.upper()
    if quoted != (column.kind == "text"):
        raise CsvError(f"column {column.name} ({column.kind}) is {'' if quoted else 'not '}quoted")
    return text.encode("utf-8", "surrogateescape").hex().upper()


def same_value(column, csv_value, rendering):
    if csv_value is None or rendering is None:
        return csv_value is rendering
    if column.data_type in ("enum", "set"):
        # CSV holds the member's text, the snapshot its number as well.
        if column.data_type == "enum" and ENUM_ERROR in (csv_value, rendering):
            return csv_value == rendering
        rendering = rendering.partition(".")[0]
    return csv_value == rendering


def parse_csv(text, shape):
    """The rows of a CSV file as tuples of renderings (without the numbers of ENUM and SET). Raises
    CsvError where the text is not what it should be, or another reader would understand it
    differently."""
    records = list(tokenize_csv(text))
    csv.field_size_limit(sys.maxsize)
    try:
        by_module = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise CsvError(f"Python's csv module: {error}") from None
    if by_module != [[field for _, field in record] for record in records]:
        raise CsvError("Python's csv module reads something else")
    names = [column.name for column in shape.columns]
    if not records or [field for _, field in records[0]] != names:
        raise CsvError(f"the header is not {names}")
    rows = []
    for number, record in enumerate(records[1:], 2):
        if len(record) != len(names):
            raise CsvError(f"record {number} has {len(record)} fields")
        rows.append(
            tuple(csv_rendering(column, *field) for column, field in zip(shape.columns, record))
        )
    return rows
