"""A file that proves damaged when it is sealed, which is while the last rows are deleted."""

import os
import unittest

from throttle_case import ThrottleCase

# Into the footer, which was synced just now; the batches stay whole.
FLIP = """
for file in "$1"/*/*/*.sql.zst; do
  [ -f "$file" ] || continue
  chmod u+w "$file"
  printf '#' | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") - 40)) conv=notrunc status=none
done
"""


class SealingDamageTest(ThrottleCase):
    def damage_when_sealed(self, formats=("sql",), per_row_s=0.002, batch_rows=100, **throttle):
        """A run whose SQL segment is damaged between the sync of the footer and its being read
        back. Returns its result."""
        self.before = self.fill(self.db, 1000, per_row_s)
        self.configure(
            ["slow"],
            archive=False,
            formats=formats,
            source_settings={
                "batch_rows": batch_rows,
                "throttle": {"yield": False, **throttle},
                "allow_delete_triggers": True,
            },
        )
        script = os.path.join(self.directory, "flip.sh")
        with open(script, "w", encoding="utf-8") as file:
            file.write(FLIP)
        archives = os.path.join(self.directory, "archives")
        return self.run_archiver(
            code=3, failpoints=f"file-mode-after=run:sh {script} {archives}"
        )

    def test_rows_that_are_not_deleted_yet_stay(self):
        for formats in (["sql"], ["sql", "csv"]):
            with self.subTest(formats=formats):
                result = self.damage_when_sealed(formats)
                self.assertIn("reads back differently than it was sealed", result.stderr)
                left = self.rows_left(self.db)
                self.assertGreaterEqual(left, 100)
                # The batches of the file that was put aside are whole, those whose rows are gone
                # as well as those whose deletion was announced.
                self.run_archiver()
                self.assertEqual(self.rows_left(self.db), 0)
                self.assert_nothing_lost(self.before, formats=formats)
                self.osarchiver("verify")
                self.run_archiver()
                self.doCleanups()
                self.setUp()

    def test_a_batch_that_waits_for_the_server_stays(self):
        result = self.damage_when_sealed(per_row_s=0, batch_rows=1000, max_rows_per_second=100)
        self.assertIn("reads back differently than it was sealed", result.stderr)
        self.assertGreaterEqual(self.rows_left(self.db), 700)
        self.source["throttle"] = {}
        self.rewrite()
        self.run_archiver()
        self.assertEqual(self.rows_left(self.db), 0)
        self.assert_nothing_lost(self.before, formats=("sql",))


if __name__ == "__main__":
    unittest.main()
