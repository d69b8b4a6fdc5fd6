"""The lists that `sha256sum -c` reads: verify misses them, and the next run writes them again."""

import os
import subprocess
import unittest

from archiver_case import ArchiverCase


class ChecksumListTest(ArchiverCase):
    def setUp(self):
        super().setUp()
        self.before = self.load_small()
        self.configure()

    def lists(self):
        return [
            os.path.join(self.archives, name)
            for name in self.archive_files()
            if name.endswith(".sha256")
        ]

    def only_list(self):
        lists = self.lists()
        self.assertEqual(len(lists), 1, lists)
        return lists[0]

    def assert_accepted(self):
        for path in self.lists():
            subprocess.run(
                ["sha256sum", "--check", "--strict", "--quiet", os.path.basename(path)],
                cwd=os.path.dirname(path),
                check=True,
            )

    def assert_found(self, path, result):
        findings = [s for s in self.verify(code=3)["segments"] if s["result"] != "ok"]
        self.assertEqual([(s["path"], s["result"]) for s in findings], [(path, result)])

    def assert_found_and_mended(self, path, result, content):
        """verify, status and a dry run say what is wrong and leave it; a run mends it, once."""
        self.assert_found(path, result)
        text = self.osarchiver("verify", code=3).stdout
        self.assertIn(f"{path}: {result}", text)
        self.assertIn("next: osarchiver run", text)
        self.assertIn(path, self.osarchiver("status").stdout)
        self.run_archiver("--dry-run")
        self.assert_found(path, result)
        mended = self.run_archiver()
        self.assertIn(path, mended.stderr)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), content)
        self.assert_accepted()
        self.assertNotIn(path, self.osarchiver("status").stdout)
        self.verify()
        self.assert_silent(self.run_archiver())

    def test_missing_and_wrong_lists_are_written_again(self):
        self.run_archiver()
        path = self.only_list()
        with open(path, "rb") as file:
            content = file.read()
        os.unlink(path)
        self.assert_found_and_mended(path, "missing", content)
        first = content[:1]
        for wrong in (
            (b"0" if first != b"0" else b"1") + content[1:],
            content[: len(content) // 2],
            content + content.splitlines(keepends=True)[0].replace(b".1.", b".2."),
            b"",
        ):
            with self.subTest(wrong=wrong[:20]):
                os.chmod(path, 0o640)
                with open(path, "wb") as file:
                    file.write(wrong)
                self.assert_found_and_mended(path, "corrupt", content)
        self.assert_nothing_lost(self.before)

    def test_a_list_that_cannot_be_read_or_written_is_named(self):
        self.run_archiver()
        path = self.only_list()
        os.rename(path, path + ".away")
        os.mkdir(path)
        self.assert_found(path, "corrupt")
        self.assertIn(path, self.run_archiver(code=1).stderr)
        os.rmdir(path)
        self.run_archiver()
        self.assert_accepted()
        self.verify()

    def test_the_list_of_a_killed_run_is_due_and_not_missing(self):
        self.run_archiver(code=-9, failpoints="checksums-before=kill")
        self.assertEqual(self.lists(), [])
        self.verify()
        self.run_archiver()
        self.assertEqual(len(self.lists()), 1)
        self.assert_accepted()
        self.verify()


if __name__ == "__main__":
    unittest.main()
