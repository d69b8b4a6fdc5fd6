"""Others on the same table: how much longer a small online load waits while osarchiver works."""

import json
import os
import signal
import statistics
import subprocess
import time

import osarchiver_runner
from benchmark.instances import Instances, default_buffer_pool
from benchmark.lab import Failed
from benchmark.movers import Movers

MOST = 2
KINDS = ("without", "with", "delete")
NAMES = {"with": "osarchiver", "delete": "the bare DELETE"}


def oltp_program():
    """tests/support/oltp_loop.cc, built beside the program under test."""
    build = os.path.dirname(osarchiver_runner.binary())
    path = os.path.join(build, "tests", "support", "osarchiver_oltp_loop")
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"{path} is not there: build the target osarchiver_oltp_loop")
    return path


class Beside:
    name = "beside"
    summary = (
        "latency of a small online load on the same table: alone, beside osarchiver, and beside "
        "the bare DELETE"
    )

    def run(self, lab):
        options = lab.options
        pool = options.buffer_pool or default_buffer_pool(options.beside_rows)
        with lab.place() as directory, Instances(
            directory, options.beside_rows, pool, options.cache
        ) as table:
            lab.say(
                f"  {table.rows} rows, {table.eligible} eligible; pairs of {options.beside_seconds} s"
            )
            pairs = []
            for number in range(options.beside_pairs):
                # Alternating, so that whatever the machine does meanwhile hits all.
                order = KINDS if number % 2 == 0 else KINDS[::-1]
                pair = {}
                for kind in order:
                    table.reset()
                    # Somebody else to the account that archives.
                    table.source.sql(
                        "CREATE USER service@localhost; GRANT ALL ON nova.* TO service@localhost"
                    )
                    pair[kind] = self._load(table, options, kind)
                pairs.append(pair)
                lab.say(f"  pair {number + 1}: {self._line(pair)}")
        lab.keep("pairs", pairs)
        for percentile in ("p50_us", "p95_us", "p99_us"):
            lab.say(
                f"  {percentile[:3]}: beside osarchiver {self._ratio(pairs, percentile):.2f} x, "
                f"beside the bare DELETE {self._ratio(pairs, percentile, 'delete'):.2f} x"
            )
        lab.bar("p99 latency beside osarchiver : without", self._ratio(pairs, "p99_us"), MOST, unit=" x")

    def _load(self, table, options, kind):
        """What the online load saw in so many seconds."""
        if kind == "without":
            return self._seen(table, options)
        before = self._left(table)
        process = self._start(table, kind)
        try:
            deadline = time.monotonic() + 30
            while self._left(table) == before:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise Failed(f"{NAMES[kind]} deleted nothing")
                time.sleep(0.05)
            seen = self._seen(table, options)
            if process.poll() is not None:
                raise Failed(
                    f"{NAMES[kind]} was through before the time was over: more --beside-rows"
                )
            seen["deleted"] = before - self._left(table)
            return seen
        finally:
            process.send_signal(signal.SIGTERM)
            osarchiver_runner.finish(process)

    def _start(self, table, kind):
        if kind == "with":
            return osarchiver_runner.start(table.configure(), "run")  # at default settings
        command, statements = Movers(table).deletes()
        with open(statements) as file:
            return subprocess.Popen(
                command,
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )

    def _seen(self, table, options):
        command = [oltp_program(), table.source.socket, str(options.beside_seconds)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed("the online load failed: " + done.stderr)
        return json.loads(done.stdout)

    def _left(self, table):
        # Without reading the table, which would be a load of its own.
        value = dict(table.source.query("SHOW GLOBAL STATUS LIKE 'Handler_delete'"))
        return -int(value["Handler_delete"])

    def _line(self, pair):
        return "; ".join(
            f"{kind} p50 {pair[kind]['p50_us'] / 1000:.2f} p95 {pair[kind]['p95_us'] / 1000:.2f} "
            f"p99 {pair[kind]['p99_us'] / 1000:.2f} max {pair[kind]['max_us'] / 1000:.1f} ms, "
            f"{pair[kind]['transactions']} transactions"
            + (f", {pair[kind]['deleted']} rows deleted" if "deleted" in pair[kind] else "")
            for kind in KINDS
        )

    def _ratio(self, pairs, percentile, kind="with"):
        return statistics.median(
            pair[kind][percentile] / pair["without"][percentile] for pair in pairs
        )
