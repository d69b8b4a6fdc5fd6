"""A database of a few hundred rows for tests that load it many times: a parent with a unique key
that children refer to, children with a composite key, and a table with free text as its key."""

import datetime

from sample import AWKWARD_LABELS, insert_statements

DATABASE = "small"
SERVERS = 160
LABELS = 90

SCHEMA = """
CREATE TABLE servers (
  id int NOT NULL AUTO_INCREMENT,
  uuid varchar(36) NOT NULL,
  name varchar(255) DEFAULT NULL,
  deleted_at datetime DEFAULT NULL,
  deleted int DEFAULT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY uniq_servers0uuid (uuid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE server_tags (
  server_uuid varchar(36) NOT NULL,
  tag varchar(40) NOT NULL,
  value text DEFAULT NULL,
  deleted_at datetime DEFAULT NULL,
  deleted int DEFAULT NULL,
  PRIMARY KEY (server_uuid, tag),
  CONSTRAINT server_tags_server FOREIGN KEY (server_uuid) REFERENCES servers (uuid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
CREATE TABLE labels (
  label varchar(191) NOT NULL,
  weight float DEFAULT NULL,
  data varbinary(64) DEFAULT NULL,
  deleted_at datetime(6) DEFAULT NULL,
  deleted int NOT NULL DEFAULT 0,
  PRIMARY KEY (label)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
"""


def _end(number):
    """When row `number` was soft-deleted: two of sixteen live, one went recently, one is restorable
    (flag 0), twelve are old enough."""
    kind = number % 16
    if kind in (3, 11):
        return None, 0
    if kind == 7:
        recent = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None, microsecond=0)
        return recent - datetime.timedelta(days=10), number
    old = datetime.datetime(2020, 1, 1) + datetime.timedelta(minutes=number)
    return old, 0 if kind == 15 else number


def _server_uuid(number):
    return f"{number * 2654435761 % 2**32:08x}-0000-4000-8000-{number:012x}"


def rows():
    """{table: (columns, rows)} in an order that foreign keys accept."""
    servers, tags, labels = [], [], []
    for number in range(1, SERVERS + 1):
        deleted_at, flag = _end(number)
        name = (f"server {number}", "", "NULL", None, "käse 'x' \"y\"\n")[number % 5]
        servers.append((number, _server_uuid(number), name, deleted_at, flag))
        for tag in ("a", "b'\"\\"):
            tags.append((_server_uuid(number), tag, f"value\t{number}", deleted_at, flag))
    for number in range(1, LABELS + 1):
        deleted_at, flag = _end(number)
        label = AWKWARD_LABELS[number - 1] if number <= len(AWKWARD_LABELS) else f"label {number}"
        data = bytes((number * 7 + index) % 256 for index in range(number % 40))
        labels.append((label, 1 / number, None if number % 9 == 0 else data, deleted_at, flag))
    return {
        "servers": (("id", "uuid", "name", "deleted_at", "deleted"), servers),
        "server_tags": (("server_uuid", "tag", "value", "deleted_at", "deleted"), tags),
        "labels": (("label", "weight", "data", "deleted_at", "deleted"), labels),
    }


def eligible(table_rows):
    """How many of the rows are old enough to go and not flagged live."""
    limit = datetime.datetime(2021, 1, 1)
    return sum(1 for row in table_rows if row[-2] is not None and row[-2] < limit and row[-1] != 0)


ELIGIBLE = {table: eligible(table_rows) for table, (_, table_rows) in rows().items()}


def statements(database=DATABASE):
    """SQL that makes the database anew, its archive database away, and fills it."""
    text = [
        f"SET foreign_key_checks=0; DROP DATABASE IF EXISTS {database}_archive; "
        f"CREATE OR REPLACE DATABASE {database}; SET foreign_key_checks=1; USE {database};\n{SCHEMA}"
        "SET time_zone='+00:00', sql_mode='STRICT_ALL_TABLES', autocommit=0;\n"
    ]
    for table, (columns, table_rows) in rows().items():
        text.extend(insert_statements(table, columns, table_rows))
    text.append("COMMIT;\n")
    return "".join(text)
