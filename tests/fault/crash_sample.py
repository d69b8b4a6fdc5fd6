"""The database that the harnesses archive again and again: a few hundred rows with every kind of
foreign key, small enough to be put back for each case, and a writer that changes it meanwhile.

Five databases of one server belong together: `crash` is the source, `crash_template` what it is put
back from, `crash_oracle` holds every version that the writer gave to a row (written in the
transaction that made the version), `crash_scratch` takes the SQL files, and `crash_archive` is
osarchiver's.
"""

import random
import subprocess
import tempfile
import time

SOURCE = "crash"
ARCHIVE = "crash_archive"

# Columns of each table; the first `keys` of them are its key. Parents first.
TABLES = {
    "servers": ("id", "uuid", "name", "deleted_at", "deleted"),
    "server_tags": ("server_uuid", "tag", "value", "deleted_at", "deleted"),
    "server_faults": ("id", "server_id", "message", "deleted_at", "deleted"),
    "server_notes": ("id", "server_id", "message", "deleted_at", "deleted"),
    "nodes": ("id", "parent_id", "name", "deleted_at", "deleted"),
    "labels": ("label", "weight", "data", "name", "deleted_at", "deleted"),
}
KEY_LENGTH = {table: 2 if table == "server_tags" else 1 for table in TABLES}
# (child, its column, parent, its column): a row may stay while a child of it is there.
REFERENCES = (
    ("server_tags", "server_uuid", "servers", "uuid"),
    ("server_faults", "server_id", "servers", "id"),
    ("server_notes", "server_id", "servers", "id"),
    ("nodes", "parent_id", "nodes", "id"),
)
# The column that the writer changes.
TEXT_COLUMN = {
    "servers": "name",
    "server_tags": "value",
    "server_faults": "message",
    "server_notes": "message",
    "nodes": "name",
    "labels": "name",
}

SCHEMA = """
CREATE TABLE servers (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  uuid varchar(36) NOT NULL,
  name varchar(255) DEFAULT NULL,
  deleted_at datetime DEFAULT NULL,
  deleted int DEFAULT NULL,
  UNIQUE KEY uniq_servers0uuid (uuid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE server_tags (
  server_uuid varchar(36) NOT NULL,
  tag varchar(40) NOT NULL,
  value text DEFAULT NULL,
  deleted_at datetime DEFAULT NULL,
  deleted int DEFAULT NULL,
  PRIMARY KEY (server_uuid, tag),
  CONSTRAINT tags_server FOREIGN KEY (server_uuid) REFERENCES servers (uuid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE server_faults (
  id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
  server_id int NOT NULL,
  message text DEFAULT NULL,
  deleted_at datetime(6) DEFAULT NULL,
  deleted int DEFAULT NULL,
  KEY server_id (server_id),
  CONSTRAINT faults_server FOREIGN KEY (server_id) REFERENCES servers (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE server_notes (
  id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
  server_id int DEFAULT NULL,
  message text DEFAULT NULL,
  deleted_at datetime DEFAULT NULL,
  deleted int DEFAULT NULL,
  KEY server_id (server_id),
  CONSTRAINT notes_server FOREIGN KEY (server_id) REFERENCES servers (id) ON DELETE SET NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE nodes (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  parent_id int DEFAULT NULL,
  name varchar(255) DEFAULT NULL,
  deleted_at datetime DEFAULT NULL,
  deleted int DEFAULT NULL,
  KEY parent_id (parent_id),
  CONSTRAINT nodes_parent FOREIGN KEY (parent_id) REFERENCES nodes (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE labels (
  label varchar(191) NOT NULL,
  weight float DEFAULT NULL,
  data varbinary(64) DEFAULT NULL,
  name varchar(255) DEFAULT NULL,
  deleted_at datetime(6) DEFAULT NULL,
  deleted int NOT NULL DEFAULT 0,
  PRIMARY KEY (label)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
"""

SERVERS, NODES, LABELS = 60, 40, 30
NAMES = ("'server'", "''", "'NULL'", "NULL", "'käse ''x'' \"y\"\\n'", "'a\\\\b\\tc'")
LABEL_TEXTS = ("'7'", "'07'", "'7.0'", "'NULL'", "''", "'é'", "'a''b'", "'a\"b'", "'a\\\\b'", "'a\\nb'")


