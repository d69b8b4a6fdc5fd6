"""Checks many GraphCases, on several servers side by side."""

import dataclasses
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
import traceback

import osarchiver_runner
from graph_check import GraphCheck, GraphFailure
from private_mariadb import MariadbError, PrivateMariadb

# Where a sync costs nothing; what is tested here is no durability.
_MEMORY = "/dev/shm"


@dataclasses.dataclass
class Found:
    seed: int
    jobs: int
    graphs: int = 0
    runs: int = 0
    deleted: int = 0
    blocked: int = 0
    seconds: float = 0
    failures: list = dataclasses.field(default_factory=list)

    def summary(self):
        return (
            f"{self.graphs} graphs from seed {self.seed}, {self.runs} runs, {self.deleted} rows left, "
            f"{self.blocked} blocked, {len(self.failures)} findings, {self.seconds:.0f} s"
        )


def _describe(seed, error):
    return (
        f"seed {seed}: {error}\n"
        f"  again: tools/graph-test --seed {seed} --count 1      its SQL: tools/graph-test --show {seed}"
    )


def _work(job, jobs, seed, count, seconds, results):
    directory = tempfile.mkdtemp(
        prefix="osa-graph-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None
    )
    found = Found(seed, jobs)
    begin = time.monotonic()
    try:
        with PrivateMariadb(profile="fast", directory=os.path.join(directory, "db")) as server:
            check = GraphCheck(server, os.path.join(directory, "case"), "graph")
            number = job
            while count is None or number < count:
                if seconds is not None and time.monotonic() - begin > seconds:
                    break
                try:
                    check.check(seed + number)
                except (GraphFailure, MariadbError, osarchiver_runner.Timeout) as error:
                    found.failures.append(_describe(seed + number, error))
                    # The other jobs may go on for hours.
                    print(found.failures[-1], file=sys.stderr, flush=True)
                    break
                number += jobs
            found.graphs, found.runs = check.graphs, check.runs
            found.deleted, found.blocked = check.deleted, check.blocked
    except Exception:  # to the parent, which must not wait for ever
        found.failures.append(traceback.format_exc())
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        results.put(found)


def search(seed, count=None, seconds=None, jobs=1):
    """Checks the graphs of `count` seeds (or of `seconds`), each job until its first finding."""
    begin = time.monotonic()
    results = multiprocessing.Queue()
    workers = [
        multiprocessing.Process(target=_work, args=(job, jobs, seed, count, seconds, results))
        for job in range(jobs)
    ]
    for worker in workers:
        worker.start()
    total = Found(seed, jobs)
    for _ in workers:
        found = results.get()
        for name in ("graphs", "runs", "deleted", "blocked", "failures"):
            setattr(total, name, getattr(total, name) + getattr(found, name))
    for worker in workers:
        worker.join()
    total.seconds = time.monotonic() - begin
    return total
