"""Where the parts of the benchmark run: options, rounds, and the book of what came out.

A part is a class with `name` (what --case takes), `summary` (a line for --help) and
`run(lab)`. It measures by lab.alternate(), states each bar by lab.bar(), and keeps what is worth
keeping by lab.keep(). parts.py lists the parts, one line each.
"""

import contextlib
import os
import shutil
import statistics
import tempfile
import time


class Failed(Exception):
    """A contestant did not do its work; the text says what is missing."""


class Lab:
    def __init__(self, options):
        self.options = options
        self.rounds = options.rounds
        self.bars = []
        self.kept = {}
        self.part = ""
        self.directory = tempfile.mkdtemp(prefix="osa-bench-", dir=options.directory)

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    @contextlib.contextmanager
    def place(self):
        """A directory for as long as the block runs."""
        path = tempfile.mkdtemp(prefix=self.part + "-", dir=self.directory)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def say(self, text):
        print(text, flush=True)

    def alternate(self, contestants, rounds=None):
        """Measures each contestant once in every round, in turn. `contestants` maps a name to a
        function that returns one measurement, a dictionary with `wall_s`. Returns all of them, a
        list for each name."""
        results = {name: [] for name in contestants}
        for number in range(rounds or self.rounds):
            # Turned round each time, so that no contestant always follows the same one.
            for name in list(contestants) if number % 2 == 0 else reversed(contestants):
                result = contestants[name]()
                results[name].append(result)
                self.say(f"  {self.part} round {number + 1}  {name:14} {result['wall_s']:8.3f} s")
        return results

    def bar(self, what, value, most, least=None, unit="", note=""):
        """A figure that must hold: at most `most` and at least `least`."""
        good = value <= most and (least is None or value >= least)
        self.bars.append(
            {
                "part": self.part,
                "what": what,
                "value": value,
                "most": most,
                "least": least,
                "unit": unit,
                "note": note,
                "ok": good,
            }
        )
        wanted = f"at most {most:g}" if least is None else f"{least:g} to {most:g}"
        self.say(
            f"  {'ok    ' if good else 'MISSED'} {what}: {value:.3g}{unit} ({wanted}{unit})"
            + (f"; {note}" if note else "")
        )

    def keep(self, name, value):
        """Puts something into the JSON file."""
        self.kept.setdefault(self.part, {})[name] = value

    def run(self, part):
        self.part = part.name
        started = time.monotonic()
        self.say(f"{part.name}: {part.summary}")
        part.run(self)
        self.say(f"  {part.name} took {time.monotonic() - started:.0f} s\n")


def medians(results):
    """For each name, a dictionary of the medians of what its measurements hold in numbers."""
    return {
        name: {
            key: statistics.median(run[key] for run in runs)
            for key, value in runs[0].items()
            if isinstance(value, (int, float))
        }
        for name, runs in results.items()
    }


def total_bytes(directory, suffix=""):
    """What the files below `directory` whose names end in `suffix` hold."""
    return sum(
        os.path.getsize(os.path.join(path, name))
        for path, _, names in os.walk(directory)
        for name in names
        if name.endswith(suffix)
    )
