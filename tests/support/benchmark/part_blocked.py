"""Blocked rows: one eligible row in ten has a live child. What such rows cost those that may go."""

import os
import shutil

import measure
import osarchiver_runner
from benchmark.lab import Failed, medians
from private_mariadb import PrivateMariadb

MOST = 1.5


class Blocked:
    name = "blocked"
    summary = (
        "a million eligible rows, a tenth of them blocked; the same table while its children's table "
        "is empty, and while there is none"
    )

    def run(self, lab):
        rows = 2 * lab.options.rows
        with lab.place() as directory:
            server = PrivateMariadb(
                os.path.join(directory, "source"),
                binlog=True,
                extra=["--innodb-buffer-pool-size=1G", "--innodb-log-file-size=512M"],
            )
            with server:
                table = _Parents(server, os.path.join(directory, "output"), rows)
                results = lab.alternate(
                    {
                        "no key": lambda: table.measure(blocked=None),
                        "no children": lambda: table.measure(blocked=0),
                        "blocked": lambda: table.measure(blocked=rows // 10),
                    }
                )
        middle = medians(results)
        lab.keep("medians", middle)
        for name, row in middle.items():
            lab.say(
                f"  {name:12} {row['us_per_row']:.2f} us and {row['cpu_us_per_row']:.2f} us of CPU per "
                "row that went"
            )
        for figure, text in (("us_per_row", "time"), ("cpu_us_per_row", "CPU time")):
            for name, what in (("no children", "none"), ("no key", "no foreign key at all")):
                factor = middle["blocked"][figure] / middle[name][figure]
                lab.bar(f"{text} per row with a tenth blocked : {what}", factor, MOST, unit=" x")


class _Parents:
    """Servers referred to by their UUID, as Nova's are, and made anew for each measurement."""

    def __init__(self, server, output, rows):
        self.server = server
        self.output = output
        self.rows = rows

    def _fill(self, blocked):
        self.server.sql(
            f"""
            DROP DATABASE IF EXISTS nova; CREATE DATABASE nova; USE nova;
            CREATE TABLE servers (id INT PRIMARY KEY, uuid CHAR(36) NOT NULL, note VARCHAR(255),
                deleted_at DATETIME, deleted INT, UNIQUE KEY by_uuid (uuid)) CHARACTER SET utf8mb3;
            INSERT INTO servers SELECT seq, INSERT(INSERT(MD5(seq), 9, 0, '-'), 14, 0, '-'),
                REPEAT(MD5(seq), 4), NOW() - INTERVAL 2 YEAR, seq FROM seq_1_to_{self.rows};
            """
        )
        if blocked is not None:
            self.server.sql(
                """
                CREATE TABLE actions (id INT PRIMARY KEY, server CHAR(36), deleted_at DATETIME,
                    deleted INT, FOREIGN KEY (server) REFERENCES servers (uuid))
                    CHARACTER SET utf8mb3;
                """,
                database="nova",
            )
        if blocked:
            self.server.sql(
                f"""
                INSERT INTO actions SELECT id, uuid, NULL, 0 FROM servers
                    WHERE id MOD {self.rows // blocked} = 0;
                """,
                database="nova",
            )
        self.server.sql("PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY; FLUSH TABLES;")
        # The servers' own work on what was inserted must not be measured.
        os.sync()

    def measure(self, blocked):
        self._fill(blocked)
        shutil.rmtree(self.output, ignore_errors=True)
        os.makedirs(self.output)
        config = osarchiver_runner.write_config(
            os.path.join(self.output, "osarchiver.yaml"),
            osarchiver_runner.simple_config(self.output, self.server, ["nova"]),
        )
        before = measure.cpu_seconds(self.server.pid)
        result = measure.run(osarchiver_runner.command_line(config, "run"))
        server_cpu = measure.cpu_seconds(self.server.pid) - before
        left = int(self.server.value("SELECT COUNT(*) FROM nova.servers"))
        stay = blocked or 0
        if result["code"] != 0 or left != stay:
            raise Failed(f"{left} rows left, {stay} expected\n" + result["output"][-2000:])
        gone = self.rows - stay
        return {
            "wall_s": result["wall_s"],
            "us_per_row": 1e6 * result["wall_s"] / gone,
            "cpu_us_per_row": 1e6 * (result["cpu_s"] + server_cpu) / gone,
        }
