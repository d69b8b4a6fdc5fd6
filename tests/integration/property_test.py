"""tools/property-test for 60 seconds and at least 50 schemas; the seed moves on with the date."""

import os
import subprocess
import sys
import unittest

from osarchiver_runner import REPOSITORY


class PropertyTest(unittest.TestCase):
    def test_random_schemas_and_rows_come_back(self):
        command = [sys.executable, "-B", os.path.join(REPOSITORY, "tools", "property-test"), "--seconds", "45"]
        seed = os.environ.get("OSARCHIVER_TEST_SEED")
        done = subprocess.run(command + (["--seed", seed] if seed else []), capture_output=True, text=True)
        print(done.stdout + done.stderr)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
