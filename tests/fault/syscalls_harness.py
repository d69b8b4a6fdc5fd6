"""The n-th system call of a kind killed or failed, n = 1, 2, 3 ... until a run meets no fault.

strace counts the calls of each thread by itself, so `n` is the first thread's n-th call. What a
retval injects is not executed: a write that answers 0 took nothing, as on a full disk; one that
answers 1 lies, which only reading back finds, so it is for archive files alone.
"""

import collections
import re
import signal

from bench import Failed
from harness import HarnessBase
from private_mariadb import find_program

KILLED = -signal.SIGKILL
EFFECTS = {
    "kill": "signal=KILL",
    "EIO": "error=EIO",
    "ENOSPC": "error=ENOSPC",
    "EINTR": "error=EINTR",
    "ECONNRESET": "error=ECONNRESET",
    "nothing": "retval=0",
    "lie": "retval=1",
}
CALLS = {
    "write": ("kill", "EIO", "ENOSPC", "EINTR", "nothing", "lie"),
    "pwrite64": ("kill", "EIO", "ENOSPC", "EINTR", "nothing"),
    "fsync": ("kill", "EIO", "ENOSPC", "EINTR"),
    "fdatasync": ("kill", "EIO", "ENOSPC", "EINTR"),
    "rename": ("kill", "EIO", "ENOSPC"),
    "ftruncate": ("kill", "EIO", "ENOSPC", "EINTR"),
    "link": ("kill", "EIO", "ENOSPC"),
    "unlink": ("kill", "EIO"),
    "mkdir": ("kill", "EIO", "ENOSPC"),
    "fchmod": ("kill", "EIO"),
    "sendto": ("kill", "ECONNRESET", "EINTR"),
}
# Failures that a run reports and survives. A lie may be found as damage.
REPORTED = {"kill": (0, 1, KILLED), "lie": (0, 1, 3)}
INJECTED = re.compile(r"\(INJECTED\)")
FSYNC = re.compile(r"fsync\(\d+<([^>]*)>\)\s+= (-1|0)")


def command(call, effect, number, log):
    """Without --seccomp-bpf, which lets no injected signal through."""
    return (
        find_program("strace"),
        "-f",
        "-y",
        "-qq",
        f"--output={log}",
        "-e",
        f"trace={call},fsync",
        "-e",
        f"inject={call}:{EFFECTS[effect]}:when={number}",
    )


def synced_again(log):
    """Archive files whose sync failed and that the same process synced again in place."""
    failed, again = set(), set()
    for line in log.splitlines():
        match = FSYNC.search(line)
        if match is None or not match.group(1).endswith(".zst"):
            continue
        if match.group(1) in failed:
            again.add(match.group(1))
        if match.group(2) == "-1":
            failed.add(match.group(1))
    return sorted(again)


class Harness(HarnessBase):
    NAME = "syscalls"
    WHAT = "the n-th write, sync, rename, send ... killed, failed (EIO, ENOSPC, EINTR) or cut short"

    def groups(self):
        return [f"{call}:{effect}" for call, effects in CALLS.items() for effect in effects]

    def counts(self, bench):
        self._begin(bench)
        log = f"{bench.directory}/strace.log"
        prefix = (find_program("strace"), "-f", "-qq", f"--output={log}")
        bench.osarchiver("run", prefix=(*prefix, "-e", f"trace={','.join(CALLS)}"))
        seen = collections.Counter()
        with open(log, encoding="utf-8", errors="replace") as file:
            for line in file:
                fields = line.split(None, 1)
                call = fields[1].split("(")[0] if len(fields) == 2 else ""
                seen[fields[0], call] += call in CALLS
        most = collections.Counter()
        for (_, call), count in seen.items():
            most[call] = max(most[call], count)
        return {group: most[group.split(":")[0]] for group in self.groups()}

    def _begin(self, bench):
        bench.begin(files={"segment_bytes": "4KiB"})

    def run(self, bench, group, number):
        call, effect = group.split(":")
        self._begin(bench)
        if call == "ftruncate":
            # Cutting happens while settling.
            bench.osarchiver("run", failpoints="batch-store-after=kill@2", allowed=(KILLED,))
        reached = self._inject(bench, call, effect, number)
        if number == 1 and not reached:
            raise Failed("the first call was not reached")
        rng = self.random(group, number)
        if rng.random() < 0.25:
            again = rng.choice(("write", "pwrite64", "fsync", "fdatasync", "sendto"))
            effects = [other for other in CALLS[again] if other != "lie"]
            # What the disk lied about may be found by this run.
            found = (3,) if effect == "lie" else ()
            self._inject(bench, again, rng.choice(effects), rng.randint(1, 60), found)
        if effect == "lie":
            self._find_the_lie(bench)
        bench.finish()
        return reached

    def _find_the_lie(self, bench):
        """The disk broke its word after a sync. Rows are read back before they are deleted; what is
        wrong with the rest of a file is for verify to find, and for the next run to repair. A file
        that is shorter than the journal says stops every run until the operator does what the
        message says."""
        result = bench.osarchiver("run", allowed=(0, 1, 3))
        if result.code == 3 and "rebuild-journal" in result.stderr:
            # It names what is damaged besides.
            bench.osarchiver("rebuild-journal", allowed=(0, 3))
        bench.osarchiver("run", allowed=(0, 1, 3))
        if bench.osarchiver("verify", allowed=(0, 3)).code == 3:
            bench.osarchiver("run", allowed=(0, 1, 3))

    def _inject(self, bench, call, effect, number, also_allowed=()):
        log = f"{bench.directory}/strace.log"
        result = bench.osarchiver(
            "run",
            prefix=command(call, effect, number, log),
            allowed=REPORTED.get(effect, (0, 1)) + also_allowed,
        )
        with open(log, encoding="utf-8", errors="replace") as file:
            text = file.read()
        bench.said += f"--- strace, the end of it\n{text[-600:]}\n"
        again = synced_again(text)
        if again:
            raise Failed(f"synced again after a failure: {', '.join(again)}")
        if effect == "kill":
            return result.code == KILLED
        return INJECTED.search(text) is not None
