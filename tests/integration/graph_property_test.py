"""Random graphs of foreign keys against a model, as many as fit into a minute (tools/graph-test has
the long run). OSARCHIVER_SEED=N begins with that seed."""

import os
import time
import unittest

import graph_search

SECONDS = 55
LEAST_GRAPHS = 50
# Seeds of graphs that found something, in the order of the commits that mended it.
FOUND_BEFORE = (902532, 920960, 932826, 1795791327)


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

    def test_what_was_found_before_is_not_found_again(self):
        for seed in FOUND_BEFORE:
            with self.subTest(seed):
                found = graph_search.search(seed, count=1, jobs=1)
                self.assertEqual(found.failures, [])
                self.assertEqual(found.graphs, 1)


if __name__ == "__main__":
    unittest.main()
