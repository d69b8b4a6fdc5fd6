"""A run that stands still at one of its steps while something is done to its world."""

import os
import time

from bench import RUN_TIMEOUT_S

# Steps of a run, and of settling, at which cases disturb it; each is passed many times.
STEPS = (
    "run-begin", "pass-begin", "batch-read", "batch-extracted", "batch-store-before",
    "archive-begin", "archive-insert-after", "archive-commit-before", "archive-commit-after",
    "batch-archived", "batch-readback-before", "batch-verified", "batch-delete-before",
    "batch-delete-executed", "batch-commit-before", "batch-commit-after", "batch-deleted",
    "segment-seal-before", "journal-copy-before",
)  # fmt: skip
NUMBERS = (1, 2, 5, 9)


def places():
    return [f"{step}@{number}" for step in STEPS for number in NUMBERS]


def run_paused(bench, place, action, arguments=("run",), env=None, more=""):
    """Runs osarchiver; when it comes to `place` (step@number), calls action(go), which lets it go on
    by calling go(). more: further failpoints. Returns (its result, whether it came there)."""
    step, number = place.split("@")
    reached, on = (os.path.join(bench.directory, name) for name in ("reached", "go-on"))
    for path in (reached, on):
        if os.path.exists(path):
            os.remove(path)
    script = os.path.join(bench.directory, "wait.sh")
    with open(script, "w", encoding="utf-8") as file:
        file.write(f": >{reached}\nwhile ! test -e {on}; do sleep 0.01; done\n")
    points = f"{step}=run:sh {script}@{number}" + (f",{more}" if more else "")
    process = bench.start(*arguments, failpoints=points, env=env)

    def go():
        with open(on, "w", encoding="utf-8"):
            pass

    deadline = time.monotonic() + RUN_TIMEOUT_S
    while not os.path.exists(reached) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    came = os.path.exists(reached)
    if came:
        try:
            action(go)
        finally:
            go()
    return bench.note_end(process, f"{' '.join(arguments)} [{place}]"), came
