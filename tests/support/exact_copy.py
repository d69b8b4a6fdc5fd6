"""Whether two databases hold the same rows, to the bit, asked twice: by `mariadb-dump --hex-blob`, and
by SQL that writes every value in hexadecimal (mariadb-dump rounds FLOAT to six digits).

    before = Contents(server, "nova")
    ...
    problems = before.differences(Contents(server, "nova_copy", like=before))

mariadb-dump runs with the character set `binary`, so that nothing is converted on the way.
"""

import collections
import subprocess

from private_mariadb import MariadbError, quote_name, quote_text
from table_rows import SESSION, _column, _expression

SHOWN = 3


def _dumped(server, database, tables):
    """{table: sorted INSERT statements}, one for each row."""
    client = [part for part in server.client(program="mariadb-dump") if not part.startswith("--default-character-set")]
    done = subprocess.run(
        [*client, "--hex-blob", "--default-character-set=binary", "--no-create-info", "--complete-insert", "--skip-extended-insert", "--skip-comments", "--skip-triggers", "--compact", "--single-transaction", "--", database, *tables],
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    if done.returncode != 0:
        raise MariadbError(done.stderr.decode(errors="replace"))
    heads = {b"INSERT INTO " + quote_name(table).encode() + b" ": table for table in tables}
    found = {table: [] for table in tables}
    for line in done.stdout.split(b"\n"):
        for head in (line[: len(head)] for head in heads if line.startswith(head)):
            found[heads[head]].append(line)
            break
        else:
            if line and not line.startswith((b"/*", b"--", b"SET ")):
                raise MariadbError(f"mariadb-dump wrote {line[:200]!r}")
    return {table: sorted(lines) for table, lines in found.items()}


def _columns_of(server, database):
    """{table: stored columns} of the base tables that have rows to compare."""
    found = collections.defaultdict(list)
    for table, *column in server.query(
        "SELECT c.TABLE_NAME, c.COLUMN_NAME, c.DATA_TYPE, c.COLUMN_TYPE, c.CHARACTER_SET_NAME FROM information_schema.COLUMNS c "
        "JOIN information_schema.TABLES t USING (TABLE_SCHEMA, TABLE_NAME) "
        f"WHERE c.TABLE_SCHEMA={quote_text(database)} AND t.TABLE_TYPE IN ('BASE TABLE','SYSTEM VERSIONED') AND c.IS_GENERATED='NEVER' "
        "ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION"
    ):
        found[table].append(_column(*column))
    return dict(found)


def _read(server, database, columns):
    """{table: sorted rows}, a row a line of hexadecimal renderings."""
    text, current = {table: [] for table in columns}, None
    marks = {f"table {number}": table for number, table in enumerate(columns)}
    statements = [SESSION]
    for mark, table in marks.items():
        expressions = ", ".join(map(_expression, columns[table]))
        statements.append(f"SELECT '{mark}'; SELECT {expressions} FROM {quote_name(database)}.{quote_name(table)};\n")
    for line in server.sql("".join(statements)).split("\n")[:-1]:
        if line in marks:
            current = marks[line]
        else:
            text[current].append(line)
    return {table: sorted(lines) for table, lines in text.items()}


class Contents:
    """The rows of a database at one moment. `tables` limits it; `like` takes the tables and the
    columns of another one, as a copy may have others besides."""

    def __init__(self, server, database, tables=None, like=None):
        self.database = database
        self.columns = dict(like.columns) if like else _columns_of(server, database)
        if tables is not None:
            self.columns = {table: self.columns[table] for table in tables}
        self.dumped = _dumped(server, database, list(self.columns)) if self.columns else {}
        self.read = _read(server, database, self.columns)

    def plus(self, other):
        """These rows and the other's, as if they were of one database. A table that the other one
        lacks has no rows there."""
        both = Contents.__new__(Contents)
        both.database, both.columns = self.database, self.columns
        both.dumped = {table: sorted(rows + other.dumped.get(table, [])) for table, rows in self.dumped.items()}
        both.read = {table: sorted(rows + other.read.get(table, [])) for table, rows in self.read.items()}
        return both

    def row_count(self):
        return sum(map(len, self.read.values()))

    def differences(self, other):
        """What `other` has differently, as texts; an empty list when it is the same to the bit."""
        problems = []
        for table in self.columns:
            for what, mine, theirs in (("mariadb-dump", self.dumped, other.dumped), ("values", self.read, other.read)):
                if mine[table] == theirs.get(table):
                    continue
                if table not in theirs:
                    problems.append(f"{table} is missing")
                    continue
                missing = collections.Counter(mine[table]) - collections.Counter(theirs[table])
                added = collections.Counter(theirs[table]) - collections.Counter(mine[table])
                problems.append(
                    f"{table}, by {what}: {sum(missing.values())} rows missing, {sum(added.values())} that were not there: "
                    f"{[row[:300] for row in list(missing)[:SHOWN]]} / {[row[:300] for row in list(added)[:SHOWN]]}"
                )
        return problems
