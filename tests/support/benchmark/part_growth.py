"""Growth: ten times the rows take ten times the time, and no more memory."""

from benchmark.instances import Instances, default_buffer_pool
from benchmark.lab import medians
from benchmark.movers import Movers
from benchmark.plot import line_plot

PEAK_MB = 150


class Growth:
    name = "growth"
    summary = "time and memory as the table grows"

    def run(self, lab):
        options = lab.options
        sizes = sorted(options.sizes)
        names = ["osa-files"] if options.without_peers else ["delete", "osa-files"]
        by_size = {}
        for rows in sizes:
            pool = options.buffer_pool or default_buffer_pool(rows)
            with lab.place() as directory, Instances(
                directory, rows, pool, options.cache
            ) as table:
                lab.say(f"  {rows} rows, {table.eligible} eligible")
                by_size[rows] = medians(
                    lab.alternate(Movers(table).contestants(names), options.growth_rounds)
                )
        lab.keep("by_size", by_size)
        for rows, middle in by_size.items():
            for name, row in middle.items():
                lab.say(
                    f"  {rows:9} {name:10} {row['wall_s']:8.2f} s, CPU {row['cpu_s']:7.2f} s, peak"
                    f" {row['rss_bytes'] / 2**20:4.0f} MiB, written {row['written_bytes'] / 1e6:.0f} MB"
                )
        for small, large in zip(sizes, sizes[1:]):
            self._compare(lab, small, by_size[small], large, by_size[large])
        first, last = (by_size[size]["osa-files"]["rss_bytes"] for size in (sizes[0], sizes[-1]))
        lab.bar(f"peak memory, {sizes[-1]} : {sizes[0]} rows", last / first, 1.1, unit=" x")
        lab.bar(f"peak memory, {sizes[-1]} rows", last / 1e6, PEAK_MB, unit=" MB")
        if options.plot:
            series = {
                name: [(rows, by_size[rows][name]["wall_s"]) for rows in sizes] for name in names
            }
            with open(options.plot, "w", encoding="utf-8") as file:
                file.write(line_plot(series, "rows in the table", "seconds"))

    def _compare(self, lab, small, small_middle, large, large_middle):
        times = large / small
        factor = large_middle["osa-files"]["wall_s"] / small_middle["osa-files"]["wall_s"]
        note = ""
        if "delete" in small_middle:
            bare = large_middle["delete"]["wall_s"] / small_middle["delete"]["wall_s"]
            note = f"the bare DELETE: {bare:.2f} x"
        lab.bar(
            f"time of {large} : {small} rows",
            factor,
            1.1 * times,
            least=0.9 * times,
            unit=" x",
            note=note,
        )
