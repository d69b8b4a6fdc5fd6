"""Where a case of a harness runs: a server of its own, put back for each case, a directory, and
osarchiver with the case's configuration."""

import json
import os
import shutil
import signal
import tempfile
import threading

import crash_sample
import osarchiver_runner
from crash_check import Checker, check_status, check_verify
from private_mariadb import PrivateMariadb

# A run of this sample takes well under a second, some with retries or under strace longer; one that
# takes this long hangs, whatever else the machine does.
RUN_TIMEOUT_S = 240


def fast_directory():
    """Syncing costs nothing in memory, and nothing here is about losing power."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class Failed(Exception):
    """A case found something; the text says what."""


class Bench:
    """One server and one case at a time. Harnesses run several of them side by side."""

    def __init__(self, port=None, extra=()):
        self.base = tempfile.mkdtemp(prefix="osa-fault-", dir=fast_directory())
        self.server = PrivateMariadb(
            os.path.join(self.base, "db"), profile="fast", port=port, extra=extra
        )
        crash_sample.install(self.server)
        self.checker = Checker(self.server, self.base)
        self.directory = None
        self.config = None
        self.settings = None
        self.writer = None
        self.tables = tuple(crash_sample.TABLES)
        self.said = ""
        self._case = 0

    def close(self):
        self.stop_writer()
        self.server.close()
        shutil.rmtree(self.base, ignore_errors=True)

    @property
    def archives(self):
        return os.path.join(self.directory, "archives")

    @property
    def journal(self):
        return os.path.join(self.directory, "state.db")

    def begin(self, source=None, files=None, history=None, seed=None, tables=None):
        """Source, archives and journal as at the start; settings on top of the usual ones. tables:
        those that have rows and are archived, all by default. With a seed, a writer changes the source until
        stop_writer()."""
        self.stop_writer()
        if self.directory is not None:
            shutil.rmtree(self.directory, ignore_errors=True)
        self._case += 1
        self.directory = os.path.join(self.base, str(self._case))
        os.mkdir(self.directory)
        self.said = ""
        self.tables = tuple(tables or crash_sample.TABLES)
        self.server.sql(crash_sample.reset_statements(self.tables))
        self.settings = osarchiver_runner.simple_config(
            self.directory,
            self.server,
            [crash_sample.SOURCE],
            archive=self.server,
            source_settings={"batch_rows": 13, "tables": list(self.tables), **(source or {})},
            file_settings={"min_free": "1MiB", **(files or {})},
            archive_settings={"accept_non_durable": True, **(history or {})},
        )
        self.rewrite()
        if seed is not None:
            self.writer = crash_sample.Writer(self.server, seed, self.tables)

    def rewrite(self):
        path = os.path.join(self.directory, "osarchiver.yaml")
        self.config = osarchiver_runner.write_config(path, self.settings)

    def stop_writer(self):
        if self.writer is not None:
            self.writer.stop()
            self.writer = None

    def osarchiver(self, *arguments, allowed=(0,), failpoints=None, prefix=(), env=None):
        """Runs it to its end; any exit code but `allowed` (negative: the signal) is a failure."""
        try:
            result = osarchiver_runner.run(
                self.config,
                *arguments,
                failpoints=failpoints,
                timeout=RUN_TIMEOUT_S,
                prefix=prefix,
                env=env,
            )
        except osarchiver_runner.Timeout as timeout:
            raise Failed(f"hangs: {timeout}") from None
        self.note(f"{' '.join(arguments)} [{failpoints or ''}]", result)
        if allowed is not None and result.code not in allowed:
            raise Failed(f"{' '.join(arguments)}: exit {result.code}\n{result.stderr[-1500:]}")
        return result

    def note(self, what, result):
        """Keeps what osarchiver said, for the report of a failure."""
        self.said += f"--- {what}: exit {result.code}\n{result.stdout[:800]}{result.stderr}"

    def start(self, *arguments, failpoints=None, env=None):
        """A started osarchiver, for cases that disturb it; note_end() waits for its end."""
        return osarchiver_runner.start(self.config, *arguments, failpoints=failpoints, env=env)

    def note_end(self, process, what="run", said=""):
        result = osarchiver_runner.finish(process, RUN_TIMEOUT_S)
        self.note(what, result._replace(stderr=said + result.stderr))
        return result

    def run_hanging(self, failpoints, at_rest=None, arguments=("run",)):
        """A run that a failpoint lets hang: once it says so, at_rest() is called and the run is
        killed. Returns whether it hung."""
        process = self.start(*arguments, failpoints=failpoints)
        watch = threading.Timer(RUN_TIMEOUT_S, process.kill)
        watch.start()
        said, hangs = "", False
        for line in process.stderr:
            said += line
            hangs = line.startswith("failpoint ") and line.endswith(" hangs\n")
            if hangs:
                break
        if hangs and at_rest is not None:
            at_rest()
        if hangs:
            os.killpg(process.pid, signal.SIGKILL)
        watch.cancel()
        result = self.note_end(process, f"{' '.join(arguments)} [{failpoints}]", said)
        if not hangs and result.code == -signal.SIGKILL:
            raise Failed(f"hangs elsewhere:\n{said[-1500:]}")
        return hangs

    def finish(self, ends=True):
        """The last resume, undisturbed, then everything is judged."""
        self.stop_writer()
        self.osarchiver("run")
        self.judge(ends)

    def judge(self, ends=True, **options):
        """Raises Failed with all that is wrong. options: of Checker.check()."""
        problems = self.checker.check(self.archives, self.tables, self.journal, ends, **options)
        problems += check_status(self.status())
        problems += check_verify(self.osarchiver("verify", "--json", allowed=None))
        if problems:
            raise Failed("\n".join(problems))

    def check_restored(self):
        """Raises Failed unless every row that was ever there is back."""
        reality = self.checker.look(self.archives, self.tables, (crash_sample.ARCHIVE,), [])
        gone = [t for t in self.tables if len(reality.known[t]) != len(reality.source[t])]
        if gone:
            raise Failed(f"restore: rows of {', '.join(gone)} are still gone")

    def status(self):
        return json.loads(self.osarchiver("status", "--json", "--limit", "100").stdout)
