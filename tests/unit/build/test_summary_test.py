"""The last line of tools/test counts what ran, and takes nothing that did not run for passed."""

import os
import subprocess
import sys
import tempfile
import unittest
from xml.sax.saxutils import escape

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUMMARY = os.path.join(TESTS, "support", "test_summary.py")


def program(output, status="run"):
    return (
        f'<testcase name="program" status="{status}" time="0.1"><system-out>{escape(output)}'
        "</system-out></testcase>"
    )


class TestSummaryTest(unittest.TestCase):
    def summary(self, *programs):
        """Exit code and last line for a report of these programs."""
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as report:
            report.write(f"<testsuite>{''.join(programs)}</testsuite>")
            report.flush()
            result = subprocess.run(
                [sys.executable, "-B", SUMMARY, report.name],
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
        return result.returncode, result.stdout.splitlines()[-1]

    def test_cases_of_both_kinds_of_programs(self):
        googletest = program("[       OK ] A.B (1 ms)\n[       OK ] A.C (1 ms)\n")
        python = program("test_x (m.C.test_x) ... ok\n")
        self.assertEqual(self.summary(googletest, python), (0, "3 passed, 0 failed"))

    def test_what_a_test_prints_does_not_hide_it(self):
        python = "test_x (m.C.test_x) ... some line\nok\n\nRan 2 tests in 0.1s\n\n"
        self.assertEqual(self.summary(program(python + "OK\n")), (0, "2 passed, 0 failed"))
        self.assertEqual(
            self.summary(program(python + "FAILED (failures=1, skipped=1)\n", "fail")),
            (1, "0 passed, 2 failed"),
        )
        self.assertEqual(
            self.summary(program("\nRan 0 tests in 0.0s\n\nOK\n")), (1, "0 passed, 1 failed")
        )

    def test_harnesses(self):
        said = "matrix: 7 cases, 0 failures, 0.5 cases a second\n"
        self.assertEqual(
            self.summary(program(said + "matrix: 50 cases, 0 failures, 60 seconds (seed 1)\n")),
            (0, "50 passed, 0 failed"),
        )
        self.assertEqual(
            self.summary(program("fuzz: 9 cases, 1 failures, 3 s, seed 1\n", "fail")),
            (1, "8 passed, 1 failed"),
        )
        self.assertEqual(
            self.summary(program("matrix: 0 cases, 0 failures, 60 seconds (seed 1)\n")),
            (1, "0 passed, 1 failed"),
        )

    def test_failures(self):
        googletest = program("[       OK ] A.B (1 ms)\n[  FAILED  ] A.C (1 ms)\n", "fail")
        self.assertEqual(self.summary(googletest), (1, "1 passed, 1 failed"))

    def test_crash_without_a_word(self):
        self.assertEqual(
            self.summary(program("[       OK ] A.B (1 ms)\n", "fail")), (1, "1 passed, 1 failed")
        )

    def test_program_without_cases(self):
        self.assertEqual(
            self.summary(program("[==========] Running 0 tests from 0 test suites.\n")),
            (1, "0 passed, 1 failed"),
        )

    def test_skipped_and_disabled_cases(self):
        output = "[       OK ] A.B (1 ms)\n[  SKIPPED ] A.C (0 ms)\n  YOU HAVE 2 DISABLED TESTS\n"
        self.assertEqual(self.summary(program(output)), (1, "1 passed, 3 failed"))
        self.assertEqual(
            self.summary(program("test_x (m.C) ... ok\ntest_y (m.C) ... skipped 'why'\n")),
            (1, "1 passed, 1 failed"),
        )

    def test_report_without_tests(self):
        self.assertEqual(self.summary(), (1, "0 passed, 1 failed"))


if __name__ == "__main__":
    unittest.main()
