"""Speed: osarchiver and its peers move the same rows."""

import contextlib
import os

from benchmark.instances import Instances, default_buffer_pool
from benchmark.lab import medians
from benchmark.movers import PEERS, Movers
from benchmark.processors import halves

NAMES = (
    "delete",
    "compared",
    "served",
    "pt-file",
    "osa-files",
    "osa-files2",
    "pt-db",
    "osa-db",
    "insert",
)
# (contestant, against, the ratio of times that must hold)
RATIOS = [
    ("osa-files", "delete", 1.3),
    ("osa-files2", "delete", 1.0),
    ("osa-files", "pt-file", 0.6),
    ("osa-db", "insert", 1.3),
    ("osa-db", "pt-db", 0.75),
]
CPU_PER_GB = 25


class Moving:
    name = "moving"
    summary = "the same rows moved by osarchiver and its peers"

    def run(self, lab):
        options = lab.options
        names = [name for name in NAMES if not options.only or name in options.only]
        if options.peers_only:
            names = [name for name in names if name in PEERS]
        pool = options.buffer_pool or default_buffer_pool(options.rows)
        with contextlib.ExitStack() as stack:
            directory = stack.enter_context(lab.place())
            servers_half = stack.enter_context(halves()) if options.apart else None
            table = stack.enter_context(
                Instances(directory, options.rows, pool, options.cache, servers_half)
            )
            lab.say(
                f"  {table.rows} rows, {table.eligible} eligible with "
                f"{table.eligible_bytes / 1e6:.0f} MB of values"
            )
            if servers_half:
                lab.say("  the source server keeps to one half of the processors, all else to the other")
            results = lab.alternate(Movers(table).contestants(names))
            middle = medians(results)
            print_table(lab, results, middle, table.eligible)
            lab.keep("rows", table.rows)
            lab.keep("eligible", table.eligible)
            lab.keep("eligible_bytes", table.eligible_bytes)
            lab.keep("apart", options.apart)
            lab.keep("runs", results)
            for name, against, most in RATIOS:
                if name in middle and against in middle:
                    lab.bar(
                        f"{name} : {against}",
                        middle[name]["wall_s"] / middle[against]["wall_s"],
                        most,
                        unit=" x",
                    )
            if not options.apart:
                say_limits(lab, middle)
            if "osa-files" in middle:
                lab.bar(
                    "client CPU per GB of values, SQL + CSV",
                    middle["osa-files"]["cpu_s"] / (table.eligible_bytes / 1e9),
                    CPU_PER_GB,
                    unit=" s",
                )


def say_limits(lab, middle):
    """What the machine allows: no run ends before its processors have done its work, and none that
    compares what it deletes ends before the server has deleted and returned the rows."""
    if "delete" not in middle:
        return
    floor, processors = middle["delete"]["wall_s"], os.cpu_count()
    for name in ("osa-files", "osa-files2", "osa-db"):
        if name not in middle:
            continue
        work = middle[name]["cpu_s"] + middle[name]["server_cpu_s"]
        lab.say(
            f"  {name}: with all {processors} processors busy to the end its work takes "
            f"{work / processors / floor:.2f} x the time of delete, which itself keeps "
            f"{middle['delete']['server_cpu_s'] / floor:.2f} of them busy"
        )
    for name, what in (
        ("compared", "deleting by key and returning the rows"),
        ("served", "the same while another client reads the rows"),
    ):
        if name in middle:
            lab.say(
                f"  {what}, without any archive: {middle[name]['wall_s'] / floor:.2f} x the time "
                f"of delete, {middle[name]['server_cpu_s']:.1f} s of the server's processors to "
                f"{middle['delete']['server_cpu_s']:.1f}"
            )


def print_table(lab, results, middle, eligible):
    lab.say(
        f"  {'':12} {'wall s':>8} {'min':>7} {'max':>7} {'rows/s':>8} {'CPU s':>7} {'server CPU':>11}"
        f" {'peak MiB':>9} {'written MB':>11} {'archive MB':>11} {'server MB':>10}"
    )
    for name, runs in results.items():
        walls, row = [run["wall_s"] for run in runs], middle[name]
        lab.say(
            f"  {name:12} {row['wall_s']:8.2f} {min(walls):7.2f} {max(walls):7.2f}"
            f" {eligible / row['wall_s']:8.0f} {row['cpu_s']:7.2f} {row['server_cpu_s']:11.2f}"
            f" {row['rss_bytes'] / 2**20:9.0f} {row['written_bytes'] / 1e6:11.1f}"
            f" {row['archive_bytes'] / 1e6:11.1f} {row['server_bytes'] / 1e6:10.1f}"
        )
