"""Random graphs of tables that refer to each other, with random rows and settings: what a seed makes,
as SQL and as an osarchiver configuration. graph_model.py says what must become of them."""

import dataclasses
import datetime
import random

YEAR_AGO = 400  # days: older than the retention of 12 months
RULES = ["RESTRICT", "NO ACTION", "CASCADE", "SET NULL"]
ROWS_PER_TABLE = 30


@dataclasses.dataclass(eq=False)
class Key:
    """A foreign key. Its columns in the child, and what they refer to in the parent."""

    name: str
    child: "Table"
    parent: "Table"
    columns: list
    referenced: list
    rule: str

    @property
    def restricts(self):
        return self.rule in ("RESTRICT", "NO ACTION")


@dataclasses.dataclass(eq=False)
class Table:
    database: str
    name: str
    has_column: bool = True  # deleted_at
    has_flag: bool = True  # deleted
    excluded: bool = False
    outside: bool = False  # in a database that the source does not name
    delete: bool = True
    dependents: object = "block"  # the setting that holds for the table as the root of a tree
    composite_key: bool = False
    keys: list = dataclasses.field(default_factory=list)  # those it declares
    rows: list = dataclasses.field(default_factory=list)  # dictionaries column -> value

    @property
    def full_name(self):
        return f"{self.database}.{self.name}"

    @property
    def planned(self):
        """osarchiver may take rows of it, by themselves or with their parents."""
        return not self.excluded and not self.outside

    @property
    def columns(self):
        names = ["id", "u", "x", "y", "uuid", "n"]
        names += ["deleted_at"] if self.has_column else []
        names += ["deleted"] if self.has_flag else []
        for key in self.keys:
            names += [column for column in key.columns if column != "id"]
        return names + ["note"]

    def key_of(self, row):
        return (row["x"], row["y"]) if self.composite_key else (row["id"],)


