"""The power goes at the n-th sync, write or packet: all that was not synced is forgotten, names and
contents, the journal's included; or any part of it is left. Then the run is resumed."""

import collections
import contextlib
import glob
import os
import shutil
import signal
import sqlite3
import tempfile

import crash_sample
from bench import Failed
from harness import HarnessBase
from power_loss import Disk, recording

KILLED = -signal.SIGKILL
RECORDINGS = 4


class RecordIncomplete(Failed):
    """A killed thread's last call was done by the kernel and not written down: nothing is known of
    what the power left."""


# Before each sync; and after it, while something else goes on.
CALLS = ("fsync", "fdatasync", "rename", "link", "unlink", "mkdir", "sendto", "write", "pwrite64")


class Harness(HarnessBase):
    NAME = "powerloss"
    WHAT = "power lost at the n-th sync, write or packet: what was not synced is gone, all or in part"

    def groups(self):
        return [f"{call}:{left}" for call in CALLS for left in ("nothing", "some")]

    def _begin(self, bench):
        bench.begin(files={"segment_bytes": "4KiB"})
        self._before = sum(self._count(bench, table) for table in bench.tables)

    def counts(self, bench):
        self._begin(bench)
        log = f"{bench.base}/strace.log"
        bench.osarchiver("run", prefix=recording(log))
        seen = collections.Counter()
        with open(log, encoding="ascii", errors="replace") as file:
            for line in file:
                fields = line.split(None, 1)
                seen[fields[0], fields[1].split("(")[0]] += 1
        return {
            f"{call}:{left}": max(n for (_, name), n in seen.items() if name == call)
            for call in CALLS
            for left in ("nothing", "some")
        }

    def run(self, bench, group, number):
        for _ in range(RECORDINGS - 1):
            with contextlib.suppress(RecordIncomplete):
                return self._run(bench, group, number)
        return self._run(bench, group, number)

    def _run(self, bench, group, number):
        call, left = group.split(":")
        rng = self.random(group, number)
        self._begin(bench)
        reached = self._lose_power(bench, call, number, rng if left == "some" else None)
        if number == 1 and not reached:
            raise Failed("the first call was not reached")
        if rng.random() < 0.5:
            call = rng.choice(CALLS)
            self._lose_power(bench, call, rng.randint(1, 30), rng if left == "some" else None)
        bench.finish()
        return reached

    def _lose_power(self, bench, call, number, rng):
        log = f"{bench.base}/strace.log"
        disk = Disk(bench.directory)
        result = bench.osarchiver(
            "run",
            prefix=recording(log, [f"{call}:signal=KILL:when={number}"]),
            allowed=(0, KILLED),
        )
        if result.code == 0:
            return False
        disk.apply(log)
        wrong = disk.differences()
        if wrong:
            raise RecordIncomplete(f"the model of the disk is wrong: {', '.join(wrong)}")
        disk.lose(rng)
        self._check_announced(bench)
        return True

    def _check_announced(self, bench):
        """Settling finds out by itself what is gone; but only where the journal announced it is that
        no accident."""
        there = sum(self._count(bench, table) for table in bench.tables)
        announced = self._announced(bench)
        if self._before - there > announced:
            raise Failed(
                f"{self._before - there} rows left the source; the journal that the power left "
                f"knows of {announced} that may have"
            )

    def _count(self, bench, table):
        return int(bench.server.value(f"SELECT COUNT(*) FROM {crash_sample.SOURCE}.{table}"))

    def _announced(self, bench):
        with tempfile.TemporaryDirectory(dir=bench.base) as directory:
            for name in glob.glob(bench.journal + "*"):
                if not name.endswith("-shm"):
                    shutil.copy(name, directory)
            copy = os.path.join(directory, os.path.basename(bench.journal))
            if not os.path.exists(copy):
                return 0
            with contextlib.closing(sqlite3.connect(copy)) as journal:
                (rows,) = journal.execute(
                    "SELECT coalesce(sum(row_count), 0) FROM batches"
                    " WHERE delete_begun OR state = 'deleted'"
                ).fetchone()
        return rows
