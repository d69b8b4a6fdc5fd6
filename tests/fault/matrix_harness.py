"""Every failpoint in every mode, with a second crash in half of the cases while the first one is
settled. Other sessions change the source meanwhile."""

import collections
import re
import signal

import crash_sample
import osarchiver_runner
from bench import Failed
from harness import HarnessBase

MODES = ("kill", "throw", "hang")
NOTE = re.compile(r"^failpoint (\S+)$", re.MULTILINE)
KILLED = -signal.SIGKILL
# Which tables a case has: all, one of each kind of foreign key, a tree, and one without any.
SHAPES = (
    tuple(crash_sample.TABLES),
    ("servers", "server_tags"),
    ("servers", "server_faults"),
    ("servers", "server_notes"),
    ("nodes",),
    ("labels",),
)
LABELS = SHAPES[-1]
# What leaves a batch in each of its states.
ANY_STATE = (
    "batch-extracted",
    "batch-store-after",
    "batch-archived",
    "batch-verified",
    "batch-commit-after",
)


def failpoints():
    return osarchiver_runner.run(None, "failpoints").stdout.split()


class Scenario:
    """What comes before the run in which the failpoint fails, and after."""

    ARGUMENTS = ("run",)
    WRITES_MEANWHILE = True

    def __init__(self, *first, at=(1, 2, 3, 4)):
        # Where a first run is killed, one of them, at one of these times.
        self.first = first
        self.at = at

    def begin(self, bench, rng, **options):
        if self.first:
            # Batches enough that one is left in the middle of a file.
            options["source"] = {**options.get("source", {}), "batch_rows": 13}
        bench.begin(seed=rng.random() if self.WRITES_MEANWHILE else None, **options)
        if self.first:
            place = rng.choice(self.first)
            bench.osarchiver(
                "run", failpoints=f"{place}=kill@{rng.choice(self.at)}", allowed=(0, KILLED)
            )

    def between(self, bench):
        """Before the last run."""


class AfterChanges(Scenario):
    """Rows change after they were archived, so that the archive database gets a second version."""

    WRITES_MEANWHILE = False

    def begin(self, bench, rng, **options):
        super().begin(bench, rng, **options)
        bench.server.sql(crash_sample.change_eligible("changed"))


class Narrower(Scenario):
    """The archive table stands there and is narrower than the source's."""

    def begin(self, bench, rng, **options):
        super().begin(bench, rng, **{**options, "tables": LABELS})
        archive = crash_sample.ARCHIVE
        bench.server.sql(
            f"CREATE DATABASE IF NOT EXISTS {archive}; CREATE TABLE {archive}.labels LIKE "
            f"{crash_sample.SOURCE}.labels; ALTER TABLE {archive}.labels MODIFY name varchar(99);"
        )


class KeepThenDelete(Scenario):
    """Archived only, and deleted by a later run."""

    def begin(self, bench, rng, **options):
        options["source"] = {**options.get("source", {}), "delete": False}
        super().begin(bench, rng, **options)

    def between(self, bench):
        bench.settings["sources"]["db"]["delete"] = True
        bench.rewrite()


class DeleteKept(Scenario):
    """Archived only by an earlier run; the run that fails deletes."""

    def begin(self, bench, rng, **options):
        options["source"] = {**options.get("source", {}), "delete": False}
        super().begin(bench, rng, **options)
        bench.osarchiver("run")
        bench.settings["sources"]["db"]["delete"] = True
        bench.rewrite()


class RestoreAgain(Scenario):
    """A night is put back; the run after takes it away again."""

    ARGUMENTS = ("restore", "--run", "1", "--yes")
    WRITES_MEANWHILE = False

    def begin(self, bench, rng, **options):
        super().begin(bench, rng, **options)
        bench.osarchiver("run")

    def between(self, bench):
        bench.osarchiver(*self.ARGUMENTS)
        bench.check_restored()


