"""The contestants that empty nova.instances of its eligible rows: osarchiver and its peers.

    delete     bare chunked DELETE by primary key range: the floor; archives nothing
    compared   what deleting costs when each row is compared first: DELETE by lists of keys, and
               RETURNING all columns; archives nothing, compares nothing
    served     what osarchiver asks of the server, and nothing else: one client reads the rows while
               another deletes as `compared` does; archives nothing, compares nothing
    pt-file    pt-archiver to one CSV file, unverified
    osa-files  osarchiver to SQL and CSV files, default settings
    osa-files2 the same with delete_connections: 2
    pt-db      pt-archiver --dest --bulk-insert to a second server
    osa-db     osarchiver to a second server
    insert     INSERT ... SELECT and DELETE in chunks into a database on the same server
"""

import os
import subprocess

import osarchiver_runner
from benchmark.instances import CHUNK
from benchmark.lab import total_bytes
from private_mariadb import find_program

PEERS = ("delete", "compared", "served", "pt-file", "pt-db", "insert")
WITH_SECOND = ("pt-db", "osa-db")


class Movers:
    def __init__(self, instances):
        self.table = instances

    def measure(self, name):
        """One measurement. Failed when not exactly the eligible rows are gone and archived."""
        self.table.reset(with_second=name in WITH_SECOND)
        command, input_path = getattr(self, "_" + name.replace("-", "_"))()
        result = self.table.measured(command, input_path)
        rows, result["archive_bytes"] = self._archived(name)
        self.table.require_archived(result, rows)
        del result["output"]
        return result

    def contestants(self, names):
        """What Lab.alternate() takes."""
        return {name: (lambda name=name: self.measure(name)) for name in names}

    def _client(self, statements, name="statements.sql"):
        path = os.path.join(self.table.directory, name)
        with open(path, "w") as file:
            file.write(statements)
        return self.table.source.client("--batch", "nova"), path

    def _delete(self):
        return self.deletes()

    def deletes(self):
        """The command and the statements of the bare chunked DELETE."""
        return self._client(
            "".join(f"DELETE FROM instances WHERE {part};\n" for part in self.table.ranges())
        )

    def _compared(self):
        command, path = self._deletes_by_key()
        # Row by row out of the socket, as fast as the client can.
        return ["sh", "-c", '"$@" --quick >/dev/null', "sh", *command], path

    def _deletes_by_key(self):
        columns = ", ".join(f"`{name}`" for name in self.table.columns)
        return self._client(
            "SET character_set_results = NULL;\n"
            + "".join(
                f"DELETE FROM instances WHERE id IN ({keys}) LIMIT {CHUNK} RETURNING {columns};\n"
                for keys in self.table.key_lists()
            )
        )

    def _served(self):
        columns = ", ".join(f"`{name}`" for name in self.table.columns)
        command, reads = self._client(
            "SET character_set_results = NULL;\n"
            + "".join(
                f"SELECT {columns} FROM instances WHERE {part} ORDER BY id;\n"
                for part in self.table.ranges()
            ),
            "reads.sql",
        )
        _, deletes = self._deletes_by_key()
        # The reader writes a line for each row: so it is shown to have seen them all before they
        # were deleted.
        script = (
            "reads=$1 count=$2; shift 2\n"
            '"$@" --quick --skip-column-names <"$reads" | wc -l >"$reads.rows" &\n'
            '"$@" --quick >/dev/null || exit 1\n'
            'wait $! && [ "$(cat "$reads.rows")" = "$count" ]\n'
        )
        return ["sh", "-c", script, "sh", reads, str(self.table.eligible), *command], deletes

    def _insert(self):
        create = self.table.create_text.replace(
            "CREATE TABLE `instances`", "CREATE TABLE nova_archive.instances"
        )
        return self._client(
            f"CREATE DATABASE nova_archive; {create};\n"
            + "".join(
                f"BEGIN; INSERT INTO nova_archive.instances SELECT * FROM instances WHERE {part}; "
                f"DELETE FROM instances WHERE {part}; COMMIT;\n"
                for part in self.table.ranges()
            )
        )

    def _pt_archiver(self, *options):
        return [
            find_program("pt-archiver"),
            "--source",
            f"S={self.table.source.socket},u=root,D=nova,t=instances",
            "--where",
            self.table.where,
            "--limit",
            str(CHUNK),
            "--commit-each",
            "--bulk-delete",
            "--no-check-charset",
            "--no-safe-auto-increment",
            "--no-version-check",
            "--statistics",
            *options,
        ], None

    def _pt_file(self):
        path = os.path.join(self.table.output, "%D.%t.csv")
        return self._pt_archiver("--file", path, "--output-format", "csv", "--header")

    def _pt_db(self):
        self.table.second.sql(
            f"CREATE DATABASE nova_archive; USE nova_archive; {self.table.create_text}"
        )
        return self._pt_archiver(
            "--dest",
            f"S={self.table.second.socket},u=root,D=nova_archive,t=instances,L=1",
            "--bulk-insert",
        )

    def _osarchiver(self, **options):
        return osarchiver_runner.command_line(self.table.configure(**options), "run"), None

    def _osa_files(self):
        return self._osarchiver()

    def _osa_files2(self):
        return self._osarchiver(source_settings={"delete_connections": 2})

    def _osa_db(self):
        return self._osarchiver(formats=(), archive=self.table.second)

    def _archived(self, name):
        """(rows, bytes) that lie in the archive; rows None where nothing is archived."""
        if name in ("delete", "compared", "served"):
            return None, 0
        if name == "pt-file":
            path = os.path.join(self.table.output, "nova.instances.csv")
            # The backslash escapes of pt-archiver's CSV keep one row on one line.
            return _lines(["cat", path]) - 1, os.path.getsize(path)
        if name.startswith("osa-files"):
            files = [
                os.path.join(path, file)
                for path, _, names in os.walk(self.table.output)
                for file in names
                if file.endswith(".csv.zst")
            ]
            # The sample holds no line break inside a value. Each file has a header line.
            rows = sum(_lines(["zstdcat", path]) - 1 for path in files)
            return rows, total_bytes(self.table.output, ".zst")
        server = self.table.source if name == "insert" else self.table.second
        rows = int(server.value("SELECT COUNT(*) FROM nova_archive.instances"))
        return rows, total_bytes(os.path.join(server.data, "nova_archive"))


def _lines(command):
    counted = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        while piece := process.stdout.read(1 << 20):
            counted += piece.count(b"\n")
    if process.returncode != 0:
        raise OSError(f"{' '.join(command)} failed")
    return counted
