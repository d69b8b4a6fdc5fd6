"""The journal is gone; rebuild-journal makes it again. After every step of a run and of the resume
after it, with several archivers and nights, rows that changed, blocked rows, a damaged file, a file
that was put aside before, or a copy that is missing: the next runs archive no row twice, delete none
that is not archived, and lose none.

A case: destinations, mode, and what came before (see BEFORE).
"""

import os
import shutil
import signal

import crash_sample
import journal_cases
import osarchiver_runner
from bench import Failed
from crash_sample import SOURCE
from damage import flipped
from journal_cases import DAMAGE, PUT_ASIDE
from listed import ListedHarness

# Reached in settling.
SETTLING = (
    "settle-begin", "settle-batch-before", "settle-batch-after", "settle-cut-before", "settle-end",
    "batch-deleted", "segment-seal-before", "segment-sealing-journaled", "segment-sealed",
    "file-rename-before", "file-rename-after", "file-truncate-before", "file-truncate-after",
    "file-remove-before", "file-remove-after", "checksums-before", "journal-copy-before",
)  # fmt: skip
FIRST_KILLED = ("batch-store-after", "batch-archived", "batch-commit-after", "file-write-after")
KILLED = (-signal.SIGKILL, 0)


def lose(bench):
    """The journal, and its copies at the archives' root with it."""
    journal_cases.lose(bench)
    shutil.rmtree(os.path.join(bench.archives, ".copies"), ignore_errors=True)


def nights_after(bench, delete_later):
    """What follows a rebuild, judged each time."""
    for _ in bench.settings["archivers"]:
        # What one archiver takes frees rows for another, which may have had its turn.
        bench.osarchiver("run")
    journal_cases.judge(bench)
    # Once more: a journal that was made again from what a made journal led to.
    lose(bench)
    journal_cases.rebuild(bench)
    journal_cases.soft_delete_more(bench)
    for _ in bench.settings["archivers"]:
        bench.osarchiver("run")
    journal_cases.judge(bench)
    if delete_later:
        bench.settings["sources"]["db"]["delete"] = True
        bench.rewrite()
        bench.osarchiver("run")
        journal_cases.judge(bench)


def failpoints():
    return osarchiver_runner.run(None, "failpoints").stdout.split()


def killed_at(bench, place):
    """A run that is killed at step@number, and a resume killed at the next: `first/second`."""
    for point in place.split("/"):
        step, number = point.split("@")
        bench.osarchiver("run", allowed=KILLED, failpoints=f"{step}=kill@{number}")


def after_changes(bench, number):
    """Rows were changed, undeleted and deleted again between the nights and after the loss."""
    bench.begin_writer(f"{bench.seed} {number}")
    bench.osarchiver("run", "--max-rows", str(20 + number * 7 % 150))
    bench.osarchiver("run")
    lose(bench)
    bench.osarchiver("rebuild-journal")
    bench.stop_writer()


def some_segment(bench, number):
    names = sorted(
        os.path.join(directory, name)
        for directory, _, files in os.walk(bench.archives)
        for name in files
        if name.endswith(".zst")
    )
    return names[number * 7 % len(names)]


def damage(path, number):
    with open(path, "rb") as file:
        content = file.read()
    os.chmod(path, 0o640)
    with open(path, "wb") as file:
        file.write(flipped(content, (number * 131) % len(content)))
    return content


def after_damage(bench, number):
    """A byte of one file is wrong when the journal is made again."""
    bench.osarchiver("run", "--max-rows", "60")
    bench.osarchiver("run")
    path = some_segment(bench, number)
    damage(path, number)
    lose(bench)
    result = bench.osarchiver("rebuild-journal", allowed=(DAMAGE,))
    if os.path.basename(path) not in result.stderr:
        raise Failed("the damaged file is not named")
    if os.path.exists(path) or not os.path.exists(path + PUT_ASIDE):
        raise Failed("the damaged file was not put aside")


def after_quarantine(bench, number):
    """A run met the damage and put the file aside before the journal was lost."""
    bench.osarchiver("run", "--max-rows", "60")
    path = some_segment(bench, number)
    damage(path, number)
    os.rename(path, path + PUT_ASIDE)
    lose(bench)
    bench.osarchiver("rebuild-journal", allowed=(0, DAMAGE))


def after_loss_of_file(bench, number):
    bench.osarchiver("run", "--max-rows", "60")
    bench.osarchiver("run")
    os.remove(some_segment(bench, number))
    lose(bench)
    bench.osarchiver("rebuild-journal", allowed=(0, DAMAGE))


def after_archivers(bench, number):
    """Two archivers with one journal, one of which only archives; nights of each in turn."""
    archivers = bench.settings["archivers"]
    sources = bench.settings["sources"]
    tables = list(crash_sample.TABLES)
    sources["db"]["tables"] = tables[:3]
    sources["other"] = {**sources["db"], "tables": tables[3:], "delete": number % 2 == 0}
    archivers["second"] = {**archivers["main"], "sources": ["other"]}
    bench.rewrite()
    for name in ("main", "second", "main") if number % 3 else ("second", "main"):
        bench.osarchiver("run", name, "--max-rows", str(10 + 11 * number))
    lose(bench)
    journal_cases.rebuild(bench)
    sources["other"]["delete"] = True
    bench.rewrite()


class RebuildBench(journal_cases.JournalBench):
    seed = 0


# Cases of which a number is a choice.
BEFORE = {
    "changes": after_changes,
    "damage": after_damage,
    "quarantine": after_quarantine,
    "file-lost": after_loss_of_file,
    "archivers": after_archivers,
}
SPREAD = 24


class Harness(ListedHarness):
    NAME = "rebuild"
    WHAT = (
        "killed at every step, damaged, with changes and several archivers; the journal lost and made "
        "again"
    )

    def make_bench(self):
        return RebuildBench()

    def lists(self):
        lists = {}
        for destinations in journal_cases.DESTINATIONS:
            for mode in ("delete", "keep"):
                name = f"{destinations} {mode}"
                places = [f"{step}@{number}" for step in failpoints() for number in (1, 2, 3, 7)]
                places += [
                    f"{first}@{number}/{second}@{number % 2 + 1}"
                    for first in FIRST_KILLED
                    for number in (2, 5)
                    for second in SETTLING
                ]
                lists[f"{name} killed"] = [f"{name} killed {place}" for place in places]
                for kind in BEFORE:
                    if destinations == "database" and kind in ("damage", "quarantine", "file-lost"):
                        continue
                    lists[f"{name} {kind}"] = [f"{name} {kind} {n}" for n in range(SPREAD)]
        return lists

    def run_case(self, bench, text):
        destinations, mode, kind, what = text.split()
        bench.seed = self.seed
        journal_cases.begin(bench, destinations, delete=mode == "delete")
        if kind == "killed":
            killed_at(bench, what)
            held = journal_cases.archived_anything(bench)
            lose(bench)
            if not held:
                return
            journal_cases.rebuild(bench)
        else:
            BEFORE[kind](bench, int(what))
        # Rows whose only copy was damaged or lost cannot be had again; they are named instead.
        if kind in ("damage", "quarantine", "file-lost") and destinations == "files":
            bench.osarchiver("run")
            return
        nights_after(bench, mode == "keep")
