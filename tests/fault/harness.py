"""Runs the cases of a harness on several servers side by side.

A harness divides its cases into groups; a case is a group and a number from 1 on, written
`group@number`, and with the seed that is all that a case depends on. A group either never ends
(another number is another random choice) or ends with the first number whose fault was not reached
any more: the run was clean.
"""

import itertools
import multiprocessing
import os
import queue
import random
import sys
import time
import traceback

import results
from bench import Bench, Failed

REPORT_EVERY_S = 20


class HarnessBase:
    """What a harness has."""

    NAME = ""  # as on the command line
    WHAT = ""  # what is done to a run, for the table
    ENDLESS = False  # groups never end; the whole count is asked for with --cases

    def __init__(self, seed):
        self.seed = seed

    def make_bench(self):
        """What the cases of one worker run on: has close(), and `said` for the report of a
        failure."""
        return Bench()

    def groups(self):
        """Names of the groups, without '@'."""
        raise NotImplementedError

    def prepare(self, bench):
        """Once per worker, before its first case."""

    def counts(self, bench):
        """{group: how many numbers it has about}, for a sample of groups that end. {}: unknown, a
        sample then takes the first numbers."""
        return {}

    def run(self, bench, group, number):
        """One case, from a fresh start. Returns False when the fault was not reached. Raises Failed
        when something is wrong."""
        raise NotImplementedError

    def random(self, group, number):
        """The case's own random numbers."""
        return random.Random(f"{self.seed}/{group}@{number}")


def case_name(group, number):
    return f"{group}@{number}"


def _work(harness, tasks, done):
    try:
        bench = harness.make_bench()
    except Exception:  # whatever it is, the parent reports it
        done.put(("broken", traceback.format_exc()))
        return
    try:
        harness.prepare(bench)
        while (task := tasks.get()) is not None:
            group, number = task
            bench.said = ""
            try:
                reached = harness.run(bench, group, number)
                done.put((group, number, reached is not False, ""))
            except Failed as failure:
                done.put((group, number, True, f"{failure}\n{bench.said}"))
            except Exception:
                done.put((group, number, True, f"{traceback.format_exc()}\n{bench.said}"))
    except Exception:
        done.put(("broken", traceback.format_exc()))
    finally:
        bench.close()


