"""The schemas of Cinder, Glance and Heat, as recorded from their own migrations (tools/openstack-schemas
makes them anew), filled and archived: what may leave leaves, everything else is named with its reason."""

import os
import shutil
import tempfile
import time
import unittest

import openstack_schemas
from openstack_check import OpenstackCheck
from private_mariadb import PrivateMariadb

ROWS = 100


class OpenstackSchemasTest(unittest.TestCase):
    def setUp(self):
        self.server = PrivateMariadb(profile="fast")
        self.addCleanup(self.server.close)
        for service in openstack_schemas.SERVICES:
            openstack_schemas.load(self.server, service)
        self.directory = tempfile.mkdtemp(prefix="osa-test-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def check(self, dependents):
        seed = int(os.environ.get("OSARCHIVER_SEED") or time.time())
        check = OpenstackCheck(self.server, self.directory, dependents, ROWS, seed)
        counts = check.run()
        print(f"seed {seed}: {check.total()} rows, {counts}", flush=True)
        self.assertEqual(check.problems, [])
        self.assertEqual(counts["deleted"], counts["reported"])
        self.assertGreater(counts["deleted"], 500)
        self.assertGreater(counts["blocked"], 0)

    def test_what_may_leave_leaves(self):
        self.check("block")

    def test_children_without_the_column_go_with_their_parents(self):
        self.check("archive")


if __name__ == "__main__":
    unittest.main()