def _end(number):
    """deleted_at and deleted of row `number`: some live, some recent, most old enough."""
    kind = number % 12
    if kind in (3, 8):
        return "NULL,0"
    if kind == 5:
        return f"UTC_TIMESTAMP(),{number}"
    if kind == 11:
        return "'2020-02-02 02:02:02',0"
    return f"'2020-01-01 00:00:00' + INTERVAL {number} MINUTE,{number}"


def uuid(number):
    return f"{number * 2654435761 % 2**32:08x}-0000-4000-8000-{number:012x}"


def _rows():
    """{table: [values in SQL]}."""
    rows = {table: [] for table in TABLES}
    for number in range(1, SERVERS + 1):
        end, name = _end(number), NAMES[number % len(NAMES)]
        rows["servers"].append(f"{number},'{uuid(number)}',{name},{end}")
        rows["server_tags"].append(f"'{uuid(number)}','a',{name},{end}")
        if number % 2:
            rows["server_tags"].append(f"'{uuid(number)}','b''\\\\',{name},{end}")
        rows["server_faults"].append(f"{number},{number},{name},{end}")
        if number % 3 == 0:
            # Some notes stay live and block their server.
            note_end = "NULL,0" if number % 15 == 0 else end
            rows["server_notes"].append(f"{number},{number},{name},{note_end}")
    for number in range(1, NODES + 1):
        parent = "NULL" if number % 4 == 1 else number - 1
        # Trees of four, soft-deleted together for the most part.
        end = _end((number - 1) // 4 if number % 9 else number)
        rows["nodes"].append(f"{number},{parent},{NAMES[number % len(NAMES)]},{end}")
    for number in range(1, LABELS + 1):
        label = LABEL_TEXTS[number - 1] if number <= len(LABEL_TEXTS) else f"'label {number}'"
        data = "NULL" if number % 9 == 0 else f"x'{bytes(range(number)).hex()}'"
        rows["labels"].append(f"{label},{1 / number!r},{data},'n',{_end(number)}")
    return rows


def install(server):
    """Makes the databases; once per server."""
    session = "SET time_zone='+00:00', sql_mode='STRICT_ALL_TABLES', foreign_key_checks=0;\n"
    names = [SOURCE, *(f"{SOURCE}_{kind}" for kind in ("template", "oracle", "scratch"))]
    text = [session]
    for name in names:
        text.append(f"CREATE DATABASE {name} DEFAULT CHARSET utf8mb4;\n")
    text.append(f"USE {SOURCE};\n{SCHEMA}\n")
    for table, values in _rows().items():
        text.append(f"CREATE TABLE {SOURCE}_template.{table} LIKE {SOURCE}.{table};\n")
        joined = "),(".join(values)
        text.append(f"INSERT INTO {SOURCE}_template.{table} VALUES ({joined});\n")
        # Without keys of the row's own: a row that stands twice in a file shows.
        columns = ",".join(TABLES[table])
        text.append(
            f"CREATE TABLE {SOURCE}_oracle.{table} AS SELECT {columns} FROM {SOURCE}_template.{table} LIMIT 0;\n"
            f"ALTER TABLE {SOURCE}_oracle.{table} ADD op bigint NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST;\n"
            f"CREATE TABLE {SOURCE}_scratch.{table} LIKE {SOURCE}_oracle.{table};\n"
        )
    text.append(
        f"CREATE USER {Writer.USER}@localhost; GRANT ALL ON *.* TO {Writer.USER}@localhost;\n"
    )
    server.sql("".join(text))


def reset_statements(tables=tuple(TABLES)):
    """Puts everything back as install() left it; tables that are not named are empty."""
    text = [
        "SET SESSION innodb_lock_wait_timeout=50, time_zone='+00:00', foreign_key_checks=0;\n"
        f"DROP DATABASE IF EXISTS {ARCHIVE};\n"
    ]
    for table in TABLES:
        text.append(f"DELETE FROM {SOURCE}.{table};\n")
        if table in tables:
            text.append(f"INSERT INTO {SOURCE}.{table} SELECT * FROM {SOURCE}_template.{table};\n")
        for kind in ("oracle", "scratch"):
            text.append(f"DELETE FROM {SOURCE}_{kind}.{table};\n")
    text.append("SET foreign_key_checks=1;\n")
    return "".join(text)


def _condition(table, rng):
    if table == "server_tags":
        return f"server_uuid='{uuid(rng.randint(1, SERVERS))}' AND tag='a'"
    if table == "labels":
        return f"label={rng.choice(LABEL_TEXTS)}"
    if table == "nodes":
        return f"id={rng.randint(1, NODES)}"
    return f"id={rng.randint(1, SERVERS)}"


def _insert(number, rng, tables):
    """A new row: (table, its condition, the statement)."""
    end = rng.choice(("NULL,0", f"'2020-03-03 03:03:03',{number + 1}"))
    server = rng.randint(1, SERVERS)
    key = 10000 + number
    table = rng.choice(tables)
    if table == "labels":
        return table, f"label='w{number}'", f"'w{number}',{number / 7!r},NULL,'w{number}',{end}"
    if table == "servers":
        return table, f"id={key}", f"{key},'{uuid(key)}','w{number}',{end}"
    if table == "server_tags":
        return (
            table,
            f"server_uuid='{uuid(server)}' AND tag='w{number}'",
            f"'{uuid(server)}','w{number}','w{number}',{end}",
        )
    if table == "nodes":
        return table, f"id={key}", f"{key},{rng.randint(1, NODES)},'w{number}',{end}"
    return table, f"id={key}", f"{key},{server},'w{number}',{end}"


def writer_operation(number, rng, tables):
    """One transaction of the writer, each with content that no other writes. The version it made
    goes to the oracle in the same transaction."""
    kind = rng.choice(("update", "update", "undelete", "redelete", "insert", "insert"))
    if kind == "insert":
        table, condition, values = _insert(number, rng, tables)
        statement = f"INSERT INTO {SOURCE}.{table} VALUES ({values})"
    else:
        table = rng.choice(tables)
        condition = _condition(table, rng)
        end = {
            "update": "",
            "undelete": ", deleted_at=NULL, deleted=0",
            "redelete": f", deleted_at='2020-04-04 04:04:04', deleted={number + 1}",
        }[kind]
        statement = f"UPDATE {SOURCE}.{table} SET {TEXT_COLUMN[table]}='w{number}'{end} WHERE {condition}"
    columns = ",".join(TABLES[table])
    return (
        f"BEGIN; {statement}; INSERT INTO {SOURCE}_oracle.{table} ({columns}) "
        f"SELECT {columns} FROM {SOURCE}.{table} WHERE {condition}; COMMIT;\n"
    )


def change_eligible(text):
    """Statements that change every row that is old enough, and note the new versions."""
    statements = ["SET time_zone='+00:00';"]
    for table, column in TEXT_COLUMN.items():
        columns = ",".join(TABLES[table])
        statements.append(
            f"BEGIN; UPDATE {SOURCE}.{table} SET {column}='{text}' WHERE deleted_at < '2021-01-01'; "
            f"INSERT INTO {SOURCE}_oracle.{table} ({columns}) SELECT {columns} FROM "
            f"{SOURCE}.{table} WHERE {column}='{text}'; COMMIT;"
        )
    return "".join(statements)


class Writer:
    """A session of its own that changes rows until stop(). What fails (a parent that is gone, a
    deadlock) fails: an application would live with it, too."""

    USER = "writer"

    def __init__(self, server, seed, tables=tuple(TABLES)):
        rng = random.Random(seed)
        pause = rng.choice((0.001, 0.003, 0.01))
        with tempfile.TemporaryFile() as statements:
            statements.write(
                b"SET SESSION innodb_lock_wait_timeout=1, time_zone='+00:00', "
                b"sql_mode='STRICT_ALL_TABLES';\n"
            )
            for number in range(250):
                statements.write(writer_operation(number, rng, tables).encode())
                statements.write(b"DO SLEEP(%f);\n" % pause)
            statements.seek(0)
            self._process = subprocess.Popen(
                server.client("--force", "--user=" + self.USER),
                stdin=statements,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._server = server

    def stop(self):
        """Ends the session; whatever it had under way is committed or rolled back on return."""
        self._process.kill()
        self._process.wait()
        sessions = f"SELECT COUNT(*) FROM information_schema.processlist WHERE user='{self.USER}'"
        while self._server.value(sessions) != "0":
            time.sleep(0.01)
