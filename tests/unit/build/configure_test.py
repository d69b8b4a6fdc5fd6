"""The configure step fails when a test would silently never run."""

import os
import shutil
import subprocess
import tempfile
import unittest

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))


class ConfigureTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="osa-configure-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.tree = os.path.join(self.directory, "tree")
        shutil.copytree(
            REPOSITORY, self.tree, ignore=shutil.ignore_patterns("build", ".git", "__pycache__")
        )

    def add(self, path, text=""):
        path = os.path.join(self.tree, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)

    def configure(self):
        """Configures the tree. Returns the exit code and everything that was said."""
        result = subprocess.run(
            ["cmake", "-S", self.tree, "-B", os.path.join(self.directory, "build"), "-G", "Ninja"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return result.returncode, result.stdout

    def assert_refused(self, *texts):
        code, output = self.configure()
        self.assertNotEqual(code, 0, output)
        for text in texts:
            self.assertIn(text, " ".join(output.split()))

    def test_files_that_no_target_names(self):
        self.assertEqual(self.configure()[0], 0)
        self.add("tests/unit/util/stray_test.cc")
        self.add("tests/fault/more_cases.cc")
        self.add("tests/unit/forgotten/directory_test.cc")
        self.add("tests/integration/stray_test.py", "unittest.main()\n")
        self.add("tests/fault/named_otherwise.py", "if x:\n    unittest.main()\n")
        self.assert_refused(
            "unit/util/stray_test.cc is in no target",
            "fault/more_cases.cc is in no target",
            "unit/forgotten/directory_test.cc is in no target",
            "integration/stray_test.py is in no target",
            "fault/named_otherwise.py is in no target",
        )

    def test_python_test_that_runs_nothing(self):
        self.add("tests/unit/build/quiet_test.py", "import unittest\n")
        self.add(
            "tests/unit/build/CMakeLists.txt",
            "osarchiver_python_test(quiet_test LABEL unit FILE quiet_test.py)\n",
        )
        self.assert_refused("quiet_test.py does not call unittest.main()")

    def test_label_that_nobody_runs(self):
        self.add(
            "tests/unit/build/CMakeLists.txt",
            "osarchiver_python_test(again_test LABEL units FILE configure_test.py)\n",
        )
        self.assert_refused("again_test has the label 'units'")


if __name__ == "__main__":
    unittest.main()