class GraphCase:
    """What a seed makes: `tables`, and the settings of the source. `prefix` begins the names of
    its databases, so that several cases can share a server."""

    def __init__(self, seed, prefix="graph"):
        self.seed = seed
        self.random = random.Random(seed)
        self.prefix = prefix
        self.databases = [prefix + "_a", prefix + "_b"]
        self.outside = prefix + "_x"
        now = datetime.datetime.now(datetime.timezone.utc)
        self.old = (now - datetime.timedelta(days=YEAR_AGO)).strftime("%Y-%m-%d %H:%M:%S")
        self.young = (now - datetime.timedelta(days=30)).strftime("%Y-%m-%d %H:%M:%S")
        self.tables = []
        self._make_tables()
        self._make_keys()
        self._make_rows()
        self._make_settings()

    def _chance(self, probability):
        return self.random.random() < probability

    def _make_tables(self):
        # Some cases have what makes others dull: with many excluded tables little ever goes.
        loose = self.random.choice([0, 0.05, 0.15])
        plain = self.random.choice([0, 0.2, 0.5])
        second = self.random.choice([0, 0.3])
        # Small graphs often: what they find is easy to read.
        for number in range(self.random.choice([1, 2, 3, 4, 6, 8, 12, self.random.randint(1, 12)])):
            outside = self._chance(loose)
            database = (
                self.outside if outside else self.databases[1 if self._chance(second) else 0]
            )
            has_column = not self._chance(plain)
            self.tables.append(
                Table(
                    database,
                    f"t{number}",
                    has_column,
                    has_flag=has_column and self._chance(0.7),
                    excluded=not outside and self._chance(loose),
                    outside=outside,
                    composite_key=self._chance(0.2),
                )
            )

    def _make_keys(self):
        count = self.random.randint(0, 2 * len(self.tables))
        for number in range(count):
            child, parent = self.random.choice(self.tables), self.random.choice(self.tables)
            # A third against the order of the tables: cycles, but not everywhere.
            if child is not parent and self._chance(0.66):
                child, parent = sorted((child, parent), key=self.tables.index, reverse=True)
            rule = self.random.choice(RULES)
            column = f"f{number}"
            columns, referenced = [column], [self.random.choice(["id", "id", "u", "uuid", "n"])]
            if self._chance(0.2):
                columns, referenced = [column, column + "b"], ["x", "y"]
            elif child is not parent and rule != "SET NULL" and self._chance(0.15):
                # One to one: the child's own key is its reference.
                taken = any("id" in key.columns for key in child.keys)
                columns, referenced = ([column], ["u"]) if taken else (["id"], ["id"])
            key = Key(f"{child.name}_{column}", child, parent, columns, referenced, rule)
            child.keys.append(key)

    def _make_rows(self):
        most = self.random.choice([3, 8, ROWS_PER_TABLE])
        for table in self.tables:
            count = self.random.randint(0, most)
            numbers = list(range(1, count + 1))
            # So that a walk by key meets parents before children and children before parents.
            self.random.shuffle(numbers)
            table.rows = [self._row(table, number) for number in numbers]
        # Parents' ids are fixed before children that take them over: in the order of the tables.
        for table in self.tables:
            for key in table.keys:
                if key.columns == ["id"]:
                    self._take_over_ids(table, key)
        dead = self.random.choice([0.5, 0.8, 0.95])
        for table in self.tables:
            for row in table.rows:
                self._set_state(table, row, self._chance(dead))
                for key in table.keys:
                    if key.columns != ["id"]:
                        self._set_reference(key, row)

    def _row(self, table, number):
        return {
            "id": number,
            "u": 1000 - number,
            "x": number % 3,
            "y": number,
            "uuid": f"{table.name}-{number * 7919 % 1000:03d}-Ab",
            "n": number // 2,
            "note": self.random.choice(["", "it's", "a,b", None]),
        }

    def _take_over_ids(self, table, key):
        ids = [row["id"] for row in key.parent.rows]
        del table.rows[len(ids) :]
        for row, number in zip(table.rows, self.random.sample(ids, len(table.rows))):
            row.update(self._row(table, number))

    def _set_state(self, table, row, dead):
        if not table.has_column:
            return
        live = self.random.choice(["live", "live", "young", "restorable", "zero"])
        state = "old" if dead else live
        if state == "restorable" and not table.has_flag:
            state = "live"
        row["deleted_at"] = {
            "old": self.old,
            "young": self.young,
            "restorable": self.old,
            "live": None,
            "zero": "0000-00-00 00:00:00",
        }[state]
        if table.has_flag:
            row["deleted"] = row["id"] if state in ("old", "young", "zero") else 0

    def _set_reference(self, key, row):
        chosen = None
        if key.parent.rows and not self._chance(0.3):
            parents = key.parent.rows
            if key.parent is key.child and not self._chance(0.1):
                # Chains rather than circles, against the key's order as often as along it.
                parents = [p for p in parents if p["u"] > row["u"]] or [None]
            chosen = self.random.choice(parents)
        for column, referenced in zip(key.columns, key.referenced):
            row[column] = None if chosen is None else chosen[referenced]
            if row[column] is not None and referenced == "uuid" and self._chance(0.3):
                # The same text by its collation.
                row[column] = row[column].upper()
        if len(key.columns) == 2 and chosen is None and self._chance(0.5):
            # Half a reference is none.
            row[key.columns[0]] = 1

    def _dependents(self):
        kind = self.random.choice(["block", "archive", "map"])
        if kind != "map":
            return kind
        rules = {}
        for table in self.random.sample(self.tables, self.random.randint(1, len(self.tables))):
            name = table.full_name if self._chance(0.3) else table.name
            rules[name] = self.random.choice(["archive", "archive", "block"])
        return rules

    def _make_settings(self):
        rows = sum(len(table.rows) for table in self.tables)
        self.batch_rows = self.random.choice([1, 3, 10, 60])
        dependents = self._dependents()
        self.overrides = []
        for table in self.tables:
            table.dependents = dependents
            override = {}
            if self._chance(0.1):
                override["dependents"] = table.dependents = self._dependents()
            if table.has_column and self._chance(0.05):
                override["delete"] = table.delete = False
            if override:
                self.overrides.append({"tables": table.full_name, **override})
        if any(table.dependents != "block" for table in self.tables):
            # A tree larger than twenty units stays; the model knows no such limit.
            self.batch_rows = max(self.batch_rows, rows // 20 + 1)
        self.source = {
            "databases": self.databases,
            "exclude_tables": [t.full_name for t in self.tables if t.excluded],
            "dependents": dependents,
            "overrides": self.overrides,
            "batch_rows": self.batch_rows,
            "delete_connections": self.random.choice([1, 1, 2, 3]),
        }
        self.formats = self.random.choice([["csv"], ["sql"], ["sql", "csv"], []])
        self.archive = not self.formats or self._chance(0.3)

    def cutoff(self, _):
        """No row is between these two dates, so the server's very instant does not matter."""
        return self.old

    def drop_sql(self):
        names = [*self.databases, self.outside, *(d + "_archive" for d in self.databases)]
        return "SET foreign_key_checks=0; " + " ".join(
            f"DROP DATABASE IF EXISTS {name};" for name in names
        )

    def create_sql(self):
        sql = ["SET foreign_key_checks=0, sql_mode='', time_zone='+00:00';"]
        sql += [f"CREATE DATABASE {name};" for name in [*self.databases, self.outside]]
        sql += [create_table(table) for table in self.tables]
        sql += [insert_row(table, row) for table in self.tables for row in table.rows]
        return "\n".join(sql)


def create_table(table):
    lines = [
        "id INT NOT NULL",
        "u INT NOT NULL",
        "x INT NOT NULL",
        "y INT NOT NULL",
        "uuid VARCHAR(36) NOT NULL",
        "n INT",
    ]
    lines += ["deleted_at DATETIME"] if table.has_column else []
    lines += ["deleted INT"] if table.has_flag else []
    for key in table.keys:
        for column, referenced in zip(key.columns, key.referenced):
            if column != "id":
                lines.append(f"{column} {'VARCHAR(36)' if referenced == 'uuid' else 'INT'}")
    lines.append("note VARCHAR(20)")
    lines.append("PRIMARY KEY (x, y)" if table.composite_key else "PRIMARY KEY (id)")
    lines += ["UNIQUE KEY (id)", "UNIQUE KEY (u)", "UNIQUE KEY xy (x, y)", "UNIQUE KEY (uuid)"]
    lines.append("KEY (n)")
    for key in table.keys:
        lines.append(
            f"CONSTRAINT {key.name} FOREIGN KEY ({', '.join(key.columns)}) REFERENCES "
            f"{key.parent.full_name} ({', '.join(key.referenced)}) ON DELETE {key.rule}"
        )
    return f"CREATE TABLE {table.full_name} ({', '.join(lines)}) COLLATE utf8mb4_general_ci;"


def literal(value):
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def insert_row(table, row):
    values = ", ".join(literal(row[column]) for column in table.columns)
    return f"INSERT INTO {table.full_name} ({', '.join(table.columns)}) VALUES ({values});"
