"""Proving past archives: verify, and what only reads the same bytes."""

import os
import shutil

import osarchiver_runner
from benchmark.instances import Instances, default_buffer_pool
from benchmark.lab import Failed, medians

RATIO = 3


class Verifying:
    name = "verify"
    summary = "verify of past SQL segments, and zstdcat | sha256sum of the same files"

    def run(self, lab):
        options = lab.options
        pool = options.buffer_pool or default_buffer_pool(options.rows)
        with lab.place() as directory:
            with Instances(directory, options.rows, pool, options.cache) as table:
                table.reset()
                config = table.configure(formats=["sql"])
                table.measured(osarchiver_runner.command_line(config, "run"))
                # The server would disturb, and is not needed any more.
                table.source.kill9()
                shutil.rmtree(table.source.data)
                results = lab.alternate(
                    {
                        "verify": lambda: self._verify(table, config),
                        "sha256sum": lambda: self._sum(table),
                    }
                )
        middle = medians(results)
        lab.keep("runs", results)
        lab.bar(
            "verify of SQL segments : zstdcat | sha256sum",
            middle["verify"]["wall_s"] / middle["sha256sum"]["wall_s"],
            RATIO,
            unit=" x",
            note=f"CPU {middle['verify']['cpu_s']:.2f} s and {middle['sha256sum']['cpu_s']:.2f} s",
        )

    def _verify(self, table, config):
        result = table.measured(osarchiver_runner.command_line(config, "verify"))
        if f"{table.eligible:,} rows".replace(",", " ") not in result["output"].replace(",", " "):
            raise Failed(f"verify did not see {table.eligible} rows:\n{result['output']}")
        del result["output"]
        return result

    def _sum(self, table):
        files = [
            os.path.join(path, name)
            for path, _, names in os.walk(table.output)
            for name in names
            if name.endswith(".sql.zst")
        ]
        result = table.measured(
            ["sh", "-c", 'for file; do zstdcat "$file" | sha256sum; done', "sh", *sorted(files)]
        )
        del result["output"]
        return result
