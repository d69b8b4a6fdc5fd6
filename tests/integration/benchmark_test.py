"""tools/benchmark on tables so small that its figures mean nothing: it runs, checks its contestants
and judges its bars."""

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
import xml.etree.ElementTree

import measure
import osarchiver_runner
from benchmark import part_status
from benchmark.lab import Lab, medians
from benchmark.plot import line_plot
from benchmark.processors import halves, pin

BENCHMARK = os.path.join(osarchiver_runner.REPOSITORY, "tools", "benchmark")


class BenchmarkTest(unittest.TestCase):
    def setUp(self):
        # Bytes that servers write are counted, which a file system in memory has none of.
        holder = tempfile.TemporaryDirectory(prefix="osa-benchmark-test-", dir="/var/tmp")
        self.addCleanup(holder.cleanup)
        self.directory = holder.name

    def path(self, name):
        return os.path.join(self.directory, name)

    def benchmark(self, *arguments):
        command = [sys.executable, "-B", BENCHMARK, "--rounds", "1", "--growth-rounds", "1"]
        command += ["--directory", self.directory, "--json", self.path("json"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
        # A bar may be missed on a busy machine; anything else is an error.
        self.assertIn(done.returncode, (0, 1), done.stdout + done.stderr)
        self.assertEqual(done.stderr, "")
        with open(self.path("json"), encoding="utf-8") as file:
            return json.load(file)

    def test_osarchiver_and_the_bare_delete_move_the_same_rows(self):
        found = self.benchmark(
            "--case", "moving", "--rows", "1000", "--only", "delete,compared,served,osa-files,osa-db,insert"
        )
        runs = found["cases"]["moving"]["runs"]
        self.assertEqual(found["cases"]["moving"]["eligible"], 600)
        self.assertGreater(runs["osa-files"][0]["archive_bytes"], 10000)
        self.assertGreater(runs["osa-files"][0]["server_bytes"], 0)
        what = [bar["what"] for bar in found["bars"]]
        self.assertEqual(what[:2], ["osa-files : delete", "osa-db : insert"])

    def test_server_and_clients_keep_to_processors_of_their_own(self):
        found = self.benchmark("--case", "moving", "--rows", "1000", "--only", "osa-files", "--apart")
        self.assertTrue(found["cases"]["moving"]["apart"])
        self.assertEqual(len(found["cases"]["moving"]["runs"]["osa-files"]), 1)

    def test_growth_is_measured_and_drawn(self):
        found = self.benchmark(
            "--case", "growth", "--sizes", "100,1000", "--plot", self.path("svg"), "--without-peers"
        )
        self.assertEqual(list(found["cases"]["growth"]["by_size"]), ["100", "1000"])
        root = xml.etree.ElementTree.parse(self.path("svg")).getroot()
        self.assertTrue(root.tag.endswith("svg"))

    def test_journal_and_verify_are_measured(self):
        found = self.benchmark("--case", "journal,verify", "--rows", "1000")
        what = {bar["what"]: bar["value"] for bar in found["bars"]}
        self.assertEqual(len(what), 4)
        self.assertTrue(0 < what["time inside the journal's calls"] < 100)
        self.assertGreater(what["journal per million kept rows"], 16)

    def test_a_line_for_each_series(self):
        text = line_plot({"a<b": [(1, 0.5), (10, 5)], "c": [(1, 1)]}, "x", "y")
        xml.etree.ElementTree.fromstring(text)
        self.assertEqual(text.count("<polyline"), 2)
        self.assertIn("a&lt;b", text)


class ProcessorsTest(unittest.TestCase):
    def test_halves_are_given_and_taken_back(self):
        before = os.sched_getaffinity(0)
        if len(before) < 2:
            with self.assertRaises(OSError), halves():
                pass
            return
        with halves() as servers:
            clients = os.sched_getaffinity(0)
            self.assertEqual(servers | clients, before)
            self.assertFalse(servers & clients)
            with subprocess.Popen(["sleep", "60"]) as child:
                self.assertEqual(os.sched_getaffinity(child.pid), clients)
                pin(child.pid, servers)
                self.assertEqual(os.sched_getaffinity(child.pid), servers)
                child.kill()
        self.assertEqual(os.sched_getaffinity(0), before)


class LabTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab(argparse.Namespace(rounds=2, directory=None))
        self.addCleanup(self.lab.close)
        said = contextlib.redirect_stdout(io.StringIO())
        self.said = said.__enter__()
        self.addCleanup(said.__exit__, None, None, None)

    def test_bars_have_two_sides(self):
        self.lab.bar("a", 1.3, 1.3)
        self.lab.bar("b", 1.31, 1.3)
        self.lab.bar("c", 8.9, 11, least=9)
        self.lab.bar("d", 9, 11, least=9)
        self.assertEqual([bar["ok"] for bar in self.lab.bars], [True, False, False, True])
        self.assertIn("MISSED b: 1.31", self.said.getvalue())

    def test_a_journal_is_made_old(self):
        self.lab.part = "status"
        self.lab.options.rounds = 1
        with unittest.mock.patch.dict(part_status.RUNS, {"young": 2, "old": 30}):
            part_status.Status().run(self.lab)
        self.assertEqual(len(self.lab.bars), 1)

    def test_contestants_take_turns(self):
        order = []

        def contestant(name):
            order.append(name)
            return {"wall_s": float(len(order)), "text": "x"}

        results = self.lab.alternate(
            {name: (lambda name=name: contestant(name)) for name in "abc"}, rounds=3
        )
        self.assertEqual("".join(order), "abccbaabc")
        self.assertEqual(medians(results)["a"], {"wall_s": 6.0})


class MeasureTest(unittest.TestCase):
    def test_the_peak_is_the_programs_own(self):
        held = bytearray(os.urandom(1) * (200 << 20))
        result = measure.run(["sh", "-c", "echo said; exit 3"])
        self.assertEqual((result["code"], result["output"]), (3, "said\n"))
        self.assertLess(result["rss_bytes"], 30 << 20)
        self.assertEqual(len(held), 200 << 20)

    def test_what_was_written_is_counted(self):
        with tempfile.NamedTemporaryFile(dir=os.path.expanduser("~")) as file:
            size = 1 << 20
            result = measure.run(
                ["dd", "if=/dev/zero", "of=" + file.name, f"bs={size}", "count=3", "conv=fsync"]
            )
        self.assertGreaterEqual(result["written_bytes"], 3 * size)

    def test_a_missing_program_is_an_error(self):
        with self.assertRaises(OSError):
            measure.run(["/no/such/program"])


if __name__ == "__main__":
    unittest.main()
