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
            inside = [len(pattern.findall(output)) for pattern in (PASSED, FAILED, SKIPPED)]
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
