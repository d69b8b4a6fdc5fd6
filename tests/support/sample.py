#!/usr/bin/env python3
"""Fills the databases nova and cinder with an OpenStack-like sample: related tables, live and
soft-deleted rows over three years.

The same seed, scale and date give the same rows. Children of a soft-deleted parent are soft-deleted
at or before it, but for `live_children` parents that keep a live child each; `restorable` servers
have deleted_at set while deleted still says live. As a command (tools/sample-data) it fills any
server that can be reached by an option file or a socket.
"""

import argparse
import datetime
import os
import random
import subprocess
import sys
import uuid

from private_mariadb import MariadbError, find_program, quote_name

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sample_schema")
DAYS = 3 * 365
ROWS_PER_INSERT = 500

# Keys that tempt a program to compare numbers, fold case, or forget to quote.
AWKWARD_LABELS = [
    "7",
    "07",
    "7.0",
    "0",
    "-1",
    "1e3",
    "NULL",
    "",
    "O'Brien",
    'say "hi"',
    "back\\slash",
    "semi;colon",
    "a,b",
    "`tick`",
    "%wild_",
    " leading space",
    "tab\there",
    "line\nbreak",
    "carriage\rreturn",
    "Größe",
    "größe",
    "日本語",
    "🚀 launch",
    "'); DROP TABLE x; --",
]


class ExistingServer:
    """A server that somebody else runs, reached by client options such as --defaults-extra-file
    or --socket."""

    def __init__(self, options):
        # --defaults-extra-file and --no-defaults count only as the first option.
        self.command = [
            find_program("mariadb"),
            *options,
            "--default-character-set=utf8mb4",
            "--batch",
            "--binary-mode",
        ]

    def sql(self, statements, database=""):
        done = subprocess.run(
            self.command + ([database] if database else []),
            input=statements.encode("utf-8"),
            capture_output=True,
        )
        if done.returncode != 0:
            raise MariadbError(done.stderr.decode(errors="replace").strip())
        return done.stdout.decode("utf-8", "replace")


