"""The harnesses by name; tools/crash-matrix runs them. Each is a module with a class `Harness`
(harness.py says what it has)."""

import importlib

MODULES = {
    "damage": "damage",
    "environment": "environment",
    "journal": "journal_damage",
    "matrix": "matrix_harness",
    "network": "network",
    "old-journal": "old_journal",
    "powerloss": "powerloss_harness",
    "rebuild": "rebuild",
    "stop": "stop_and_clock",
    "syscalls": "syscalls_harness",
    "two-hosts": "two_hosts",
}


def make(name, seed):
    return importlib.import_module(MODULES[name]).Harness(seed)
