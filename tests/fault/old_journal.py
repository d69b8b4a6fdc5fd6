"""An older journal is put back at every step of a run that went on, was killed or ended, and the
archiver runs again: the archives know more than the journal, and what they hold may be the only
copy. Also a journal that is lost altogether at every step.

A case: destinations, what a night does (delete, or archive only), at which commit of its journal the
run was killed (`end`: never), and which journal is there afterwards: of which commit, `lost`, or
`before`: as it was before this run, after another.
"""

import journal_cases
from bench import Failed
from listed import ListedHarness

# Before that a journal has no run in it, and has not got its name.
FIRST_COMMIT = 5
# More commits than a run of the sample has; what is behind the end of a run is no case.
COMMITS = 150
CLI_USAGE = 2


def check(bench, destinations, mode, stop, step):
    journal_cases.begin(bench, destinations, delete=mode == "delete")
    copy_at = None
    if step == "before":
        _earlier_night(bench)
    elif step != "lost":
        copy_at = int(step)
    if not journal_cases.run_to(bench, None if stop == "end" else int(stop), copy_at):
        return
    if step == "lost":
        journal_cases.lose(bench)
    else:
        journal_cases.put_back(bench)
    before = journal_cases.world(bench)
    held = journal_cases.archived_anything(bench)
    result = bench.osarchiver("run", allowed=(0, journal_cases.DAMAGE, CLI_USAGE))
    if step == "lost" and held and result.code == 0:
        # A database that nothing was deleted by may be met by a new journal unnoticed.
        raise Failed("a lost journal was not noticed")
    if result.code != 0:
        if "rebuild-journal" not in result.stderr:
            raise Failed("the refusal does not say what to do")
        journal_cases.require_same(before, journal_cases.world(bench))
        journal_cases.rebuild(bench)
        bench.osarchiver("run")
    journal_cases.judge(bench)
    journal_cases.soft_delete_more(bench)
    bench.osarchiver("run")
    journal_cases.judge(bench)
    if mode == "keep":
        # What was archived night after night goes by the same copies.
        bench.settings["sources"]["db"]["delete"] = True
        bench.rewrite()
        bench.osarchiver("run")
        journal_cases.judge(bench)


def _earlier_night(bench):
    """A night of its own whose journal is the one that comes back."""
    bench.osarchiver("run", "--max-rows", "60", allowed=(0, 5))
    journal = bench.journal
    for ending in ("", "-wal"):
        _copy_if_there(journal + ending, f"{bench.directory}/copy.db{ending}")


def _copy_if_there(path, target):
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        data = b""
    with open(target, "wb") as file:
        file.write(data)


class Harness(ListedHarness):
    NAME = "old-journal"
    WHAT = "the journal of each earlier step put back, or lost, after it went on, ended or was killed"

    def make_bench(self):
        return journal_cases.JournalBench()

    def lists(self):
        lists = {}
        for destinations in journal_cases.DESTINATIONS:
            for mode in ("delete", "keep"):
                texts = lists[f"{destinations} {mode}"] = []
                for stop in [*range(FIRST_COMMIT, COMMITS, 7), "end"]:
                    last = COMMITS if stop == "end" else stop
                    steps = [*range(FIRST_COMMIT, last, 1 if stop == "end" else 11), "lost", "before"]
                    texts += [f"{destinations} {mode} {stop} {step}" for step in steps]
        return lists

    def run_case(self, bench, text):
        check(bench, *text.split())
