"""A primary and a replica of it (GTID, row-based) on loopback, and the ways to make it lag."""

import subprocess
import time

from private_mariadb import PrivateMariadb


class ReplicaPair:
    """`primary` and `replica` are PrivateMariadb servers. Replication runs when it is made."""

    def __init__(self, profile="fast"):
        log = ["--log-bin=binlog", "--binlog-format=ROW", "--log-slave-updates"]
        self.primary = PrivateMariadb(
            profile=profile, port=0, extra=[*log, "--server-id=1", "--gtid-domain-id=1"]
        )
        self.replica = PrivateMariadb(
            profile=profile,
            port=0,
            extra=[*log, "--server-id=2", "--relay-log=relay", "--slave-net-timeout=5"],
        )
        self._lock = None
        self.primary.create_user("repl", "repl", "REPLICATION SLAVE ON *.*")
        self.replica.sql(
            "CHANGE MASTER TO master_host='127.0.0.1', "
            f"master_port={self.primary.port}, master_user='repl', master_password='repl', "
            "master_use_gtid=slave_pos, master_connect_retry=1; START SLAVE"
        )
        self.catch_up()

    def close(self):
        self.unlock()
        self.replica.close()
        self.primary.close()

    def catch_up(self):
        """Ordinary replication again, up to where the primary is now."""
        self.replica.sql("STOP SLAVE; CHANGE MASTER TO master_delay=0; START SLAVE")
        position = self.primary.value("SELECT @@gtid_binlog_pos")
        waited = self.replica.value(f"SELECT MASTER_GTID_WAIT('{position}', 60)")
        if waited != "0":
            raise AssertionError("the replica did not catch up")

    def stop(self):
        """Seconds_Behind_Master is NULL from now on."""
        self.replica.sql("STOP SLAVE SQL_THREAD")

    def delay(self, seconds):
        """Seconds_Behind_Master counts up to `seconds` with every change on the primary."""
        self.replica.sql(f"STOP SLAVE; CHANGE MASTER TO master_delay={seconds}; START SLAVE")

    def lock(self):
        """Changes wait for a lock; both threads say that they run."""
        self._lock = subprocess.Popen(
            self.replica.client("--unbuffered", "--batch", "--skip-column-names"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lock.stdin.write("FLUSH TABLES WITH READ LOCK; SELECT 'locked';\n")
        self._lock.stdin.flush()
        deadline = time.monotonic() + 20
        while "locked" not in self._lock.stdout.readline():
            if time.monotonic() > deadline:
                raise AssertionError("no read lock")

    def unlock(self):
        if self._lock is None:
            return
        self._lock.stdin.close()
        self._lock.wait()
        self._lock.stdout.close()
        self._lock = None

    def seconds_behind(self):
        """As SHOW SLAVE STATUS has it; None for NULL."""
        # Behind Connection_name and Slave_SQL_State, as in the client program's heading.
        value = self.replica.query("SHOW ALL SLAVES STATUS")[0][34]
        return None if value is None else int(value)
