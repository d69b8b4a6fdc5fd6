"""A session of the source whose binary log holds keys instead of whole rows: replicas follow, what
is compared and archived is the same, and less is written."""

import unittest

import independent_check
import small_sample
from archiver_case import ArchiverCase
from replica_pair import ReplicaPair


class RowImageTest(ArchiverCase):
    def test_replicas_delete_the_same_rows(self):
        written = {}
        for image in ("FULL", "MINIMAL"):
            with self.subTest(image=image):
                pair = ReplicaPair()
                self.addCleanup(pair.close)
                pair.primary.sql(small_sample.statements())
                pair.catch_up()
                before = independent_check.snapshot(pair.primary, databases=["small"])
                self.tearDown()
                self.setUp()
                self.configure(archive=False)
                self.source.update(socket=pair.primary.socket, session={"binlog_row_image": image})
                self.rewrite()
                start = self.position(pair.primary)
                self.run_archiver()
                written[image] = self.position(pair.primary) - start
                pair.catch_up()
                for server in (pair.primary, pair.replica):
                    self.assertEqual(
                        independent_check.check(
                            before, server, files=self.archives, scratch=self.db
                        ),
                        [],
                    )
                self.verify()
        self.assertLess(written["MINIMAL"], written["FULL"])

    @staticmethod
    def position(server):
        return int(server.query("SHOW MASTER STATUS")[0][1])


if __name__ == "__main__":
    unittest.main()
