"""Runs the real binary: writes configurations, gives them to osarchiver, returns what it said.

The binary is $OSARCHIVER, or build/release/osarchiver of this tree.
"""

import collections
import json
import os
import signal
import subprocess

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

Result = collections.namedtuple("Result", "code stdout stderr")


class Timeout(Exception):
    """osarchiver was still running when its time was over; it has been killed. The text is what
    it said until then."""


def binary():
    """The path of the program under test. Raises FileNotFoundError saying how to build it."""
    path = os.environ.get("OSARCHIVER") or os.path.join(
        REPOSITORY, "build", "release", "osarchiver"
    )
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(
            f"{path} is not there: cmake --preset release && cmake --build --preset release, or set OSARCHIVER"
        )
    return path


def write_config(path, config):
    """Writes a configuration, readable by the owner alone, for it may hold a password. `config`
    is YAML text, or a dictionary (written as JSON, which YAML reads). Returns the path."""
    text = (
        config
        if isinstance(config, str)
        else json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
    return path


def simple_config(
    directory,
    source,
    databases,
    archive=None,
    formats=("sql", "csv"),
    source_settings=None,
    archive_settings=None,
    file_settings=None,
):
    """A configuration with one archiver `main`: source `db` on a PrivateMariadb, files under
    `directory`/archives (none when `formats` is empty), and an archive database on the server
    `archive` when given. The settings win over what is here.
    """
    settings = {
        "backend": "mariadb",
        "socket": source.socket,
        "user": "root",
        "databases": list(databases),
        "tables": ["*"],
        "retention": "12 months",
        "delete": True,
    }
    settings.update(source_settings or {})
    destinations = {}
    if formats:
        destinations["files"] = {
            "backend": "file",
            "directory": os.path.join(directory, "archives"),
            "formats": list(formats),
            "min_free": "64MiB",
            **(file_settings or {}),
        }
    if archive is not None:
        destinations["history"] = {
            "backend": "mariadb",
            "socket": archive.socket,
            "user": "root",
            "database_suffix": "_archive",
            **(archive_settings or {}),
        }
    return {
        "site": "test",
        "state": os.path.join(directory, "state.db"),
        "log": {"level": "info"},
        "sources": {"db": settings},
        "destinations": destinations,
        "archivers": {"main": {"sources": ["db"], "destinations": list(destinations)}},
    }


def command_line(config, *arguments):
    return [binary(), *(["--config", config] if config else []), *arguments]


def environment(env=None, failpoints=None):
    """The caller's environment with `env` added. `failpoints` is the text that
    OSARCHIVER_FAILPOINTS takes."""
    merged = dict(os.environ)
    # A failpoint of an outer test must not reach a run that did not ask for one.
    merged.pop("OSARCHIVER_FAILPOINTS", None)
    merged.update(env or {})
    if failpoints:
        merged["OSARCHIVER_FAILPOINTS"] = failpoints
    return merged


def start(config, *arguments, env=None, failpoints=None, prefix=(), cwd=None):
    """Starts osarchiver and returns the Popen, with stdout and stderr as text pipes: for tests
    that kill or signal it."""
    return subprocess.Popen(
        [*prefix, *command_line(config, *arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="surrogateescape",
        cwd=cwd,
        start_new_session=True,
        env=environment(env, failpoints),
    )


def finish(process, timeout=120):
    """Waits for a started osarchiver. A negative code is the signal that ended it."""
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        stdout, stderr = process.communicate()
        raise Timeout(f"{' '.join(process.args)}: over {timeout} s\n{stdout}{stderr}") from None
    return Result(process.returncode, stdout, stderr)


def run(config, *arguments, env=None, failpoints=None, timeout=120, prefix=(), cwd=None):
    """Runs osarchiver to its end and returns (code, stdout, stderr)."""
    return finish(
        start(config, *arguments, env=env, failpoints=failpoints, prefix=prefix, cwd=cwd), timeout
    )
