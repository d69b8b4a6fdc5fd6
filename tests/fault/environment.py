"""Something happens to a server or a disk while a run stands still at one of its steps: the server
is killed, restarted, made read-only, cuts connections, takes smaller packets; another session holds
locks or makes a deadlock; a disk is full. Whatever the run makes of it, the next one ends well.

A group: what happens; a number: at which step. Full disks are small tmpfs, which only root may mount.
"""

import contextlib
import os
import shutil
import subprocess
import time

from bench import Bench, Failed
from crash_sample import SOURCE
from listed import ListedHarness
from paused import places, run_paused

ACCOUNT = "osa"
# The least that a server accepts.
SMALL_PACKET = 1024
LOCK_TIMEOUT_S = 1
NUMBERED = ("server_faults", "server_notes", "servers", "nodes")
DISK_SIZE, SERVER_DISK_SIZE = "8m", "400m"


def may_mount():
    return os.geteuid() == 0 and shutil.which("mount") is not None


class Disk:
    """A tmpfs that can be filled."""

    def __init__(self, path, size):
        self.path = path
        os.makedirs(path, exist_ok=True)
        options = f"size={size},mode=0750"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], check=True)

    def fill(self):
        """Leaves nothing, but in files that are there already."""
        for piece in (1 << 20, 4096):
            with contextlib.suppress(OSError), open(self._filler, "ab", buffering=0) as file:
                while file.write(bytes(piece)) == piece:
                    pass

    def free(self):
        with contextlib.suppress(FileNotFoundError):
            os.remove(self._filler)

    def close(self):
        subprocess.run(["umount", "-l", self.path], check=False)

    @property
    def _filler(self):
        return os.path.join(self.path, "filler")


class EnvironmentBench(Bench):
    def __init__(self):
        # What was committed must survive kill -9 of the server.
        super().__init__(extra=["--innodb-flush-log-at-trx-commit=2"])
        self.server.sql(
            f"CREATE USER {ACCOUNT}@localhost; GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, "
            f"DROP, INDEX, PROCESS, LOCK TABLES ON *.* TO {ACCOUNT}@localhost;"
            f"CREATE TABLE {SOURCE}_scratch.weight (n int);"
        )
        self.disks = {}
        self.server_disk = self._move_server() if may_mount() else None
        self.packet = self.server.value("SELECT @@GLOBAL.max_allowed_packet")

    def _move_server(self):
        """The server gets a disk of its own, with its data on it."""
        place = self.server.directory
        self.server.stop()
        os.rename(place, place + ".before")
        disk = Disk(place, SERVER_DISK_SIZE)
        shutil.copytree(place + ".before", place, dirs_exist_ok=True)
        shutil.rmtree(place + ".before")
        self.server.start()
        return disk

    @property
    def journal(self):
        return os.path.join(self.directory, "state", "state.db")

    def begin(self, **options):
        self.unmount()
        super().begin(**options)
        self.settings["state"] = self.journal
        os.mkdir(os.path.dirname(self.journal))
        for settings in (self.settings["sources"]["db"], self.settings["destinations"]["history"]):
            settings["user"] = ACCOUNT
            settings["session"] = {"innodb_lock_wait_timeout": LOCK_TIMEOUT_S}
        self.rewrite()

    def mount(self, what):
        path = self.archives if what == "archives" else os.path.dirname(self.journal)
        self.disks[what] = Disk(path, DISK_SIZE)

    def unmount(self):
        for disk in self.disks.values():
            disk.close()
        self.disks = {}

    def close(self):
        self.unmount()
        self.server.stop()
        if self.server_disk is not None:
            self.server_disk.close()
        super().close()


def kill_server(bench, go):
    bench.server.kill9()
    bench.server.start()
    go()


def kill_server_for_long(bench, go):
    """It comes back when the run has ended."""
    bench.server.kill9()
    go()


def restart_server(bench, go):
    bench.server.restart()
    go()


def kill_connections(bench, go):
    ids = bench.server.query(
        f"SELECT ID FROM information_schema.PROCESSLIST WHERE USER='{ACCOUNT}'"
    )
    bench.server.sql("".join(f"KILL CONNECTION {number};\n" for (number,) in ids), check=False)
    go()


def kill_queries_for_a_while(bench, go):
    """As an operator does who sees something in the process list, again and again."""
    go()
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        ids = bench.server.query(
            f"SELECT ID FROM information_schema.PROCESSLIST WHERE USER='{ACCOUNT}' AND COMMAND='Query'"
        )
        bench.server.sql("".join(f"KILL QUERY {number};\n" for (number,) in ids), check=False)


def set_global(name, value):
    def action(bench, go):
        bench.server.sql(f"SET GLOBAL {name}={value};")
        go()

    return action


