"""What each harness counted last, one JSON file each under build/crash-matrix/, and the table of
them."""

import json
import os
import sys
import time

from osarchiver_runner import REPOSITORY

DIRECTORY = os.path.join(REPOSITORY, "build", "crash-matrix")
COLUMNS = ("harness", "cases", "failures", "seconds")


def line(harness, cases, failures, seconds, note=""):
    """The one line that every harness ends with."""
    text = f"{harness}: {cases:,} cases, {failures:,} failures, {seconds:,.0f} seconds"
    return f"{text} ({note})" if note else text


def record(harness, what, cases, failures, seconds, complete, note=""):
    """Prints the line and keeps it for the summary. what: what a case of the harness is, for the
    table. complete: the whole count rather than a budgeted sample, which never replaces a complete
    record."""
    print(line(harness, cases, failures, seconds, note))
    sys.stdout.flush()
    os.makedirs(DIRECTORY, exist_ok=True)
    path = os.path.join(DIRECTORY, f"{harness}.json")
    if not complete and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            if json.load(file)["complete"]:
                return
    entry = {
        "harness": harness,
        "what": what,
        "cases": cases,
        "failures": failures,
        "seconds": round(seconds),
        "complete": complete,
        "note": note,
        "finished_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        json.dump(entry, file, indent=1)
    os.replace(path + ".tmp", path)


def load():
    """All records, by name."""
    entries = []
    names = sorted(os.listdir(DIRECTORY)) if os.path.isdir(DIRECTORY) else []
    for name in names:
        if name.endswith(".json"):
            with open(os.path.join(DIRECTORY, name), encoding="utf-8") as file:
                entries.append(json.load(file))
    return entries


def summary():
    """The table of README, in Markdown."""
    rows = ["| harness | what is done to a run | cases | failures | seconds |", "| --- | --- | --- | --- | --- |"]
    for entry in load():
        sample = "" if entry["complete"] else " (a sample)"
        rows.append(
            f"| {entry['harness']} | {entry['what']} | {entry['cases']:,}{sample} | "
            f"{entry['failures']:,} | {entry['seconds']:,} |"
        )
    return "\n".join(rows)
