"""A private Galera cluster on loopback: two or more PrivateMariadb servers that replicate to each
other. Needs galera-4 and rsync.

    with GaleraCluster() as cluster:
        first, second = cluster.nodes
        first.sql("CREATE DATABASE nova")
        cluster.wait_for(second, "SHOW DATABASES LIKE 'nova'")
"""

import os
import shutil
import subprocess
import time

from private_mariadb import MariadbError, PrivateMariadb, free_port, template_directory

_PROVIDERS = (
    "/usr/lib/galera/libgalera_smm.so",
    "/usr/lib/libgalera_smm.so",
    "/usr/lib64/galera-4/libgalera_smm.so",
)
# rsync copies a new node's data directory from another node in two seconds; a busy machine may
# take a minute.
_JOIN_SECONDS = 120


def find_provider():
    """The path of the Galera library. Raises MariadbError naming what to install."""
    for path in _PROVIDERS:
        if os.path.exists(path):
            return path
    raise MariadbError("galera-4 is not installed (tools/install-dependencies does it)")


class GaleraNode(PrivateMariadb):
    """One server of a cluster: a PrivateMariadb, with what concerns the cluster. Made by
    GaleraCluster alone.

    After stop() or kill9(), start() joins again; the cluster must have another node by then.
    """

    def __init__(self, cluster, name, provider_options, extra, **options):
        self.cluster = cluster
        self.name = name
        self.group_port, self.transfer_port, self.copy_port = (free_port() for _ in range(3))
        self._provider_options = provider_options
        self._own_extra = list(extra)
        super().__init__(binlog=True, port=0, start=False, **options)

    def start(self, timeout_s=_JOIN_SECONDS):
        if self.running:
            return self
        self.extra = self._own_extra + self._cluster_options()
        if os.geteuid() == 0:
            self._give_to_mysql()
        super().start(timeout_s)
        deadline = time.monotonic() + timeout_s
        while not (self.status("wsrep_ready") == "ON" and self.state == "Synced"):
            if not self.running or time.monotonic() > deadline:
                self.kill9()
                raise MariadbError(f"node {self.name} did not join:\n" + self.log_tail(60))
            time.sleep(0.05)
        return self

    def _give_to_mysql(self):
        # rsync's daemon, started by root, writes as nobody and may not enter the data directory.
        if not os.path.isdir(self.data):
            shutil.copytree(template_directory(), self.data, symlinks=True)
        with open(self.error_log, "ab"):
            pass
        subprocess.run(["chown", "-R", "mysql:", self.directory], check=True)

    def _command(self):
        # Of several --user the server takes the first.
        return ["--user=mysql" if o.startswith("--user=") else o for o in super()._command()]

    def _cluster_options(self):
        provider = {
            "base_host": "127.0.0.1",
            "base_port": self.group_port,
            "gmcast.listen_addr": f"tcp://127.0.0.1:{self.group_port}",
            "ist.recv_addr": f"127.0.0.1:{self.transfer_port}",
            "gcache.size": "16M",
            # A cluster that ended must never come back by half.
            "pc.recovery": "false",
            **self._provider_options,
        }
        return [
            "--default-storage-engine=InnoDB",
            "--innodb-autoinc-lock-mode=2",
            "--wsrep-on=ON",
            "--wsrep-provider=" + find_provider(),
            "--wsrep-cluster-name=osarchiver-test",
            "--wsrep-cluster-address=gcomm://" + self.cluster.addresses(without=self),
            "--wsrep-node-name=" + self.name,
            f"--wsrep-node-address=127.0.0.1:{self.group_port}",
            "--wsrep-node-incoming-address=127.0.0.1",
            "--wsrep-sst-method=rsync",
            f"--wsrep-sst-receive-address=127.0.0.1:{self.copy_port}",
            "--wsrep-slave-threads=2",
            # wsrep writes beside the data unless told where.
            "--wsrep-data-home-dir=" + self.data,
            "--wsrep-provider-options=" + ";".join(f"{k}={v}" for k, v in provider.items()),
        ]

    def status(self, name):
        """The value of one status variable."""
        return self.query(f"SHOW GLOBAL STATUS LIKE '{name}'")[0][1]

    @property
    def state(self):
        """Synced, Joined, Donor/Desynced, ..."""
        return self.status("wsrep_local_state_comment")

    def set_provider_option(self, text):
        """One option of the Galera library while it runs: 'gcs.fc_limit=1'."""
        self.sql(f"SET GLOBAL wsrep_provider_options='{text}'")


class GaleraCluster:
    """`nodes` servers, all writable. The constructor starts them one after the other (two seconds
    each), close() ends and removes them.

    provider_options: of the Galera library, for every node.  extra: mariadbd options for every
    node, which win. Further options are those of PrivateMariadb.
    """

    def __init__(self, nodes=2, provider_options=None, extra=(), profile="fast", **options):
        find_provider()
        self.nodes = []
        for number in range(1, nodes + 1):
            self.nodes.append(
                GaleraNode(
                    self, f"node{number}", provider_options or {}, extra, profile=profile, **options
                )
            )
        try:
            for node in self.nodes:
                node.start()
        except BaseException:
            self.close()
            raise
        for node in self.nodes:
            self.wait_for(node, "SHOW GLOBAL STATUS LIKE 'wsrep_cluster_size'", size=nodes)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def addresses(self, without=None):
        """Where a node finds the others that run; empty for the first, which makes the cluster."""
        return ",".join(
            f"127.0.0.1:{node.group_port}"
            for node in self.nodes
            if node is not without and node.running
        )

    def wait_for(self, node, query, size=None, timeout_s=60):
        """Waits until `query` answers rows on the node (with `size`: until the second field says
        so). Returns them."""
        deadline = time.monotonic() + timeout_s
        while True:
            rows = node.query(query)
            if rows and (size is None or rows[0][1] == str(size)):
                return rows
            if time.monotonic() > deadline:
                raise MariadbError(f"{node.name}: {query}: still {rows} after {timeout_s} s")
            time.sleep(0.02)

    def wait_applied(self, node):
        """Waits until the node has applied what every other node has committed."""
        node.sql("SET SESSION wsrep_sync_wait=15; SELECT 1")

    def close(self):
        for node in reversed(self.nodes):
            # A node that leaves cleanly waits for nobody; the data goes away anyway.
            node.kill9()
            node.close()
