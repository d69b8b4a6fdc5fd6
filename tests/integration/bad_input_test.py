"""What operators get wrong in the configuration and on the command line: each gives its exit code and
one clear message, and nothing is lost."""

import os
import unittest

import osarchiver_runner
import small_sample
from refusal_case import RefusalCase


class BadConfigurationTest(RefusalCase):
    def test_unknown_key_names_the_place_and_the_nearest(self):
        self.source["retension"] = "12 months"
        self.rewrite()
        self.assert_refused(2, "osarchiver.yaml:", "retension", "retention")

    def test_wrong_type(self):
        self.source["batch_rows"] = "many"
        self.rewrite()
        self.assert_refused(2, "osarchiver.yaml:", "batch_rows")

    def test_all_problems_of_a_file_at_once(self):
        self.source["batch_rows"] = "many"
        self.source["retension"] = "12 months"
        self.settings["destinations"]["files"]["formats"] = ["sql", "xml"]
        self.rewrite()
        result = self.assert_refused(2, "batch_rows")
        for word in ("retension", "xml"):
            self.assertIn(word, result.stderr)

    def test_missing_reference(self):
        self.settings["archivers"]["main"]["destinations"] = ["file"]
        self.rewrite()
        self.assert_refused(2, "file", "files")

    def test_archiver_without_destination(self):
        self.settings["archivers"]["main"]["destinations"] = []
        self.rewrite()
        self.assert_refused(2, "main", "destination")

    def test_misspelt_destination_key_is_not_no_destination(self):
        archiver = self.settings["archivers"]["main"]
        archiver["dest"] = archiver.pop("destinations")
        self.rewrite()
        self.assert_refused(2, "dest", "destinations")

    def test_two_destinations_at_one_place(self):
        self.settings["destinations"]["more"] = dict(self.settings["destinations"]["files"])
        self.settings["archivers"]["main"]["destinations"].append("more")
        self.rewrite()
        self.assert_refused(2, "files", "more")

    def test_password_that_others_can_read(self):
        self.source["password"] = "secret"
        self.rewrite()
        os.chmod(self.config, 0o644)
        result = self.assert_refused(2, "osarchiver.yaml", "read")
        self.assertNotIn("secret", result.stderr)

    def test_option_file_that_others_can_read(self):
        path = os.path.join(self.directory, "client.cnf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"[client]\nuser=root\npassword=secret\nsocket={self.db.socket}\n")
        os.chmod(path, 0o644)
        del self.source["user"], self.source["socket"]
        self.source["option_file"] = path
        self.rewrite()
        result = self.assert_refused(2, "client.cnf")
        self.assertNotIn("secret", result.stderr)
        # With the right mode the file is read; the server then refuses its password.
        os.chmod(path, 0o600)
        result = self.assert_refused(1, "Access denied", command=("check",))
        self.assertNotIn("secret", result.stderr)

    def test_option_file_that_is_not_there(self):
        del self.source["user"], self.source["socket"]
        self.source["option_file"] = os.path.join(self.directory, "none.cnf")
        self.rewrite()
        self.assert_refused(2, "none.cnf")

    def test_configuration_that_is_not_there(self):
        result = osarchiver_runner.run("/nonexistent/osarchiver.yaml", "run")
        self.assertEqual(result.code, 2)
        self.assertIn("/nonexistent/osarchiver.yaml", result.stderr)

    def test_unset_environment_variable(self):
        self.source["password"] = "${OSARCHIVER_TEST_UNSET}"
        self.rewrite()
        self.assert_refused(2, "OSARCHIVER_TEST_UNSET")

    def test_invalid_expression(self):
        self.source["exclude_tables"] = ["/shadow_(/"]
        self.rewrite()
        self.assert_refused(2, "shadow_(")

    def test_short_retention_has_to_be_meant(self):
        self.source["retention"] = "1 hour"
        self.rewrite()
        self.assert_refused(2, "retention", "allow_short_retention")
        self.source["allow_short_retention"] = True
        self.rewrite()
        self.run_archiver()

    def test_unknown_command_option_and_archiver(self):
        result = self.assert_refused(2, "rum", command=("rum",))
        self.assertIn("did you mean 'run'?", result.stderr)
        self.assert_refused(2, "dry", command=("run", "--dry"))
        self.assert_refused(2, "mian", command=("run", "mian"))
        self.assert_refused(2, "--max-runtime", command=("run", "--max-runtime", "soon"))
        self.assert_refused(2, "--table", command=("run", "--table", "labels"))

    def test_a_word_too_many_is_never_ignored(self):
        for command, text in (
            (("rebuild-journal", "main"), "unexpected 'main'"),
            (("failpoints", "all"), "unexpected 'all'"),
            (("restore", "--run", "1", "small.servers"), "unexpected 'small.servers'"),
            (("restore", "--run", "1", "--socket", "/x", "--user", "u"), "--socket goes with --file"),
            (("restore", "--file", "x.zst", "--hold"), "--hold needs the journal"),
            (("verify", "--file", "x.zst", "--run", "1"), "--run goes without --file"),
            (("run", "--config", "x"), "unrecognised option '--config'"),
        ):
            self.assert_refused(2, text, command=command)

    def test_patterns_of_dependents_and_databases_that_match_nothing_are_warnings(self):
        self.source["dependents"] = {"server_tagz": "archive"}
        self.source["exclude_databases"] = ["nope*"]
        self.rewrite()
        said = self.run_archiver("--dry-run").stdout
        self.assertIn("dependents: 'server_tagz' matches no table", said)
        self.assertIn("exclude_databases: 'nope*' matches no database", said)

    def test_no_table_that_qualifies_is_a_warning(self):
        self.source["deleted_column"] = "removed_at"
        self.rewrite()
        said = self.run_archiver().stderr
        self.assertIn("no table qualifies", said)
        self.assertIn("removed_at", said)

    def test_pattern_that_matches_nothing_is_a_warning(self):
        self.source["exclude_tables"] = ["shadow_*"]
        self.rewrite()
        result = self.run_archiver()
        self.assertIn("shadow_*", result.stderr)
        self.assert_archived(self.before, small_sample.ELIGIBLE)

    def test_database_or_table_that_does_not_exist(self):
        self.source["databases"] = ["small", "smal"]
        self.rewrite()
        result = self.osarchiver("run", code=None)
        self.assertIn(result.code, (1, 2), result.stderr)
        self.assertIn("smal", result.stderr)
        self.assert_nothing_lost(self.before)
        self.source["databases"] = ["small"]
        self.source["tables"] = ["lables"]
        self.rewrite()
        result = self.osarchiver("check", code=None)
        self.assertIn(result.code, (1, 2), result.stdout)
        self.assertIn("lables", result.stderr)

    def test_check_shows_all_problems_at_once(self):
        self.source["databases"] = ["small", "smal"]
        self.settings["destinations"]["files"]["directory"] = "/proc/archives"
        history = self.settings["destinations"]["history"]
        history.update(socket="/nonexistent/mysql.sock")
        self.settings["sources"]["far"] = {**self.source, "socket": "/nonexistent/far.sock"}
        self.settings["archivers"]["main"]["sources"].append("far")
        with open(self.state, "w", encoding="utf-8") as file:
            file.write("this is no journal, and long enough to be read as a header " * 20)
        self.rewrite()
        result = self.osarchiver("check", code=None)
        self.assertNotEqual(result.code, 0)
        text = result.stderr
        for word in ("smal", "/proc/archives", "/nonexistent/mysql.sock", "/nonexistent/far.sock"):
            self.assertIn(word, text)
        self.assertIn("state.db", text)
        self.assert_untouched()


if __name__ == "__main__":
    unittest.main()