PLAIN = Scenario()
DELETE_KEPT = DeleteKept()
# At some destinations only: behind the first batch, which the journal knows.
SECOND_BATCH_STORED = Scenario("batch-store-after", at=(4, 5))
SCENARIOS = {
    "settle-begin": Scenario(*ANY_STATE),
    "settle-batch-before": Scenario(*ANY_STATE),
    "settle-batch-after": Scenario(*ANY_STATE),
    "settle-end": Scenario(*ANY_STATE),
    "settle-batch-forgotten": Scenario("batch-extracted"),
    "settle-cut-before": SECOND_BATCH_STORED,
    "file-truncate-before": SECOND_BATCH_STORED,
    "file-truncate-after": SECOND_BATCH_STORED,
    "archive-supersede-before": AfterChanges("batch-verified"),
    "archive-supersede-after": AfterChanges("batch-verified"),
    "archive-alter-before": Narrower(),
    "archive-alter-after": Narrower(),
    "batch-kept": KeepThenDelete(),
    "release-begun": DELETE_KEPT,
    "restore-insert-before": RestoreAgain(),
    "restore-insert-after": RestoreAgain(),
    "restore-commit-before": RestoreAgain(),
    "restore-commit-after": RestoreAgain(),
}
def deletes(place):
    """A run that deletes rows of an earlier one passes it too."""
    return place.startswith(("batch-delete", "batch-commit-", "journal-commit-", "batch-read"))


def passed(bench, *arguments):
    """How often a command passes each failpoint."""
    result = bench.osarchiver(*arguments, failpoints="all=note")
    return collections.Counter(NOTE.findall(result.stderr))


class Harness(HarnessBase):
    NAME = "matrix"
    WHAT = "killed, failed or hung at a failpoint; half of them once more while resuming"
    ENDLESS = True

    def groups(self):
        return [f"{place}={mode}" for place in failpoints() for mode in MODES]

    def prepare(self, bench):
        self.counts_of = {}
        for shape in SHAPES:
            bench.begin(tables=shape)
            self.counts_of[shape] = passed(bench, "run")
        bench.begin()
        bench.osarchiver("run", failpoints="batch-archived=kill@6", allowed=(KILLED,))
        self.resuming = passed(bench, "run")

    def run(self, bench, group, number):
        place, mode = group.split("=")
        rng = self.random(group, number)
        shape = rng.choice(SHAPES)
        scenario = SCENARIOS.get(place, PLAIN)
        if deletes(place):
            scenario = rng.choice((PLAIN, DELETE_KEPT))
        scenario.begin(
            bench,
            rng,
            tables=shape,
            source={
                "batch_rows": rng.choice((13, 13, 40)),
                "delete_connections": rng.choice((1, 1, 2)),
            },
            files={"segment_bytes": rng.choice(("1GiB", "1GiB", "4KiB"))},
        )
        times = self.counts_of[shape][place] or 2
        where = f"{place}={{}}@{rng.randint(1, times)}"
        reached = self._fail(bench, scenario, where, mode, rng)
        if rng.random() < 0.5:
            self._second(bench, rng)
        scenario.between(bench)
        bench.finish()
        return reached

    def _fail(self, bench, scenario, where, mode, rng):
        arguments = scenario.ARGUMENTS
        if mode == "kill":
            killed = bench.osarchiver(
                *arguments, failpoints=where.format("kill"), allowed=(0, KILLED)
            )
            return killed.code == KILLED
        if mode == "throw":
            return self._throw(bench, arguments, where.format(rng.choice(("throw", "io-error"))))
        if rng.random() < 0.5:
            return bench.run_hanging(where.format("hang"), arguments=arguments)
        bench.osarchiver(*arguments, failpoints=where.format("pause"))
        return True

    def _throw(self, bench, arguments, where):
        result = bench.osarchiver(*arguments, failpoints=where, allowed=(0, 1))
        reached = f"failpoint {where.split('=')[0]}" in result.stderr
        if reached and result.code == 0:
            raise Failed(f"{where} was thrown, and the exit code is 0\n{result.stderr}")
        return reached

    def _second(self, bench, rng):
        place = rng.choice(list(self.resuming))
        mode = rng.choice(("kill", "kill", "throw", "io-error"))
        at = rng.randint(1, self.resuming[place])
        bench.osarchiver("run", failpoints=f"{place}={mode}@{at}", allowed=(0, 1, KILLED))
