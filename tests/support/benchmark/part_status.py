"""status of an old journal: 10,000 runs and a million batches, and 10 runs."""

import os
import shutil
import sqlite3

import measure
import osarchiver_runner
from benchmark.lab import medians
from private_mariadb import PrivateMariadb

RATIO = 3
RUNS = {"young": 10, "old": 10000}
BATCHES_OF_RUN = 100
CALLS = 5


class Status:
    name = "status"
    summary = "status with 10,000 runs and a million batches in the journal, and with 10 runs"

    def run(self, lab):
        with lab.place() as directory:
            configs = {name: self._journal(directory, name, runs) for name, runs in RUNS.items()}
            results = lab.alternate(
                {name: (lambda name=name: self._status(configs[name])) for name in configs}
            )
        middle = medians(results)
        lab.keep("runs", results)
        lab.bar(
            f"status with {RUNS['old']} : {RUNS['young']} runs",
            middle["old"]["wall_s"] / middle["young"]["wall_s"],
            RATIO,
            unit=" x",
            note=f"{1000 * middle['old']['wall_s'] / CALLS:.0f} ms a call",
        )

    def _status(self, config):
        command = osarchiver_runner.command_line(config, "status")
        # One call is too short to be timed.
        loop = f'for i in {" ".join(map(str, range(CALLS)))}; do "$@" || exit 1; done'
        result = measure.run(["sh", "-c", loop, "sh", *command])
        if result["code"] != 0 or "completed" not in result["output"]:
            raise OSError(f"status failed:\n{result['output']}")
        del result["output"]
        return result

    def _journal(self, directory, name, runs):
        """A real run's journal, with its run repeated; returns the configuration."""
        place = os.path.join(directory, name)
        os.mkdir(place)
        with PrivateMariadb(os.path.join(place, "server"), profile="fast") as server:
            server.sql(
                "CREATE DATABASE nova; USE nova; CREATE TABLE things (id int PRIMARY KEY, deleted_at "
                "datetime, deleted int); INSERT INTO things SELECT seq, NOW() - INTERVAL 730 "
                f"DAY, seq FROM seq_1_to_{BATCHES_OF_RUN * 2}"
            )
            config = osarchiver_runner.write_config(
                os.path.join(place, "osarchiver.yaml"),
                osarchiver_runner.simple_config(
                    place, server, ["nova"], source_settings={"batch_rows": 2}
                ),
            )
            done = osarchiver_runner.run(config, "run")
            if done.code != 0:
                raise OSError(f"the run failed:\n{done.stderr}")
        shutil.rmtree(os.path.join(place, "server"), ignore_errors=True)
        repeat_runs(os.path.join(place, "state.db"), runs)
        return config


def repeat_runs(path, runs):
    """Makes the journal one of `runs` runs like its first one, past the journal's own calls, which
    would take hours. Its triggers are taken away for that and put back."""
    database = sqlite3.connect(path)
    database.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -500000; BEGIN;")
    triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    triggers = triggers.fetchall()
    for trigger, _ in triggers:
        database.execute(f"DROP TRIGGER {trigger}")
    database.execute(
        "CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        f"WHERE i < {runs - 1}) SELECT i FROM n"
    )
    # Each table's rows of the first run, with the numbers of things moved out of the way.
    for table, moved in (
        ("runs", {"id": 1, "name": None}),
        ("invocations", {"id": 1, "run_id": 1}),
        ("passes", {"id": 1, "run_id": 1}),
        ("segments", {"id": 10, "pass_id": 1, "path": None}),
        ("batches", {"id": 1000, "pass_id": 1}),
        ("copies", {"batch_id": 1000, "segment_id": 10}),
    ):
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        values = [
            column
            if column not in moved
            else f"{column} || i"
            if moved[column] is None
            else f"{column} + i * {moved[column]}"
            for column in columns
        ]
        database.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} "
            f"FROM (SELECT * FROM {table}) CROSS JOIN n"
        )
    for _, sql in triggers:
        database.execute(sql)
    database.commit()
    batches = database.execute("SELECT COUNT(*) FROM batches").fetchone()[0]
    if batches != runs * BATCHES_OF_RUN:
        raise OSError(f"the journal has {batches} batches")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
