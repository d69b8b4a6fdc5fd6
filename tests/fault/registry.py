"""The harnesses by name; tools/crash-matrix runs them. Each is a module with a class `Harness`
(harness.py says what it has)."""

import importlib

MODULES = {
    "matrix": "matrix_harness",
    "powerloss": "powerloss_harness",
    "syscalls": "syscalls_harness",
}


def make(name, seed):
    return importlib.import_module(MODULES[name]).Harness(seed)
