"""The servers and the table that most parts work on: nova.instances, put back as it was before each
measurement."""

import os
import shutil
import subprocess

import measure
import osarchiver_runner
from benchmark.lab import Failed
from benchmark.processors import pin
from private_mariadb import PrivateMariadb

CHUNK = 5000


class Instances:
    """A source server with `rows` rows, six of ten eligible, and a second, empty server.

    With a cache directory the filled data directory is kept there and taken from there. Given
    `processors`, the source keeps to these.
    """

    def __init__(self, directory, rows, buffer_pool, cache=None, processors=None):
        self.directory = directory
        self.processors = processors
        self.rows = rows
        options = [
            f"--innodb-buffer-pool-size={buffer_pool}",
            "--innodb-log-file-size=512M",
            "--max-allowed-packet=64M",
            "--local-infile=1",
        ]
        self.source = PrivateMariadb(
            os.path.join(directory, "source"), binlog=True, extra=options, start=False
        )
        self.second = PrivateMariadb(
            os.path.join(directory, "second"), binlog=True, extra=options, start=False
        )
        self.pristine = os.path.join(cache or directory, f"instances-{rows}")
        self.output = os.path.join(directory, "output")
        self.where = measure.ELIGIBLE

    def __enter__(self):
        if not os.path.isdir(self.pristine):
            self._fill()
        self._start_copy()
        self._look()
        return self

    def __exit__(self, *_):
        self.source.close()
        self.second.close()

    def _fill(self):
        self.source.start()
        measure.fill_instances(self.source, self.rows)
        # No purge and no change buffer left over for the first measurement to pay for.
        self.source.sql(
            "SET GLOBAL innodb_fast_shutdown=0; PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY"
        )
        self.source.stop()
        os.makedirs(os.path.dirname(self.pristine), exist_ok=True)
        shutil.move(self.source.data, self.pristine)

    def _look(self):
        self.create_text = self.source.query("SHOW CREATE TABLE nova.instances")[0][1]
        self.eligible = int(
            self.source.value(f"SELECT COUNT(*) FROM nova.instances WHERE {self.where}")
        )
        # What the rows hold, as the canonical bytes count it but without their lengths.
        columns = self.source.query(
            "SELECT COLUMN_NAME FROM information_schema.COLUMNS "
            "WHERE TABLE_SCHEMA='nova' AND TABLE_NAME='instances'"
        )
        self.columns = [row[0] for row in columns]
        lengths = " + ".join(f"COALESCE(LENGTH({name}), 0)" for name in self.columns)
        self.eligible_bytes = int(
            self.source.value(f"SELECT SUM({lengths}) FROM nova.instances WHERE {self.where}")
        )
        # The last id of every CHUNK eligible rows, for the contestants that go by key range.
        self.bounds = [
            int(row[0])
            for row in self.source.query(
                "SELECT MAX(id) FROM (SELECT id, (ROW_NUMBER() OVER (ORDER BY id) - 1) DIV "
                f"{CHUNK} AS part FROM nova.instances "
                f"WHERE {self.where}) AS numbered GROUP BY part ORDER BY 1"
            )
        ]

    def _start_copy(self):
        self.source.kill9()
        shutil.rmtree(self.source.data, ignore_errors=True)
        os.makedirs(os.path.dirname(self.source.data), exist_ok=True)
        subprocess.run(["cp", "-a", "--reflink=auto", self.pristine, self.source.data], check=True)
        self.source.start()
        if self.processors:
            pin(self.source.pid, self.processors)

    def reset(self, with_second=False):
        """Both servers and the output directory as at the start."""
        self.second.kill9()
        shutil.rmtree(self.second.data, ignore_errors=True)
        shutil.rmtree(self.output, ignore_errors=True)
        os.makedirs(self.output)
        self._start_copy()
        # Every contestant finds the same pages in memory.
        self.source.sql(
            "SELECT COUNT(*), SUM(LENGTH(user_data)) FROM nova.instances FORCE INDEX (PRIMARY)"
        )
        if with_second:
            self.second.start()
        # The copy's dirty pages must not be written during the measurement.
        os.sync()

    def ranges(self):
        """Conditions that hold for CHUNK eligible rows each."""
        first = 0
        for last in self.bounds:
            yield f"id > {first} AND id <= {last} AND {self.where}"
            first = last

    def key_lists(self):
        """The ids of CHUNK eligible rows each, as text."""
        ids = self.source.query(f"SELECT id FROM nova.instances WHERE {self.where} ORDER BY id")
        for first in range(0, len(ids), CHUNK):
            yield ",".join(row[0] for row in ids[first : first + CHUNK])

    def configure(self, source_settings=None, log=None, **options):
        """Writes a configuration for the table as it is now; returns its path."""
        config = osarchiver_runner.simple_config(
            self.output, self.source, ["nova"], source_settings=source_settings, **options
        )
        config["log"].update(log or {})
        return osarchiver_runner.write_config(os.path.join(self.output, "osarchiver.yaml"), config)

    def measured(self, command, input_path=None):
        """Runs a program and measures it and what the servers do meanwhile. Failed when it
        fails."""
        servers = [server for server in (self.source, self.second) if server.running]
        before = sum(measure.bytes_written(server.pid) for server in servers)
        cpu_before = sum(measure.cpu_seconds(server.pid) for server in servers)
        result = measure.run(command, input_path)
        result["server_cpu_s"] = (
            sum(measure.cpu_seconds(server.pid) for server in servers) - cpu_before
        )
        result["server_bytes"] = (
            sum(measure.bytes_written(server.pid) for server in servers) - before
        )
        if result["code"] != 0:
            raise Failed(f"{command[0]} failed with {result['code']}:\n{result['output'][-2000:]}")
        return result

    def require_archived(self, result, archived):
        """Failed unless exactly the eligible rows are gone, and all of them are archived."""
        left, wrong = map(
            int,
            self.source.query(
                f"SELECT COUNT(*), COALESCE(SUM({self.where}), 0) FROM nova.instances"
            )[0],
        )
        if wrong or left != self.rows - self.eligible or archived not in (None, self.eligible):
            raise Failed(
                f"{left} rows left, {wrong} of them eligible, {archived} archived, "
                f"{self.eligible} expected\n" + result["output"][-2000:]
            )


def default_buffer_pool(rows):
    """What holds the whole table and its indexes, so that the disk is not what is measured."""
    return f"{max(1024, rows * 3 // 1024)}M"
