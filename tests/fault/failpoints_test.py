"""The list of failpoints, the code and the matrix agree."""

import os
import random
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import matrix_harness
import osarchiver_runner
from bench import Bench

USE = re.compile(r'\bFailpoint\(\s*"([^"]+)"')
FEWEST = 40


def used_in_code():
    """{name: files} of the product's sources."""
    used = {}
    for layer in ("src", "state", "formats", "config"):
        top = os.path.join(osarchiver_runner.REPOSITORY, layer)
        for directory, _, names in os.walk(top):
            for name in names:
                with open(os.path.join(directory, name), encoding="utf-8") as file:
                    for found in USE.findall(file.read()):
                        used.setdefault(found, set()).add(name)
    return used


class FailpointsTest(unittest.TestCase):
    def test_list_and_code_agree(self):
        listed = matrix_harness.failpoints()
        self.assertEqual(len(listed), len(set(listed)))
        self.assertGreaterEqual(len(listed), FEWEST)
        self.assertEqual(set(listed), set(used_in_code()))

    def test_the_matrix_reaches_each(self):
        """In the very scenario in which its cases fail it."""
        self.assertEqual(set(matrix_harness.SCENARIOS) - set(matrix_harness.failpoints()), set())
        bench = Bench()
        self.addCleanup(bench.close)
        reached = {}
        for place in matrix_harness.failpoints():
            scenario = matrix_harness.SCENARIOS.get(place, matrix_harness.PLAIN)
            # What the first run leaves depends on where it is killed.
            for seed in range(5):
                key = (scenario, seed)
                if key not in reached:
                    scenario.begin(bench, random.Random(seed))
                    reached[key] = matrix_harness.passed(bench, *scenario.ARGUMENTS)
                if reached[key][place]:
                    break
            else:
                self.fail(f"{place} is never reached")

    def test_nothing_without_the_variable(self):
        """What `osarchiver failpoints` lists is dead unless OSARCHIVER_FAILPOINTS names it."""
        bench = Bench()
        self.addCleanup(bench.close)
        bench.begin()
        quiet = bench.osarchiver("run")
        self.assertNotIn("failpoint", quiet.stderr)
        bench.finish()

    def test_unknown_names_and_modes_are_refused(self):
        for text in ("no-such-place=kill", "run-begin", "run-begin=no-such-mode", "run-begin="):
            with self.subTest(text):
                done = subprocess.run(
                    [osarchiver_runner.binary(), "failpoints"],
                    env=osarchiver_runner.environment(failpoints=text),
                    capture_output=True,
                )
                self.assertEqual(done.returncode, 2, done)


if __name__ == "__main__":
    unittest.main()
