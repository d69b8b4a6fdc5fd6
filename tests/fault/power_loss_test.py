"""The model of a disk that forgets: what it keeps, and that a lost sync shows."""

import os
import random
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import crash_sample
from bench import Bench, Failed
from power_loss import Disk, recording

WRITER = """
import os, sys
os.chdir("/")
root = sys.argv[1]
def create(name, text, sync):
    descriptor = os.open(f"{root}/{name}", os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o640)
    os.write(descriptor, text)
    if sync:
        os.fsync(descriptor)
    return descriptor
def sync_names(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
kept = create("kept", b"one", True)
create("renamed", b"two", True)
create("empty", b"lost", False)
os.mkdir(f"{root}/directory")
sync_names(root)
os.write(kept, b"behind the sync")
os.pwrite(kept, b"O", 0)
create("nameless", b"synced, but not its name", True)
create("directory/nameless", b"", True)
os.rename(f"{root}/renamed", f"{root}/other")
os.unlink(f"{root}/before")
os.ftruncate(kept, 2)
"""


def contents(root):
    found = {}
    for directory, _, names in os.walk(root):
        for name in names:
            path = os.path.join(directory, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, root)] = file.read()
    return found


class DiskTest(unittest.TestCase):
    def setUp(self):
        base = tempfile.TemporaryDirectory(prefix="osa-disk-")
        self.addCleanup(base.cleanup)
        self.root = os.path.join(base.name, "root")
        os.mkdir(self.root)
        with open(os.path.join(self.root, "before"), "wb") as file:
            file.write(b"was there")
        self.disk = Disk(self.root)
        log = os.path.join(base.name, "log")
        command = [*recording(log), sys.executable, "-c", WRITER, self.root]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        self.disk.apply(log)

    def test_shows_what_the_kernel_shows(self):
        self.assertEqual(self.disk.differences(), [])
        os.truncate(os.path.join(self.root, "kept"), 1)
        self.assertEqual(self.disk.differences(), [os.path.join(self.root, "kept")])

    def test_keeps_what_was_synced_and_no_more(self):
        self.disk.lose()
        self.assertEqual(
            contents(self.root),
            {"before": b"was there", "kept": b"one", "renamed": b"two", "empty": b""},
        )
        self.assertTrue(os.path.isdir(os.path.join(self.root, "directory")))

    def test_keeps_any_part_of_the_rest(self):
        self.disk.lose(random.Random(3))
        self.assertIn("kept", contents(self.root))


class SyncsAtOnceTest(unittest.TestCase):
    """Logs of two threads, of which the second begins later and is done sooner."""

    def keeps(self, *lines):
        with tempfile.TemporaryDirectory(prefix="osa-disk-") as base:
            root = os.path.join(base, "root")
            os.mkdir(root)
            disk = Disk(root)
            log = os.path.join(base, "log")
            with open(log, "w", encoding="ascii") as file:
                for line in lines:
                    line = re.sub(
                        '"([^"]*)"',
                        lambda text: '"' + "".join(f"\\x{byte:02x}" for byte in text[1].encode()) + '"',
                        line.replace("ROOT", root),
                    )
                    file.write(line + "\n")
            disk.apply(log)
            disk.lose()
            return contents(root)

    def test_of_names(self):
        kept = self.keeps(
            '1 openat(AT_FDCWD, "ROOT", O_RDONLY) = 3',
            "1 fsync(3 <unfinished ...>",
            '2 openat(AT_FDCWD, "ROOT/new", O_RDWR|O_CREAT, 0640) = 4',
            '2 openat(AT_FDCWD, "ROOT", O_RDONLY) = 5',
            "2 fsync(5) = 0",
            "1 <... fsync resumed>) = 0",
        )
        self.assertEqual(kept, {"new": b""})

    def test_of_a_descriptor_that_another_thread_gets_before_its_close_is_back(self):
        kept = self.keeps(
            '1 openat(AT_FDCWD, "ROOT", O_RDONLY) = 3',
            '2 openat(AT_FDCWD, "ROOT/new", O_RDWR|O_CREAT, 0640) = 4',
            "1 close(3 <unfinished ...>",
            '2 openat(AT_FDCWD, "ROOT", O_RDONLY) = 3',
            "1 <... close resumed>) = 0",
            "2 fsync(3) = 0",
        )
        self.assertEqual(kept, {"new": b""})

    def test_of_content(self):
        lines = [
            '1 openat(AT_FDCWD, "ROOT/file", O_RDWR|O_CREAT, 0640) = 3',
            '1 openat(AT_FDCWD, "ROOT", O_RDONLY) = 4',
            "1 fsync(4) = 0",
            '1 pwrite64(3, "ab", 2, 0) = 2',
            "1 fdatasync(3 <unfinished ...>",
            '2 pwrite64(3, "cd", 2, 2) = 2',
            "2 fdatasync(3) = 0",
            "1 <... fdatasync resumed>) = 0",
        ]
        self.assertEqual(self.keeps(*lines), {"file": b"abcd"})
        del lines[-2]
        self.assertEqual(self.keeps(*lines), {"file": b"ab"})


class LostSyncTest(unittest.TestCase):
    def test_a_disk_that_breaks_its_word_loses_rows_and_it_shows(self):
        """Otherwise the harness would find nothing, whatever osarchiver does."""
        bench = Bench()
        self.addCleanup(bench.close)
        bench.begin(tables=("labels",))
        disk = Disk(bench.directory, believes=("fdatasync",))
        log = os.path.join(bench.base, "log")
        bench.osarchiver(
            "run", prefix=recording(log), failpoints="batch-deleted=kill@2", allowed=(-9,)
        )
        disk.apply(log)
        disk.lose()
        with self.assertRaises(Failed):
            bench.finish()
        reality = bench.checker.look(bench.archives, bench.tables, (crash_sample.ARCHIVE,), [])
        gone = reality.known["labels"].keys() - reality.source["labels"].keys()
        self.assertTrue(gone - reality.files["sql"]["labels"].keys())


if __name__ == "__main__":
    unittest.main()
