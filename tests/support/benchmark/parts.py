"""All parts of the benchmark, in the order in which they run. A new one is a line here."""

from benchmark.part_beside import Beside
from benchmark.part_blocked import Blocked
from benchmark.part_growth import Growth
from benchmark.part_journal import JournalCost
from benchmark.part_moving import Moving
from benchmark.part_restore import Restore
from benchmark.part_sparse import Sparse
from benchmark.part_status import Status
from benchmark.part_verify import Verifying

PARTS = [
    Moving(),
    Growth(),
    Blocked(),
    Restore(),
    Sparse(),
    Beside(),
    JournalCost(),
    Verifying(),
    Status(),
]
