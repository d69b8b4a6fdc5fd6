"""Two runs at once. On one host the second finds the lock. Two hosts with a journal each work on one
source, into directories of their own or also into one archive database; the second does all its work
while the first stands still at one of its steps, and may be killed in it.

A case: what they share (files: nothing; database: the archive database), where the first host stands
still and for which time, what becomes of the second (`whole`, or the step at which it is killed).
Or `lock STEP`: a second run, status and verify on the same host at that step.
"""

import os
import shlex

import osarchiver_runner
from bench import Bench, Failed
from crash_check import check_verify
from crash_sample import ARCHIVE
from journal_cases import rows_gone
from listed import ListedHarness

# Steps of the first host at which it holds no lock that the second would wait for.
STILL = (
    "run-begin", "pass-begin", "batch-read", "batch-extracted", "batch-store-before",
    "batch-archived", "batch-readback-before", "batch-readback-after", "batch-verified",
    "batch-delete-before", "batch-deleted", "archive-commit-after", "segment-sealed", "run-end",
)  # fmt: skip
# Steps at which the second host is killed; some in the middle of the archive database's transaction.
KILLED = (
    "batch-extracted", "archive-begin", "archive-insert-after", "archive-control-after",
    "archive-commit-before", "archive-commit-after", "batch-verified", "batch-delete-executed",
    "batch-commit-before", "batch-commit-after",
)  # fmt: skip
LOCKED = 4
STOPPED = 5
WARNING = "another run of archiver main"


class Host:
    """Directory, journal and archives of its own; the same configuration otherwise."""

    def __init__(self, bench, name, shared):
        self.directory = os.path.join(bench.directory, name)
        os.mkdir(self.directory)
        settings = osarchiver_runner.simple_config(
            self.directory,
            bench.server,
            ["crash"],
            archive=bench.server if shared else None,
            source_settings={"batch_rows": 13, "session": {"innodb_lock_wait_timeout": 1}},
            file_settings={"min_free": "1MiB"},
            archive_settings={"accept_non_durable": True},
        )
        self.archives = os.path.join(self.directory, "archives")
        self.config = osarchiver_runner.write_config(
            os.path.join(self.directory, "osarchiver.yaml"), settings
        )

    def run(self, bench, *arguments, allowed=(0,), failpoints=None):
        bench.config = self.config
        return bench.osarchiver(*arguments, allowed=allowed, failpoints=failpoints)

    def rows(self, bench):
        bench.config = self.config
        runs = bench.status()["runs"]
        return {kind: sum(run["rows"][kind] for run in runs) for kind in ("deleted", "absent")}


def script(bench, host, killed):
    """A file with the second host's whole run, for the first one's failpoint to call; once."""
    path = os.path.join(bench.directory, "second.sh")
    environment = "env -u OSARCHIVER_FAILPOINTS "
    if killed != "whole":
        environment = f"OSARCHIVER_FAILPOINTS={killed}=kill@2 "
    command = shlex.join(osarchiver_runner.command_line(host.config, "run"))
    with open(path, "w", encoding="utf-8") as file:
        file.write(
            f"{environment}{command} >{bench.directory}/second.out 2>&1\n"
            f"echo $? >{bench.directory}/second.code\nexit 0\n"
        )
    return "run:sh " + path


def check_hosts(bench, shared, place, killed):
    step, number = place.split("@")
    bench.begin()
    a, b = (Host(bench, name, shared) for name in "ab")
    hook = script(bench, b, killed)
    a.run(bench, "run", failpoints=f"{step}={hook}@{number}")
    try:
        with open(f"{bench.directory}/second.code", encoding="ascii") as file:
            code = int(file.read())
    except FileNotFoundError:
        return
    with open(f"{bench.directory}/second.out", encoding="utf-8") as file:
        said = file.read()
    bench.said += f"--- second host: exit {code}\n{said}"
    if code not in (0, 137):
        raise Failed(f"the second host: exit {code}")
    # Before it has connected, the first one has nothing to say.
    if WARNING not in said and step not in ("run-begin", "run-end"):
        raise Failed("the second host does not say that another one is at work")
    if code == 137:
        b.run(bench, "run")
    a.run(bench, "run")
    judge(bench, a, b, shared, killed)


def judge(bench, a, b, shared, killed):
    archives = os.path.join(bench.directory, "all")
    os.mkdir(archives)
    for host, name in ((a, "a"), (b, "b")):
        if os.path.isdir(host.archives):
            os.rename(host.archives, os.path.join(archives, name))
    problems = bench.checker.check(
        archives, bench.tables, databases=(ARCHIVE,) if shared else (), hosts=2
    )
    for host, name in ((a, "a"), (b, "b")):
        if os.path.isdir(os.path.join(archives, name)):
            os.rename(os.path.join(archives, name), host.archives)
    rows = [host.rows(bench) for host in (a, b)]
    gone = rows_gone(bench.checker)
    deleted = sum(counts["deleted"] for counts in rows)
    # A host that was killed around its COMMIT finds its rows gone and counts them deleted; the other
    # may have deleted some of them first.
    if deleted != gone if killed == "whole" else deleted < gone:
        problems.append(f"status of both: {rows}; {gone} left the source")
    for host in (a, b):
        problems += check_verify(host.run(bench, "verify", "--json", allowed=None))
    if problems:
        raise Failed("\n".join(problems))


def check_lock(bench, step):
    """While a run stands still: another one is refused, status and verify work and hold nothing up."""
    bench.begin()
    answers = os.path.join(bench.directory, "answers")
    commands = [shlex.join(osarchiver_runner.command_line(bench.config, *arguments))
                for arguments in (("run",), ("status", "--json"), ("verify", "--json"))]  # fmt: skip
    path = os.path.join(bench.directory, "commands.sh")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"test -e {answers} && exit 0\n: >{answers}\nunset OSARCHIVER_FAILPOINTS\n")
        for command in commands:
            file.write(f"{command} >>{answers}.said 2>&1; echo $? >>{answers}\n")
        file.write("exit 0\n")
    bench.osarchiver("run", failpoints=f"{step}=run:sh {path}")
    with open(answers, encoding="ascii") as file:
        codes = [int(line) for line in file]
    with open(answers + ".said", encoding="utf-8") as file:
        bench.said += file.read()
    if codes != [LOCKED, 0, 0]:
        raise Failed(f"run, status, verify while a run works: exit codes {codes}")
    bench.finish()


class Harness(ListedHarness):
    NAME = "two-hosts"
    WHAT = "a second run at once, on this host or with a journal of its own, killed or whole"

    def lists(self):
        places = [f"{step}@{number}" for step in STILL for number in (1, 2, 4)]
        return {
            "lock": [f"lock {step}" for step in STILL if step != "run-end"],
            "files": [
                f"files {place} {killed}"
                for place in places
                for killed in ("whole", *KILLED)
                if not killed.startswith("archive")
            ],
            "database": [
                f"database {place} {killed}" for place in places for killed in ("whole", *KILLED)
            ],
        }

    def run_case(self, bench, text):
        first, *rest = text.split()
        if first == "lock":
            check_lock(bench, rest[0])
        else:
            check_hosts(bench, first == "database", rest[0], rest[1])
