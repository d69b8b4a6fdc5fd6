#!/usr/bin/env python3
"""Adds up ctest's JUnit reports: `N passed, N failed` over the single cases of all test programs,
with the failed programs named.

Usage: test_summary.py [--allow-empty] REPORT... Exit code 1 when something failed, was skipped or
disabled, or when nothing ran (in a program, or in one of the reports unless --allow-empty).
"""

import re
import sys
import xml.etree.ElementTree

# A case that passed or failed, as googletest and unittest -v print it.
PASSED = re.compile(r"^\[       OK \] |\.\.\. ok$", re.MULTILINE)
FAILED = re.compile(r"^\[  FAILED  \] .*\(\d+ ms\)$|\.\.\. (?:FAIL|ERROR)$", re.MULTILINE)
SKIPPED = re.compile(r"^\[  SKIPPED \] .*\(\d+ ms\)$|\.\.\. skipped", re.MULTILINE)
DISABLED = re.compile(r"YOU HAVE (\d+) DISABLED TEST")
# What closes a unittest program: what a test prints may stand between its name and its result.
RAN = re.compile(r"^Ran (\d+) tests? in ", re.MULTILINE)
RESULT = re.compile(r"^(?:OK|FAILED)(?: \((.*)\))?$", re.MULTILINE)
# The closing line of a harness: `matrix: 50 cases, 0 failures, ...`.
HARNESS = re.compile(r"^\S+: (\d+) cases, (\d+) failures", re.MULTILINE)


def count(output):
    """Cases that passed, failed and were skipped, as the program said."""
    ran = RAN.findall(output)
    results = RESULT.findall(output)
    if ran and results:
        noted = dict(re.findall(r"(\w+)=(\d+)", results[-1]))
        skipped = int(noted.get("skipped", 0))
        # A test with several failing subtests counts each of them.
        failed = sum(int(noted.get(kind, 0)) for kind in ("failures", "errors"))
        return max(0, int(ran[-1]) - failed - skipped), failed, skipped
    # Progress lines look the same; the last one is the result.
    if harness := HARNESS.findall(output):
        cases, failed = map(int, harness[-1])
        return cases - failed, failed, 0
    return tuple(len(pattern.findall(output)) for pattern in (PASSED, FAILED, SKIPPED))


def main(arguments):
    allow_empty = "--allow-empty" in arguments
    reports = [argument for argument in arguments if argument != "--allow-empty"]
    passed = failed = skipped = 0
    broken = []
    for report in reports:
        cases = list(xml.etree.ElementTree.parse(report).getroot().iter("testcase"))
        if not cases and not allow_empty:
            failed += 1
            broken.append(f"{report} holds no test")
        for case in cases:
            output = case.findtext("system-out") or ""
            inside = count(output)
            program_failed = case.get("status") != "run"
            # A program without a case tested nothing, however it ended.
            program_failed |= not any(inside)
            # A program that crashed or timed out counts as one failure even when no case says so.
            passed += inside[0]
            failed += max(inside[1], int(program_failed))
            skipped += inside[2] + sum(map(int, DISABLED.findall(output)))
            if program_failed:
                broken.append(case.get("name"))
            print(
                f"  {'FAILED' if program_failed else 'ok':6}  {float(case.get('time')):7.1f} s  {case.get('name')}"
            )
    for name in broken:
        print(f"failed: {name}")
    if skipped:
        print(f"{skipped} skipped, which counts as failed")
    print(f"{passed} passed, {failed + skipped} failed")
    return 0 if passed and not failed and not skipped else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
