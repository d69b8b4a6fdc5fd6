"""Runs a program and says what it took: launch.py DESCRIPTOR PROGRAM [ARGUMENT...].

Linux counts the memory of the process that starts a program as the program's own peak until it
execs, so a tool that holds much itself must not start what it measures. This one is small (10 MiB)
and fresh each time. Writes one JSON object to the descriptor; the program gets all others.
"""

import json
import os
import sys
import time


def written(pid):
    with open(f"/proc/{pid}/io", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("write_bytes"))


def main():
    report = int(sys.argv[1])
    os.set_inheritable(report, False)
    started = time.monotonic()
    pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
    # Not reaped yet, so that its counters can still be read.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    wall = time.monotonic() - started
    written_bytes = written(pid)
    _, status, usage = os.wait4(pid, 0)
    result = {
        "code": os.waitstatus_to_exitcode(status),
        "wall_s": wall,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "rss_bytes": usage.ru_maxrss * 1024,
        "written_bytes": written_bytes,
    }
    with os.fdopen(report, "w") as file:
        json.dump(result, file)


main()