class Runner:
    """Hands out cases until they are done, or the time is over."""

    def __init__(self, harness, options):
        self.harness = harness
        self.options = options
        self.ended = {}  # group: its first number that was not reached
        self.cases = 0
        self.unreached = 0
        self.failures = []
        self.done_before = set()
        self.seconds_before = 0.0
        self._progress = None

    def run(self):
        """Returns the number of failures."""
        started = time.monotonic()
        self._load_progress()
        context = multiprocessing.get_context("fork")
        tasks, done = context.Queue(), context.Queue()
        workers = [
            context.Process(target=_work, args=(self.harness, tasks, done))
            for _ in range(self.options.workers)
        ]
        for worker in workers:
            worker.start()
        complete = False
        try:
            self._hand_out(tasks, done, started, workers)
            complete = not self.options.seconds
        except BaseException:
            # Not the cases that wait in the queue as well.
            for worker in workers:
                worker.terminate()
            raise
        finally:
            for _ in workers:
                tasks.put(None)
            for worker in workers:
                worker.join()
            self._note_progress(f"#seconds {time.monotonic() - started:.1f}")
            self._report(time.monotonic() - started + self.seconds_before, complete)
        return len(self.failures)

    # -- which cases

    def _sample(self):
        """Group and number at random, each once."""
        rng = random.Random(self.harness.seed)
        groups = list(self.harness.groups())
        if self.harness.ENDLESS:
            for number in itertools.count(1):
                rng.shuffle(groups)
                yield from ((group, number) for group in groups)
        bench = self.harness.make_bench()
        try:
            self.harness.prepare(bench)
            counts = self.harness.counts(bench)
        finally:
            bench.close()
        # Each group as often as the others, however many numbers it has.
        numbers = {}
        for group in groups:
            numbers[group] = list(range(1, counts.get(group, 1) + 1))
            rng.shuffle(numbers[group])
        while any(numbers.values()):
            rng.shuffle(groups)
            for group in groups:
                if numbers[group]:
                    yield group, numbers[group].pop()

    def _all(self):
        """n = 1, 2, 3 ... of each group, until it ends."""
        groups = list(self.harness.groups())
        for number in itertools.count(1):
            open_groups = [group for group in groups if group not in self.ended]
            if not open_groups:
                return
            yield from ((group, number) for group in open_groups)

    def _chosen(self):
        if self.options.case:
            for name in self.options.case:
                group, number = name.rsplit("@", 1)
                yield group, int(number)
        elif self.options.seconds:
            yield from self._sample()
        else:
            yield from self._all()

    def _over(self, given, started):
        options = self.options
        if options.cases and given + len(self.done_before) >= options.cases:
            return True
        late = options.seconds and time.monotonic() - started >= options.seconds
        return late and given >= options.at_least

    def _hand_out(self, tasks, done, started, workers):
        chosen = self._chosen()
        given = waiting = 0
        exhausted = False
        said_at = time.monotonic()
        while not exhausted or waiting:
            while not exhausted and waiting < 2 * len(workers):
                case = next(chosen, None) if not self._over(given, started) else None
                if case is None:
                    exhausted = True
                elif case not in self.done_before and not self._behind_the_end(*case):
                    tasks.put(case)
                    waiting += 1
                    given += 1
            if not waiting:
                break
            try:
                answer = done.get(timeout=5)
            except queue.Empty:
                if not all(worker.is_alive() for worker in workers):
                    raise RuntimeError("a worker died") from None
                continue
            if answer[0] == "broken":
                raise RuntimeError(answer[1])
            waiting -= 1
            self._take(*answer)
            if time.monotonic() - said_at > REPORT_EVERY_S:
                said_at = time.monotonic()
                rate = (self.cases - len(self.done_before)) / (said_at - started)
                print(
                    f"{self.harness.NAME}: {self.cases} cases, {len(self.failures)} failures, "
                    f"{rate:.1f} cases a second",
                    file=sys.stderr,
                )

    def _behind_the_end(self, group, number):
        return number > self.ended.get(group, number)

    def _take(self, group, number, reached, problem):
        if not reached:
            self.unreached += 1
            if not self.harness.ENDLESS:
                self.ended[group] = min(number, self.ended.get(group, number))
        self.cases += 1
        name = case_name(group, number)
        self._note_progress(f"{name} {'FAILED' if problem else 'ok' if reached else 'clean'}")
        if problem:
            self.failures.append(name)
            print(f"FAILED {name}: {problem}\nto repeat it: {self.repeat(name)}")
            sys.stdout.flush()

    def repeat(self, name):
        return (
            f"tools/crash-matrix --harness {self.harness.NAME} --seed {self.harness.seed} "
            f"--case '{name}'"
        )

    # -- what is done already

    @property
    def _resumable(self):
        return not self.options.case and not self.options.seconds

    def _load_progress(self):
        if not self._resumable:
            return
        os.makedirs(results.DIRECTORY, exist_ok=True)
        path = os.path.join(
            results.DIRECTORY, f"{self.harness.NAME}-{self.harness.seed}.progress"
        )
        if os.path.exists(path) and not self.options.resume:
            os.remove(path)
        self._progress = open(path, "a+", encoding="utf-8", buffering=1)
        self._progress.seek(0)
        for text in self._progress:
            name, _, result = text.strip().rpartition(" ")
            if name == "#seconds":
                self.seconds_before += float(result)
            elif name:
                group, number = name.rsplit("@", 1)
                self.done_before.add((group, int(number)))
                self.cases += 1
                if result == "FAILED":
                    self.failures.append(name)
                self.unreached += result == "clean"
                if result == "clean" and not self.harness.ENDLESS:
                    self.ended[group] = int(number)

    def _note_progress(self, text):
        if self._progress is not None:
            self._progress.write(text + "\n")

    def _report(self, seconds, complete):
        harness = self.harness
        note = f"seed {harness.seed}"
        if harness.ENDLESS and self.unreached:
            note += f", {self.unreached} ended before the fault"
        if self.options.case:
            print(results.line(harness.NAME, self.cases, len(self.failures), seconds, note))
        else:
            results.record(
                harness.NAME, harness.WHAT, self.cases, len(self.failures), seconds, complete, note
            )
        for name in self.failures:
            print(f"failed: {self.repeat(name)}")
