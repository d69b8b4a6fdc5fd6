"""The journal: what it takes of a run's time, what kept rows take of the disk, and what a night
costs on which nothing is new."""

import os
import re

import osarchiver_runner
from benchmark.instances import Instances, default_buffer_pool
from benchmark.lab import Failed, medians

SHARE_PERCENT = 3
MB_PER_MILLION_KEPT = 64
IDLE_NIGHT = 2


class JournalCost:
    name = "journal"
    summary = "time and bytes of the journal, and nights without news"

    def run(self, lab):
        options = lab.options
        pool = options.buffer_pool or default_buffer_pool(options.rows)
        with lab.place() as directory, Instances(
            directory, options.rows, pool, options.cache
        ) as table:
            runs = [self._share(table) for _ in range(lab.rounds)]
            share = medians({"run": runs})["run"]["journal_share"]
            lab.keep("runs", runs)
            lab.bar("time inside the journal's calls", 100 * share, SHARE_PERCENT, unit=" %")
            self._nights(lab, table)

    def _share(self, table):
        """One run that moves everything, and the part of its time that the journal took."""
        table.reset()
        log = os.path.join(table.output, "log")
        config = table.configure(log={"level": "debug", "file": log})
        result = table.measured(osarchiver_runner.command_line(config, "run"))
        table.require_archived(result, None)
        del result["output"]
        with open(log, encoding="utf-8") as file:
            found = re.search(r"journal: ([0-9.]+) s inside its calls", file.read())
        if found is None:
            raise Failed("the log does not say how long the journal took")
        result["journal_share"] = float(found.group(1)) / result["wall_s"]
        return result

    def _nights(self, lab, table):
        table.reset()
        config = table.configure(source_settings={"delete": False})
        table.measured(osarchiver_runner.command_line(config, "run"))
        kept = table.eligible
        size = os.path.getsize(os.path.join(table.output, "state.db"))
        lab.bar(
            "journal per million kept rows", size / kept, MB_PER_MILLION_KEPT, unit=" MB"
        )
        base = table.source.client("--batch", "--quick", "nova")
        contestants = {
            "night": lambda: self._idle_night(table, config, size),
            "rows": lambda: self._read(table, base, "*"),
            "keys": lambda: self._read(table, base, "id"),
        }
        results = lab.alternate(contestants)
        middle = medians(results)
        lab.keep("nights", results)
        of_keys = middle["night"]["wall_s"] / middle["keys"]["wall_s"]
        # Whether a row changed shows only in the row, so that it is the rows that are read.
        lab.bar(
            "night without news : reading the rows of the same keys",
            middle["night"]["wall_s"] / middle["rows"]["wall_s"],
            IDLE_NIGHT,
            unit=" x",
            note=f"reading the keys alone: {of_keys:.2f} x",
        )

    def _idle_night(self, table, config, size):
        result = table.measured(osarchiver_runner.command_line(config, "run"))
        grown = os.path.getsize(os.path.join(table.output, "state.db")) - size
        if grown > 1 << 20:
            raise Failed(f"a night without news made the journal {grown} bytes larger")
        return {key: value for key, value in result.items() if key != "output"}

    def _read(self, table, client, columns):
        path = os.path.join(table.directory, "read.sql")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"SELECT {columns} FROM instances WHERE {table.where} ORDER BY id;\n")
        # Through a shell, so that what is read is kept nowhere.
        result = table.measured(["sh", "-c", '"$@" >/dev/null', "sh", *client], path)
        return {key: value for key, value in result.items() if key != "output"}
