"""The schemas of Cinder, Glance and Heat as their own `db sync` makes them, and rows for them.

sync() runs the migrations of Debian's python3-cinder, python3-glance and python3-heat; record()
keeps what they made as SQL in openstack_schema/, which load() makes again without the packages.
fill() knows none of the tables: it goes by columns, unique keys and foreign keys.
"""

import collections
import datetime
import os
import random
import re
import subprocess
import tempfile

from graph_case import Key, Table, literal
from private_mariadb import quote_name

SERVICES = ("cinder", "glance", "heat")
RECORDED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "openstack_schema")
# The packages use the system's Python, whatever else is first in the path.
PYTHON = "/usr/bin/python3"
_MANAGE = {
    "cinder": ("cinder.cmd.manage", ["db", "sync"]),
    "glance": ("glance.cmd.manage", ["db_sync"]),
    "heat": ("heat.cmd.manage", ["db_sync"]),
}
DAYS = 3 * 365
ROWS_PER_INSERT = 500


class SchemaError(Exception):
    pass


def sync(server, service):
    """Makes the service's tables in a database of its name by its own migrations."""
    module, arguments = _MANAGE[service]
    server.sql(f"CREATE OR REPLACE DATABASE {service} CHARACTER SET utf8mb3")
    with tempfile.TemporaryDirectory(prefix="osa-sync-") as directory:
        config = os.path.join(directory, service + ".conf")
        with open(config, "w") as file:
            file.write(
                f"[DEFAULT]\nstate_path = {directory}\nlog_dir = {directory}\n[database]\n"
                f"connection = mysql+pymysql://root@localhost/{service}?unix_socket={server.socket}"
                "&charset=utf8\n"
            )
        program = (
            f"import sys; sys.argv = ['{service}-manage', '--config-file', '{config}'] + {arguments}; "
            f"from {module} import main; sys.exit(main())"
        )
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        done = subprocess.run(
            [PYTHON, "-c", program], capture_output=True, text=True, cwd=directory, env=environment
        )
    if done.returncode != 0:
        raise SchemaError(f"{service}: db sync failed:\n{done.stdout}{done.stderr}")


def record(server, service):
    """Writes the service's tables as they are on the server, without rows."""
    os.makedirs(RECORDED, exist_ok=True)
    options = ["--no-data", "--skip-comments", "--skip-dump-date", "--compact", service]
    dump = subprocess.run(
        server.client(*options, program="mariadb-dump"), capture_output=True, text=True, check=True
    )
    text = re.sub(r" AUTO_INCREMENT=\d+", "", dump.stdout)
    with open(os.path.join(RECORDED, service + ".sql"), "w", encoding="utf-8") as file:
        file.write(text)


def load(server, service):
    """Makes the service's tables as they were recorded."""
    with open(os.path.join(RECORDED, service + ".sql"), encoding="utf-8") as file:
        server.sql(
            "SET foreign_key_checks=0; "
            f"CREATE OR REPLACE DATABASE {service} CHARACTER SET utf8mb3; USE {service};\n"
            + file.read()
        )


Column = collections.namedtuple("Column", "name type full_type nullable length")


class RealTable(Table):
    """A Table with any primary key; `key` names its columns."""

    def __init__(self, database, name, columns, key, unique):
        names = {column.name for column in columns}
        super().__init__(database, name, "deleted_at" in names, "deleted" in names)
        self.all_columns = columns
        self.key = key
        self.unique = unique  # columns of each unique key, the primary key among them

    @property
    def columns(self):
        return [column.name for column in self.all_columns]

    def key_of(self, row):
        return tuple(row[name] for name in self.key)


def read_schema(server, databases=SERVICES):
    """The tables of the databases, with columns and keys; parents before children."""
    where = "table_schema IN (" + ", ".join(f"'{name}'" for name in databases) + ")"
    columns, indexes = collections.defaultdict(list), collections.defaultdict(dict)
    for database, table, name, kind, full, nullable, length in server.query(
        "SELECT table_schema, table_name, column_name, data_type, column_type, is_nullable, "
        "COALESCE(character_maximum_length, 0) FROM information_schema.columns "
        f"WHERE {where} ORDER BY table_schema, table_name, ordinal_position"
    ):
        columns[database, table].append(Column(name, kind, full, nullable == "YES", int(length)))
    for database, table, index, name in server.query(
        "SELECT table_schema, table_name, index_name, column_name FROM information_schema.statistics "
        f"WHERE {where} AND non_unique = 0 ORDER BY table_schema, table_name, index_name, seq_in_index"
    ):
        indexes[database, table].setdefault(index, []).append(name)
    tables = {
        name: RealTable(
            *name, columns[name], indexes[name].get("PRIMARY", []), list(indexes[name].values())
        )
        for name in columns
    }
    keys = {}
    for database, table, constraint, column, parent, referenced, rule in server.query(
        "SELECT k.table_schema, k.table_name, k.constraint_name, k.column_name, "
        "k.referenced_table_name, k.referenced_column_name, r.delete_rule "
        "FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r "
        "ON r.constraint_schema = k.table_schema AND r.constraint_name = k.constraint_name "
        f"AND r.table_name = k.table_name WHERE k.{where} ORDER BY 1, 2, 3, k.ordinal_position"
    ):
        child = tables[database, table]
        key = keys.get((database, table, constraint))
        if key is None:
            key = Key(constraint, child, tables[database, parent], [], [], rule)
            keys[database, table, constraint] = key
            child.keys.append(key)
        key.columns.append(column)
        key.referenced.append(referenced)
    return _parents_first(list(tables.values()))


