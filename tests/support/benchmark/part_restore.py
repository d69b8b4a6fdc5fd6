"""How long a restore takes beside `zstdcat FILE.sql.zst | mariadb` for the same rows."""

import os
import shutil
import subprocess

import measure
import osarchiver_runner
from benchmark.lab import Failed, medians
from private_mariadb import PrivateMariadb

CHUNK = 5000


class Emptied:
    """A server as a run left it, its archives, and one method per contestant."""

    def __init__(self, directory, rows):
        self.directory = directory
        self.rows = rows
        options = [
            "--innodb-buffer-pool-size=1G",
            "--innodb-log-file-size=512M",
            "--max-allowed-packet=64M",
        ]
        self.server = PrivateMariadb(
            os.path.join(directory, "server"), binlog=True, extra=options, start=False
        )
        self.pristine = os.path.join(directory, "pristine")
        self.state = os.path.join(directory, "state")

    def prepare(self):
        self.server.start()
        measure.fill_instances(self.server, self.rows)
        self.checksum = self.server.query("CHECKSUM TABLE nova.instances")[0][1]
        os.makedirs(self.state)
        self.configs = {
            name: self._configure(name, destinations)
            for name, destinations in (
                ("both", ["files", "history"]),
                ("files", ["files"]),
                ("archive", ["history"]),
            )
        }
        done = osarchiver_runner.run(self.configs["both"], "run", timeout=600)
        if done.code != 0:
            raise Failed(done.stderr)
        self.left = self._count()
        self.sql_files = sorted(
            os.path.join(path, name)
            for path, _, names in os.walk(self.state)
            for name in names
            if name.endswith(".sql.zst")
        )
        # No purge is left over for the first case to pay for.
        self.server.sql(
            "SET GLOBAL innodb_fast_shutdown=0; PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY"
        )
        self.server.stop()
        os.rename(self.server.data, self.pristine)
        os.rename(os.path.join(self.state, "state.db"), self.pristine + ".journal")

    def _configure(self, name, destinations):
        config = osarchiver_runner.simple_config(
            self.state,
            self.server,
            ["nova"],
            archive=self.server,
            source_settings={"batch_rows": CHUNK},
        )
        config["archivers"]["main"]["destinations"] = destinations
        return osarchiver_runner.write_config(
            os.path.join(self.directory, f"{name}.yaml"), config
        )

    def _count(self):
        return int(self.server.value("SELECT COUNT(*) FROM nova.instances"))

    def reset(self):
        self.server.kill9()
        shutil.rmtree(self.server.data, ignore_errors=True)
        subprocess.run(["cp", "-a", "--reflink=auto", self.pristine, self.server.data], check=True)
        for ending in ("", "-wal", "-shm"):
            path = os.path.join(self.state, "state.db" + ending)
            if os.path.exists(path):
                os.unlink(path)
        shutil.copy(self.pristine + ".journal", os.path.join(self.state, "state.db"))
        self.server.start()
        # Every case finds the same pages in memory.
        self.server.sql(
            "SELECT COUNT(*), SUM(LENGTH(user_data)) FROM nova.instances FORCE INDEX (PRIMARY)"
        )
        os.sync()

    def load(self):
        client = " ".join(self.server.client("nova"))
        return ["sh", "-ec", " && ".join(f"zstdcat '{path}' | {client}" for path in self.sql_files)]

    def files(self):
        return osarchiver_runner.command_line(
            self.configs["files"], "restore", "--run", "last", "--yes"
        )

    def archive(self):
        return osarchiver_runner.command_line(
            self.configs["archive"], "restore", "--run", "last", "--yes"
        )

    def segments(self):
        files = [part for path in self.sql_files for part in ("--file", path)]
        return osarchiver_runner.command_line(
            None, "restore", *files, "--socket", self.server.socket, "--user", "root", "--yes"
        )

    def run(self, case):
        """One measurement. Raises Failed when the table is not as it was before the run."""
        self.reset()
        result = measure.run(getattr(self, case)())
        output = result.pop("output")
        checksum = self.server.query("CHECKSUM TABLE nova.instances")[0][1]
        if result["code"] != 0 or self._count() != self.rows or checksum != self.checksum:
            raise Failed(
                f"{case}: code {result['code']}, {self._count()} of {self.rows} rows, checksum "
                f"{checksum} for {self.checksum}\n{output[-2000:]}"
            )
        return result

    def close(self):
        self.server.close()


class Restore:
    """One run archives the eligible rows of a Nova-like table; each contestant puts them back into it,
    on the server as the run left it. Afterwards the table must have the checksum of before.

    load      zstdcat FILE.sql.zst | mariadb, one file after the other
    files     osarchiver restore --run last, from the files
    segments  osarchiver restore --file, the SQL segments alone
    archive   osarchiver restore --run last, from the archive database (on the same server)
    """

    name = "restore"
    summary = "rows put back by osarchiver, and by zstdcat | mariadb"

    def run(self, lab):
        with lab.place() as place:
            emptied = Emptied(place, lab.options.rows)
            try:
                emptied.prepare()
                restored = emptied.rows - emptied.left
                lab.say(f"  {restored} rows to restore into a table of {emptied.rows}")
                names = ("load", "files", "segments", "archive")
                results = lab.alternate({name: lambda name=name: emptied.run(name) for name in names})
            finally:
                emptied.close()
        median = medians(results)
        for name in names:
            seconds, cpu = median[name]["wall_s"], median[name]["cpu_s"]
            lab.say(f"  {name:10} {seconds:8.2f} s  {restored / seconds:9.0f} rows/s  client CPU {cpu:6.2f} s")
        load = median["load"]["wall_s"]
        for name in ("files", "segments"):
            lab.bar(f"restore from {name} to load", median[name]["wall_s"] / load, 1.25, unit=" x")
        lab.say(f"  restore from the archive database to load: {median['archive']['wall_s'] / load:.2f} x")
        lab.keep("runs", results)
