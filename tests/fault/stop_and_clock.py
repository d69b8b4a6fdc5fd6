"""Runs that are asked to stop, and clocks that jump.

A case `signal SIGNAL place`: the signal comes when the run is at that step. `limit kind number`: its
time is over, by --max-runtime, max_runtime or --until. It then begins at most one more batch, ends
with exit code 5 and everything in order, and the next run goes on. `clock jump place`: the host's
clock jumps by so many seconds at that step, and back again, or stays.
"""

import datetime
import os
import signal
import subprocess

import crash_sample
import osarchiver_runner
from bench import Bench, Failed
from listed import ListedHarness
from paused import places, run_paused

SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP")
STOPPED = 5
# The server's clock may be ten minutes from the host's; beyond that a run refuses to begin.
JUMPS = (-1, -30, -590, -3600, -86400 * 400, 30, 590, 3600, 86400 * 400)
ACCEPTED_S = 600
START_S = 2
# Each batch that is begun passes both; a step can do one thing only.
BEGUN = ("batch-read", "batch-extracted")


def make_shim(directory):
    """Made here, so that no build has to know of it."""
    path = os.path.join(directory, "clock_shim.so")
    source = os.path.join(osarchiver_runner.REPOSITORY, "tests", "support", "clock_shim.cc")
    compiler = os.environ.get("CXX", "c++")
    subprocess.run(
        [compiler, "-std=c++20", "-O2", "-shared", "-fPIC", "-o", path, source, "-ldl"], check=True
    )
    return path


def batches_read(bench):
    path = os.path.join(bench.directory, "read")
    if not os.path.exists(path):
        return 0
    with open(path, encoding="ascii") as file:
        return len(file.readlines())


def check_signal(bench, name, place):
    bench.begin()
    counter = os.path.join(bench.directory, "read")
    at_signal = []
    begun = BEGUN[1] if place.startswith(BEGUN[0]) else BEGUN[0]

    def send(go):
        # What was read so far was begun, though a stage behind may not have got to it yet.
        reading, _, number = place.partition("@")
        at_signal.append(int(number or 1) if reading == BEGUN[0] else batches_read(bench))
        os.kill(bench.process.pid, getattr(signal, name))
        go()

    result, came = run_paused(bench, place, send, more=f"{begun}=run:echo >>{counter}")
    if not came:
        if result.code != 0:
            raise Failed(f"exit {result.code}")
        return
    finished(bench, result, batches_read(bench) - at_signal[0])


def finished(bench, result, begun):
    rows = rows_left(bench)
    # Stopped behind the last batch, there is nothing more to stop.
    if result.code not in ((STOPPED,) if rows else (0, STOPPED)):
        raise Failed(f"exit {result.code} with {rows} rows left")
    if begun > 1:
        raise Failed(f"{begun} more batches were begun")
    run = bench.status()["runs"][0]
    if result.code == STOPPED and run["state"] != "interrupted":
        raise Failed(f"the run is said to be {run['state']}")
    for state in ("extracted", "archived"):
        if run["batches"][state]:
            raise Failed(f"{run['batches'][state]} batches were left {state}")
    bench.finish()


def rows_left(bench):
    problems = []
    reality = bench.checker.look(bench.archives, bench.tables, (), problems)
    bench.checker._check_left_behind(reality.source, problems)
    return len(problems)


def check_limit(bench, kind, number):
    bench.begin()
    # Each batch takes a third of a second, so that the run would last for many.
    slow = f"{BEGUN[0]}=run:sleep 0.35"
    arguments = ["run"]
    env = {}
    if kind == "max-runtime":
        arguments += ["--max-runtime", f"{number}s"]
    elif kind == "configured":
        bench.settings["archivers"]["main"]["max_runtime"] = f"{number}s"
        bench.rewrite()
    else:
        # The time of day is the host's; the shim says that its minute is nearly over. Not so nearly
        # that it could be over when a busy machine has started the run: it would end tomorrow.
        left = number + START_S
        now = datetime.datetime.now(datetime.timezone.utc)
        offset = 60 - left - now.second
        clock = os.path.join(bench.directory, "clock")
        write(clock, offset)
        until = now + datetime.timedelta(seconds=offset + left)
        arguments += ["--until", until.strftime("%H:%M")]
        env = {"LD_PRELOAD": bench.shim, "OSARCHIVER_CLOCK_OFFSET": clock, "TZ": "UTC"}
    result = bench.osarchiver(*arguments, allowed=(STOPPED,), failpoints=slow, env=env)
    if "reached" not in str(bench.status()["runs"][0]["error"]):
        raise Failed(f"the reason is {bench.status()['runs'][0]['error']}")
    finished(bench, result, 0)


def write(path, offset):
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(str(offset))
    os.rename(path + ".new", path)


def check_clock(bench, jump, place):
    """The clock jumps in mid-run and stays there for a second run, and is right again for a third."""
    bench.begin()
    clock = os.path.join(bench.directory, "clock")
    write(clock, 0)
    env = {"LD_PRELOAD": bench.shim, "OSARCHIVER_CLOCK_OFFSET": clock}

    def leap(go):
        write(clock, jump)
        go()

    result, came = run_paused(
        bench, place, leap, arguments=("run", "--max-rows", "60"), env=env
    )
    if came and place.startswith("run-begin") and abs(jump) > ACCEPTED_S:
        if result.code != 1:
            raise Failed(f"a clock that is {jump} s off was not noticed: exit {result.code}")
    elif result.code not in (0, 5):
        raise Failed(f"exit {result.code}")
    second = bench.osarchiver("run", "--max-rows", "30", allowed=(0, 1, 5), env=env)
    if (second.code == 1) != (came and abs(jump) > ACCEPTED_S):
        raise Failed(f"the second run: exit {second.code}")
    # A row that changes between nights: the newest version must win.
    bench.server.sql(
        f"UPDATE {crash_sample.SOURCE}.labels SET deleted_at='2020-06-06', deleted=9 "
        f"WHERE deleted_at IS NULL; INSERT INTO {crash_sample.SOURCE}_oracle.labels "
        f"({','.join(crash_sample.TABLES['labels'])}) SELECT * FROM {crash_sample.SOURCE}.labels "
        "WHERE deleted=9;"
    )
    bench.finish()
    names = [run["name"] for run in reversed(bench.status()["runs"])]
    if names != sorted(names):
        raise Failed(f"runs are not named in their order: {names}")


class StopBench(Bench):
    def __init__(self):
        super().__init__()
        self.process = None
        self.shim = make_shim(self.base)

    def start(self, *arguments, **options):
        self.process = super().start(*arguments, **options)
        return self.process


class Harness(ListedHarness):
    NAME = "stop"
    WHAT = "a signal or the end of its time at each step, and clocks that jump"

    def make_bench(self):
        return StopBench()

    def lists(self):
        return {
            **{
                name: [f"signal {name} {place}" for place in places()] for name in SIGNALS
            },
            "limit": [
                f"limit {kind} {number}"
                for number in (1, 2)
                for kind in ("max-runtime", "configured", "until")
            ],
            "clock": [f"clock {jump} {place}" for jump in JUMPS for place in places()],
        }

    def run_case(self, bench, text):
        kind, what, where = text.split()
        if kind == "signal":
            check_signal(bench, what, where)
        elif kind == "limit":
            check_limit(bench, what, int(where))
        else:
            check_clock(bench, int(what), where)
