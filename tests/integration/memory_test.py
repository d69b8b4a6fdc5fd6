"""Peak memory, with fewer rows than tools/memory-test has by itself: what grows with the number of
rows would show here too, and what one long row takes does not depend on it."""

import os
import subprocess
import sys
import unittest

import osarchiver_runner

TOOL = os.path.join(osarchiver_runner.REPOSITORY, "tools", "memory-test")


class MemoryTest(unittest.TestCase):
    def measure(self, *arguments):
        result = subprocess.run(
            [sys.executable, "-B", TOOL, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        print(result.stdout)
        self.assertEqual(result.returncode, 0, result.stdout)
        return result.stdout

    def test_ordinary_rows(self):
        self.assertIn("nova.instances", self.measure("--rows", "30000", "--large-bytes", "0"))

    def test_large_values(self):
        output = self.measure("--rows", "0", "--large-bytes", str(96 * 2**20))
        self.assertEqual(output.count(": ok"), 3)


if __name__ == "__main__":
    unittest.main()