def _parents_first(tables):
    placed, left = [], tables
    while left:
        ready = [
            t for t in left if all(k.parent is t or k.parent in placed for k in t.keys)
        ] or left[:1]
        placed += ready
        left = [table for table in left if table not in ready]
    return placed


class Filler:
    """Random rows: 60 % soft-deleted over three years, children of soft-deleted rows at or before
    them, but for a few that are alive still."""

    def __init__(self, seed, rows, alive=0.01):
        self.random = random.Random(seed)
        self.rows = rows
        self.alive = alive
        self.now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        self.serial = 0

    def fill(self, server, tables):
        """Adds rows to the tables (parents first) and to the server."""
        for table in tables:
            seen = {tuple(unique): set() for unique in table.unique}
            # Small tables hold what is the same everywhere: types, quotas, services.
            for _ in range(self.rows if len(table.keys) > 0 else max(3, self.rows // 2)):
                row = self._row(table)
                if row is not None and self._is_new(row, seen):
                    table.rows.append(row)
            self._insert(server, table)

    def _row(self, table):
        self.serial += 1
        row = {}
        parents = []
        for key in table.keys:
            parent = self._parent(table, key)
            if parent is None and not all(self._nullable(table, c) for c in key.columns):
                return None
            for column, referenced in zip(key.columns, key.referenced):
                row[column] = None if parent is None else parent[referenced]
            if parent is not None:
                parents.append(parent)
        for column in table.all_columns:
            if column.name not in row:
                row[column.name] = self._value(table, column)
        self._set_deleted(table, row, parents)
        return row

    def _parent(self, table, key):
        optional = all(self._nullable(table, column) for column in key.columns)
        if not key.parent.rows or (optional and self.random.random() < 0.5):
            return None
        return self.random.choice(key.parent.rows)

    @staticmethod
    def _nullable(table, name):
        return next(column.nullable for column in table.all_columns if column.name == name)

    def _value(self, table, column):
        unique = any(column.name in names for names in table.unique)
        if column.nullable and not unique and self.random.random() < 0.2:
            return None
        if column.type in ("datetime", "timestamp", "date"):
            moment = self.now - datetime.timedelta(days=self.random.uniform(0, DAYS))
            return moment.strftime("%Y-%m-%d %H:%M:%S")
        if column.full_type.startswith("tinyint(1)"):
            return self.random.randint(0, 1)
        if column.type == "tinyint":
            return self.random.randint(0, 100)
        if column.type in ("int", "bigint", "smallint", "mediumint", "float", "double", "decimal"):
            return self.serial if unique else self.random.randint(0, 30000)
        if column.type == "enum":
            return self.random.choice(column.full_type[6:-2].split("','"))
        text = f"{self.serial:08x}-{self.random.getrandbits(64):016x}"
        if column.type in ("varchar", "char"):
            return text[: column.length]
        return text

    def _set_deleted(self, table, row, parents):
        if not table.has_column:
            return
        # None: a parent without the column, or a live one.
        dates = [p.get("deleted_at") for p in parents if p.get("deleted_at")]
        date = None
        if dates and self.random.random() >= self.alive:
            # A service deletes children first.
            last = datetime.datetime.fromisoformat(min(dates))
            date = last - datetime.timedelta(minutes=self.random.randint(0, 60))
        elif not dates and self.random.random() < 0.6:
            date = self.now - datetime.timedelta(days=self.random.uniform(0, DAYS))
        row["deleted_at"] = None if date is None else date.strftime("%Y-%m-%d %H:%M:%S")
        if table.has_flag:
            row["deleted"] = 0 if date is None else 1

    @staticmethod
    def _is_new(row, seen):
        for unique, values in seen.items():
            value = tuple(str(row[name]).lower() for name in unique)
            if value in values and None not in (row[name] for name in unique):
                return False
        for unique, values in seen.items():
            values.add(tuple(str(row[name]).lower() for name in unique))
        return True

    @staticmethod
    def _insert(server, table):
        columns = ", ".join(map(quote_name, table.columns))
        head = f"INSERT INTO {table.database}.{quote_name(table.name)} ({columns}) VALUES\n"
        sql = ["SET foreign_key_checks=1, time_zone='+00:00', sql_mode='STRICT_ALL_TABLES';"]
        for begin in range(0, len(table.rows), ROWS_PER_INSERT):
            rows = table.rows[begin : begin + ROWS_PER_INSERT]
            lines = [
                "(" + ", ".join(literal(row[name]) for name in table.columns) + ")" for row in rows
            ]
            sql.append(head + ",\n".join(lines) + ";")
        if len(sql) > 1:
            # The migrations' own rows (Cinder's default volume type) are no part of the test.
            server.sql(
                f"SET foreign_key_checks=0; DELETE FROM {table.database}.{quote_name(table.name)};"
                + "\n".join(sql)
            )
