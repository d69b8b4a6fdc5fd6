"""Children that appear while osarchiver deletes their parents: one table of parents for every
combination of rule and referenced key, and hooks that insert a child of one parent at a given step
of each table's work."""

import os
import time

RULES = ("RESTRICT", "CASCADE", "SET NULL")
REFERENCED = ("id", "uuid", "tag")  # primary key, unique key, plain index
VARIANTS = [(rule, column) for rule in RULES for column in REFERENCED]
PARENTS = 40
CHOSEN = 7  # the parent that gets a child

# From reading to the transaction that deletes.
BEFORE = (
    "batch-read",
    "batch-extracted",
    "batch-store-after",
    "batch-archived",
    "batch-readback-after",
    "batch-verified",
    "batch-delete-before",
)
# The rows are locked: on the same server an INSERT of a child waits.
INSIDE = (
    "batch-delete-locked",
    "batch-delete-executed",
    "batch-delete-compared",
    "batch-commit-before",
)
AFTER = ("batch-commit-after", "batch-deleted")


def parent_name(number):
    return f"p{number}"


def value_of(column, parent):
    return {"id": parent, "uuid": 1000 + parent, "tag": 2000 + parent}[column]


def schema():
    """Fresh tables, all parents old enough, no children."""
    sql = ["CREATE OR REPLACE DATABASE race; USE race;"]
    for number, (rule, column) in enumerate(VARIANTS):
        name = parent_name(number)
        sql.append(
            f"CREATE TABLE {name} (id INT PRIMARY KEY, uuid INT NOT NULL, tag INT, note TEXT, "
            "deleted_at DATETIME, deleted INT, UNIQUE KEY by_uuid (uuid), KEY by_tag (tag));"
            f"CREATE TABLE c{number} (id INT PRIMARY KEY AUTO_INCREMENT, ref INT, "
            f"CONSTRAINT key{number} FOREIGN KEY (ref) REFERENCES {name} ({column}) ON DELETE {rule});"
        )
        rows = ", ".join(
            f"({i}, {value_of('uuid', i)}, {value_of('tag', i)}, 'row {i}', '2024-01-01', {i})"
            for i in range(1, PARENTS + 1)
        )
        sql.append(f"INSERT INTO {name} VALUES {rows};")
    return "\n".join(sql)


class ChildHooks:
    """Shell hooks for failpoints. Passes come in the order of the tables' names, so the passes
    that have begun say whose turn it is; each table gets its child once."""

    def __init__(self, directory, server, background):
        self.directory = os.path.join(directory, "hooks")
        os.makedirs(self.directory)
        client = " ".join(server.client("race"))
        for number, (_, column) in enumerate(VARIANTS):
            with open(self._path(f"insert{number}.sql"), "w") as file:
                file.write(f"INSERT INTO c{number} (ref) VALUES ({value_of(column, CHOSEN)});\n")
        insert = (
            f"({client} <$d/insert$n.sql >$d/log$n 2>&1; echo $? >$d/result$n)"
            + (" </dev/null >/dev/null 2>&1 &" if background else "")
        )
        self._write("count.sh", "n=$(cat $d/count 2>/dev/null || echo -1)\necho $((n + 1)) >$d/count\n")
        self._write(
            "insert.sh",
            "n=$(cat $d/count)\nmkdir $d/done$n 2>/dev/null || exit 0\n" + insert + "\n",
        )

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _write(self, name, text):
        with open(self._path(name), "w") as file:
            file.write(f"d={self.directory}\n{text}")

    def failpoints(self, step):
        return (
            f"pass-begin=run:sh {self._path('count.sh')},{step}=run:sh {self._path('insert.sh')}"
        )

    def inserted(self, number, timeout_s=30):
        """Whether the child of the table came to be; the insertion may have to wait for locks."""
        deadline = time.monotonic() + timeout_s
        while not os.path.exists(self._path(f"result{number}")):
            if time.monotonic() > deadline:
                raise AssertionError(f"no child was inserted for table {number}, or it still waits")
            time.sleep(0.02)
        time.sleep(0.01)
        with open(self._path(f"result{number}")) as file:
            return file.read().strip() == "0"