class Session:
    """Another session on the server, statement by statement."""

    def __init__(self, server):
        self._process = subprocess.Popen(
            server.client("--batch", "--skip-column-names", "--unbuffered", "--force"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def do(self, statements):
        """Returns when they are done."""
        self._process.stdin.write(statements + "\nSELECT 'mark';\n")
        self._process.stdin.flush()
        while self._process.stdout.readline().strip() != "mark":
            if self._process.poll() is not None:
                raise Failed("the other session ended")

    def close(self):
        self._process.stdin.close()
        self._process.wait()


def lock_rows(remainder):
    """Every other row of the tables that have a number, and of the others all or none."""
    return "".join(
        f"SELECT id FROM {SOURCE}.{table} WHERE id % 2 = {remainder} FOR UPDATE;\n"
        for table in NUMBERED
    )


def other_session(bench, isolation="READ COMMITTED"):
    session = Session(bench.server)
    session.do(
        f"SET SESSION innodb_lock_wait_timeout=30; SET SESSION TRANSACTION ISOLATION LEVEL {isolation};"
        "BEGIN;"
    )
    return session


def hold_locks(bench, go):
    """For longer than the run waits for a lock."""
    session = other_session(bench)
    session.do(lock_rows(0))
    go()
    time.sleep(2.5 * LOCK_TIMEOUT_S)
    session.do("ROLLBACK;")
    session.close()


def waiting(bench):
    return bench.server.value(
        "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state='LOCK WAIT'"
    ) != "0"


def make_deadlock(bench, go):
    """The other session has changed more, so that it is the run's transaction that gives way."""
    session = other_session(bench)
    session.do(f"INSERT INTO {SOURCE}_scratch.weight SELECT seq FROM seq_1_to_3000;\n" + lock_rows(0))
    go()
    deadline = time.monotonic() + 2
    while not waiting(bench) and time.monotonic() < deadline:
        time.sleep(0.01)
    session.do(lock_rows(1) + "ROLLBACK;")
    session.close()


def fill(what):
    def action(bench, go):
        bench.disks[what].fill()
        go()

    return action


def fill_server(bench, go):
    """Some of its threads wait for space, so it is not for long."""
    bench.server_disk.fill()
    go()
    time.sleep(3)
    bench.server_disk.free()


def nothing(bench):
    del bench


def free(bench):
    for disk in bench.disks.values():
        disk.free()


def server_again(bench):
    bench.server.start()


def packet_again(bench):
    bench.server.sql(f"SET GLOBAL max_allowed_packet={bench.packet};")


def writable_again(bench):
    bench.server.sql("SET GLOBAL read_only=0;")


# What happens, what is done about it after the run, and the disk it needs.
EVENTS = {
    "server-killed": (kill_server, nothing, None),
    "server-gone": (kill_server_for_long, server_again, None),
    "server-restarted": (restart_server, nothing, None),
    "connections-killed": (kill_connections, nothing, None),
    "queries-killed": (kill_queries_for_a_while, nothing, None),
    "read-only": (set_global("read_only", 1), writable_again, None),
    "small-packets": (set_global("max_allowed_packet", SMALL_PACKET), packet_again, None),
    "locks-held": (hold_locks, nothing, None),
    "deadlock": (make_deadlock, nothing, None),
    "server-full": (fill_server, server_again, "server"),
    "archives-full": (fill("archives"), free, "archives"),
    "journal-full": (fill("state"), free, "state"),
}


class Harness(ListedHarness):
    NAME = "environment"
    WHAT = (
        "servers killed, gone, read-only; connections cut, locks and deadlocks, small packets, full "
        "disks"
    )

    def make_bench(self):
        return EnvironmentBench()

    def lists(self):
        return {
            event: [f"{event} {place}" for place in places()]
            for event, (_, _, disk) in EVENTS.items()
            if disk is None or may_mount()
        }

    def run_case(self, bench, text):
        event, place = text.split()
        action, afterwards, disk = EVENTS[event]
        # A server that is killed takes the writer with it.
        calm = event.startswith("server") or event in ("deadlock", "locks-held")
        bench.begin(files={"min_free": "4KiB"}, seed=None if calm else f"{self.seed} {text}")
        if disk in ("archives", "state"):
            bench.mount(disk)
        try:
            result, came = run_paused(bench, place, lambda go: action(bench, go))
        finally:
            afterwards(bench)
        if result.code not in ((0, 1, 5) if came else (0,)):
            raise Failed(f"exit {result.code}\n{result.stderr[-1500:]}")
        # What another session changed meanwhile may be taken by a second run only.
        bench.stop_writer()
        bench.osarchiver("run")
        bench.finish()
