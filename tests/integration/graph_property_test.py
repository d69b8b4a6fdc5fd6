"""Random graphs of foreign keys against a model, as many as fit into a minute (tools/graph-test has
the long run). OSARCHIVER_SEED=N begins with that seed."""

import os
import time
import unittest

import graph_search

SECONDS = 55
LEAST_GRAPHS = 50


class GraphPropertyTest(unittest.TestCase):
    def test_exactly_what_may_leave_leaves_and_is_archived_once(self):
        seed = int(os.environ.get("OSARCHIVER_SEED") or time.time())
        found = graph_search.search(seed, seconds=SECONDS, jobs=2)
        print(found.summary(), flush=True)
        self.assertEqual(found.failures, [])
        self.assertGreaterEqual(found.graphs, LEAST_GRAPHS)
        # The graphs are no use when nothing leaves, or nothing is held back.
        self.assertGreater(found.deleted, found.graphs)
        self.assertGreater(found.blocked, found.graphs)


if __name__ == "__main__":
    unittest.main()
