"""Which processors the servers and what is measured run on."""

import contextlib
import os


@contextlib.contextmanager
def halves():
    """While the block runs, this process and what it starts keep to the second half of the
    processors. Yields the first half, for the source server: as if it were a machine of its own,
    which it is in production."""
    all_of_them = sorted(os.sched_getaffinity(0))
    middle = len(all_of_them) // 2
    if middle == 0:
        raise OSError("one processor cannot be divided between the server and its clients")
    os.sched_setaffinity(0, all_of_them[middle:])
    try:
        yield set(all_of_them[:middle])
    finally:
        os.sched_setaffinity(0, all_of_them)


def pin(pid, processors):
    """Keeps a process to these processors: each thread that it has and each that those start."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        # A thread may end before its turn.
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread), processors)
