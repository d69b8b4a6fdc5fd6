"""The journal's own files are damaged: cut at any length, a byte flipped, a page zeroed or exchanged,
the log lost, cut or damaged, an empty file, another program's database. A run that sees it says so
with exit code 3 and what to do, and changes nothing; whatever it does not see harms nobody.

A group: the state of the world (a night that ended; a night that was killed, with a log), and what
was done to which file; a number: where.
"""

import os
import random
import sqlite3

import journal_cases
from bench import Failed
from damage import flipped
from journal_cases import DAMAGE
from listed import ListedHarness

SPREAD = 60
PAGE = 4096
KINDS = (
    "cut", "flip", "zero-page", "swap-pages", "header", "wal-cut", "wal-flip", "wal-lost",
    "wal-foreign", "empty", "garbage", "foreign",
)  # fmt: skip
WORLDS = ("ended", "killed")
USAGE, FAILED = 2, 1


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def pages_of(content):
    return max(len(content) // PAGE, 1)


def change(path, kind, rng):
    """Returns False where there is nothing to damage."""
    log = path + "-wal"
    target = log if kind.startswith("wal") else path
    content = read(target) if os.path.exists(target) else b""
    if not content:
        return False
    at = rng.randrange(len(content))
    first, second = (rng.randrange(pages_of(content)) * PAGE for _ in range(2))
    if kind in ("cut", "wal-cut"):
        write(target, content[:at])
    elif kind in ("flip", "wal-flip"):
        write(target, flipped(content, at))
    elif kind == "zero-page":
        write(target, content[:first] + bytes(PAGE) + content[first + PAGE :])
    elif kind == "swap-pages":
        changed = bytearray(content)
        changed[first : first + PAGE] = content[second : second + PAGE]
        changed[second : second + PAGE] = content[first : first + PAGE]
        write(target, bytes(changed))
    elif kind == "header":
        write(target, flipped(content, rng.randrange(100)))
    elif kind == "wal-lost":
        os.remove(target)
    elif kind == "wal-foreign":
        os.remove(path)
    elif kind == "empty":
        write(target, b"")
    elif kind == "garbage":
        write(target, rng.randbytes(len(content)))
    else:
        os.remove(path)
        if os.path.exists(log):
            os.remove(log)
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE somebody (else_s)")
        other.close()
    return True


def check(bench, world, kind, number, seed):
    rng = random.Random(f"{seed} {world} {kind} {number}")
    journal_cases.begin(bench, rng.choice(("both", "files")), delete=rng.random() < 0.7)
    bench.osarchiver("run", "--max-rows", "60")
    # A journal that is open elsewhere keeps its log.
    if world == "killed" and not journal_cases.run_to(bench, stop_at=rng.randrange(10, 90)):
        return
    if world == "ended":
        bench.osarchiver("run")
    if not change(bench.journal, kind, rng):
        return
    damaged = read(bench.journal) if os.path.exists(bench.journal) else None
    before = journal_cases.world(bench)
    result = bench.osarchiver("run", allowed=(0, DAMAGE, FAILED, USAGE))
    if result.code != 0:
        if "rebuild-journal" not in result.stderr and "journal" not in result.stderr:
            raise Failed("the refusal does not say what to do")
        if result.code == DAMAGE:
            journal_cases.require_same(before, journal_cases.world(bench))
        if kind in ("cut", "empty", "garbage", "foreign") and damaged != read(bench.journal):
            raise Failed("a damaged journal was changed")
        if kind == "wal-foreign":
            os.remove(bench.journal + "-wal")
        bench.osarchiver("rebuild-journal")
        bench.osarchiver("run")
    journal_cases.judge(bench, strict=result.code != 0)
    journal_cases.soft_delete_more(bench)
    bench.osarchiver("run", allowed=(0,) if result.code != 0 else (0, 1, DAMAGE))
    journal_cases.judge(bench, strict=result.code != 0)


class Harness(ListedHarness):
    NAME = "journal"
    WHAT = "the journal's own files cut, flipped, exchanged, without their log, or somebody else's"

    def make_bench(self):
        return journal_cases.JournalBench()

    def lists(self):
        return {
            f"{world} {kind}": [f"{world} {kind} {number}" for number in range(SPREAD)]
            for world in WORLDS
            for kind in KINDS
            if world == "killed" or not kind.startswith("wal")
        }

    def run_case(self, bench, text):
        world, kind, number = text.split()
        check(bench, world, kind, number, self.seed)