def literal(value):
    """A value of Python's as MariaDB reads it."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return "x'" + value.hex() + "'"
    if isinstance(value, (int, float)):
        return repr(value)
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'").replace("\r", "\\r") + "'"


def insert_statements(table, columns, rows):
    """Multi-row INSERTs for rows that are tuples in the order of the columns."""
    head = f"INSERT INTO {quote_name(table)} ({', '.join(map(quote_name, columns))}) VALUES\n"
    for start in range(0, len(rows), ROWS_PER_INSERT):
        yield head + ",\n".join(
            "(" + ",".join(map(literal, row)) + ")" for row in rows[start : start + ROWS_PER_INSERT]
        ) + ";\n"


class _Table:
    """Rows in the making, each a dictionary; all have the columns of the first."""

    def __init__(self, name):
        self.name = name
        self.rows = []

    def add(self, **columns):
        self.rows.append(columns)

    def statements(self):
        if not self.rows:
            return ""
        columns = list(self.rows[0])
        return "".join(
            insert_statements(
                self.name, columns, [tuple(row[column] for column in columns) for row in self.rows]
            )
        )


class Sample:
    """The rows, before any server sees them."""

    def __init__(self, seed=1, scale=1.0, live_children=0, restorable=8, now=None):
        self.random = random.Random(seed)
        if now is None:
            now = datetime.datetime.now(datetime.timezone.utc).replace(
                tzinfo=None, hour=0, minute=0, second=0, microsecond=0
            )
        self.now = now
        self.live_children = live_children
        self.restorable = restorable
        self.nova = {
            name: _Table(name)
            for name in (
                "instances",
                "instance_system_metadata",
                "instance_metadata",
                "block_device_mapping",
                "instance_faults",
                "shadow_instance_faults",
                "server_labels",
                "audit_events",
                "migrate_version",
            )
        }
        self.cinder = {
            name: _Table(name)
            for name in ("volumes", "volume_attachment", "volume_metadata", "volume_admin_metadata")
        }
        self._servers(max(60, int(2500 * scale)))
        self._volumes(max(30, int(2000 * scale)))
        self._others(max(len(AWKWARD_LABELS), int(600 * scale)))

    def _uuid(self):
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def _life(self, deleted_share=0.7):
        """When something was created and soft-deleted (None: it lives)."""
        seconds = DAYS * 86400
        created = self.random.randrange(seconds)
        end = created + int(self.random.expovariate(1 / (60 * 86400))) + 60
        deleted = end < seconds and self.random.random() < deleted_share / 0.9
        start = self.now - datetime.timedelta(seconds=seconds)
        return (
            start + datetime.timedelta(seconds=created),
            start + datetime.timedelta(seconds=end) if deleted else None,
        )

    def _before(self, deleted_at):
        return (
            None
            if deleted_at is None
            else deleted_at - datetime.timedelta(seconds=self.random.choice((0, 1, 30, 3600)))
        )

    def _nova_row(self, table, created, deleted_at):
        number = len(self.nova[table].rows) + 1
        return {
            "created_at": created,
            "updated_at": deleted_at or created,
            "deleted_at": deleted_at,
            "id": number,
            "deleted": number if deleted_at else 0,
        }

    def _servers(self, count):
        old = self.now - datetime.timedelta(days=500)
        restorable, pinned = self.restorable, self.live_children
        for number in range(1, count + 1):
            created, deleted_at = self._life()
            restore = deleted_at is not None and restorable > 0 and number % 7 == 0
            restorable -= restore
            pin = not restore and deleted_at is not None and deleted_at < old and pinned > 0
            pinned -= pin
            server = self._uuid()
            row = self._nova_row("instances", created, deleted_at)
            if restore:
                # Nova's soft delete: the flag still says live, an administrator can restore the
                # server for days.
                row["deleted"] = 0
            self.nova["instances"].add(
                **row, **self._server(server, number, created, deleted_at, restore)
            )
            self._server_children(server, created, None if restore else deleted_at, pin)

    def _server(self, server, number, created, deleted_at, restore):
        choice = self.random.choice
        return {
            "uuid": server,
            "user_id": f"{self.random.getrandbits(128):032x}",
            "project_id": f"{number % 97:032x}",
            "image_ref": self._uuid(),
            "launch_index": 0,
            "key_name": choice((None, "key", "Schlüssel")),
            "power_state": 4 if deleted_at else 1,
            "vm_state": "soft-delete" if restore else "deleted" if deleted_at else "active",
            "memory_mb": choice((512, 2048, 8192)),
            "vcpus": choice((1, 2, 4)),
            "hostname": f"server-{number}",
            "host": f"compute{number % 40:03d}",
            "node": f"compute{number % 40:03d}",
            "user_data": choice((None, "I2Nsb3VkLWNvbmZpZwo=" * 4)),
            "reservation_id": f"r-{number:08x}",
            "launched_at": created,
            "terminated_at": deleted_at,
            "display_name": choice(
                (f"server-{number}", f"Tomi's server {number}", f"サーバー {number}", "")
            ),
            "display_description": choice(
                (None, "", "NULL", 'line one\nline "two"', "C:\\temp\\x")
            ),
            "availability_zone": "nova",
            "locked": 0,
            "os_type": choice((None, "linux", "windows")),
            "launched_on": f"compute{number % 40:03d}",
            "instance_type_id": number % 12,
            "architecture": "x86_64",
            "root_device_name": "/dev/vda",
            "access_ip_v4": None,
            "config_drive": choice(("", "True")),
            "task_state": None,
            "progress": 0,
            "root_gb": choice((0, 20, 80)),
            "ephemeral_gb": 0,
            "locked_by": choice((None, None, None, "owner", "admin")),
            "cleaned": 1 if deleted_at else 0,
            "hidden": 0,
        }

    def _server_children(self, server, created, deleted_at, pin):
        for key, value in (
            ("image_os_distro", "debian"),
            ("instance_type_name", "m1.small"),
            ("boot_roles", "member,reader"),
        ):
            end = self._before(deleted_at)
            self.nova["instance_system_metadata"].add(
                **self._nova_row("instance_system_metadata", created, end),
                instance_uuid=server,
                key=key,
                value=value,
            )
        for key in ("owner", "cost centre")[: self.random.randrange(3)]:
            # People remove metadata from living servers too.
            end = self._before(deleted_at) or (
                created + datetime.timedelta(minutes=5) if self.random.random() < 0.1 else None
            )
            self.nova["instance_metadata"].add(
                **self._nova_row("instance_metadata", created, end),
                instance_uuid=server,
                key=key,
                value=self.random.choice(("", None, "käse", "42")),
            )
        for index in range(1 + (self.random.random() < 0.2)):
            end = None if pin and index == 0 else self._before(deleted_at)
            self.nova["block_device_mapping"].add(
                **self._nova_row("block_device_mapping", created, end),
                instance_uuid=server,
                device_name=f"/dev/vd{'abc'[index]}",
                delete_on_termination=1,
                source_type="image" if index == 0 else "volume",
                destination_type="local",
                boot_index=index,
                connection_info='{"driver_volume_type": "rbd", "data": {"name": "volumes/x", "secret": "\\\\u0027"}}',
                uuid=self._uuid(),
            )
        if self.random.random() < 0.2:
            self.nova["instance_faults"].add(
                **self._nova_row("instance_faults", created, self._before(deleted_at)),
                instance_uuid=server,
                code=500,
                message="No valid host was found.",
                details='Traceback (most recent call last):\n  File "x.py"\n',
                host=None,
            )

    def _cinder_row(self, created, deleted_at):
        return {
            "created_at": created,
            "updated_at": deleted_at or created,
            "deleted_at": deleted_at,
            "deleted": 1 if deleted_at else 0,
        }

    def _volumes(self, count):
        servers = [row["uuid"] for row in self.nova["instances"].rows]
        for number in range(1, count + 1):
            created, deleted_at = self._life()
            volume = self._uuid()
            self.cinder["volumes"].add(
                **self._cinder_row(created, deleted_at),
                id=volume,
                user_id=f"{number % 31:032x}",
                project_id=f"{number % 97:032x}",
                host=f"cinder{number % 5}@rbd#pool",
                size=self.random.choice((1, 10, 100)),
                availability_zone="nova",
                status="deleted" if deleted_at else "available",
                attach_status="detached",
                display_name=f"vol {number}",
                display_description=self.random.choice((None, "", 'größer als 5"')),
                bootable=number % 2,
                multiattach=0,
            )
            if self.random.random() < 0.6:
                self.cinder["volume_attachment"].add(
                    **self._cinder_row(created, self._before(deleted_at)),
                    id=self._uuid(),
                    volume_id=volume,
                    instance_uuid=self.random.choice(servers),
                    mountpoint="/dev/vdb",
                    attach_time=created,
                    attach_mode="rw",
                    attach_status="detached",
                    connection_info="{}",
                )
            for key in ("readonly", "purpose")[: self.random.randrange(3)]:
                self.cinder["volume_metadata"].add(
                    **self._cinder_row(created, self._before(deleted_at)),
                    id=len(self.cinder["volume_metadata"].rows) + 1,
                    volume_id=volume,
                    key=key,
                    value=self.random.choice(("False", "", None)),
                )
            for key in ("readonly", "attached_mode", "temporary")[: self.random.randrange(4)]:
                self.cinder["volume_admin_metadata"].add(
                    **self._cinder_row(created, self._before(deleted_at)),
                    volume_id=volume,
                    key=key,
                    value="False",
                )

    def _others(self, count):
        labels = AWKWARD_LABELS + [
            f"label-{number}" for number in range(count - len(AWKWARD_LABELS))
        ]
        for index, label in enumerate(labels):
            created, deleted_at = self._life()
            if index < len(AWKWARD_LABELS):
                # Two of three awkward keys are old enough to go, their look-alikes live.
                created = self.now - datetime.timedelta(days=900)
                deleted_at = (
                    self.now - datetime.timedelta(days=600, microseconds=index)
                    if index % 3 != 1
                    else None
                )
            self.nova["server_labels"].add(
                created_at=created,
                deleted_at=deleted_at,
                label=label,
                description=self.random.choice((None, "", label, "NULL", "\\N")),
                weight=self.random.choice(
                    (None, 1.23456789, -0.1, 16777216.0, self.random.random())
                ),
                cost=self.random.choice((None, "0.0000", "-12345.6789")),
                digest=self.random.choice(
                    (None, b"", bytes(self.random.getrandbits(8) for _ in range(32)))
                ),
                deleted=index + 1 if deleted_at else 0,
            )
        for number in range(40):
            created, deleted_at = self._life()
            self.nova["audit_events"].add(
                deleted_at=deleted_at, message=f"event {number % 5}", deleted=1 if deleted_at else 0
            )
            self.nova["shadow_instance_faults"].add(
                **self._nova_row("shadow_instance_faults", created, created),
                instance_uuid=self._uuid(),
                code=500,
                message="archived by nova-manage",
                details=None,
                host=None,
            )
        self.nova["migrate_version"].add(
            repository_id="nova", repository_path="/usr/lib/nova", version=402
        )

    def load(self, server, nova="nova", cinder="cinder"):
        """Makes both databases anew and fills them. Returns {(database, table): rows}."""
        counts = {}
        for database, tables, files in (
            (nova, self.nova, ("instances.sql", "nova.sql")),
            (cinder, self.cinder, ("cinder.sql",)),
        ):
            text = [
                f"DROP DATABASE IF EXISTS {quote_name(database)}; CREATE DATABASE {quote_name(database)} "
                f"CHARACTER SET utf8mb3; USE {quote_name(database)};\n"
            ]
            for name in files:
                with open(os.path.join(SCHEMA, name), encoding="utf-8") as file:
                    text.append(file.read())
            text.append(
                "SET unique_checks=0, sql_mode='STRICT_ALL_TABLES', time_zone='+00:00', autocommit=0;\n"
            )
            text.extend(table.statements() for table in tables.values())
            server.sql("".join(text) + "COMMIT;\n")
            counts.update({(database, table.name): len(table.rows) for table in tables.values()})
        return counts


def load_sample(
    server, seed=1, scale=1.0, live_children=0, restorable=8, now=None, nova="nova", cinder="cinder"
):
    """Makes the databases on `server` (anything with sql()) and fills them. Returns {(database,
    table): rows}."""
    return Sample(seed, scale, live_children, restorable, now).load(server, nova, cinder)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--option-file", help="MariaDB option file with host, user and password")
    parser.add_argument("--socket", help="server's socket, as user root without password")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0, help="1 gives about 23,000 rows")
    parser.add_argument(
        "--live-children", type=int, default=0, help="old deleted servers that keep a live child"
    )
    parser.add_argument(
        "--restorable", type=int, default=8, help="servers with deleted_at set and deleted = 0"
    )
    parser.add_argument("--nova", default="nova", help="database to replace (default: nova)")
    parser.add_argument("--cinder", default="cinder", help="database to replace (default: cinder)")
    arguments = parser.parse_args()
    if bool(arguments.option_file) == bool(arguments.socket):
        parser.error("either --option-file or --socket")
    options = (
        ["--defaults-extra-file=" + arguments.option_file]
        if arguments.option_file
        else ["--no-defaults", "--user=root", "--socket=" + arguments.socket]
    )
    counts = load_sample(
        ExistingServer(options),
        arguments.seed,
        arguments.scale,
        arguments.live_children,
        arguments.restorable,
        nova=arguments.nova,
        cinder=arguments.cinder,
    )
    for (database, table), rows in counts.items():
        print(f"{rows:8d}  {database}.{table}")
    print(f"{sum(counts.values()):8d}  rows")


if __name__ == "__main__":
    try:
        main()
    except MariadbError as error:
        sys.exit(f"sample-data: {error}")
