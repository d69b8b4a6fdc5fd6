"""The network between osarchiver and its servers fails at every request of a run: the request or its
answer is lost (that of COMMIT is one of them), an answer is torn, the connection stays open and
silent, everything is slow; and the server is gone from then on, or back at once.

A group: which connection (source, archive), what happens there, and whether it is over then (once),
nobody gets through any more until the run is over (down), or the resume is disturbed too (again). The
number is that of the request.
"""

from bench import Bench, Failed
from harness import HarnessBase
from tcp_relay import Fault, TcpRelay

PLACES = ("source", "archive")
KINDS = ("request", "answer", "torn", "silent")
# Short enough that a run that meets a silent connection ends within the time that a case has.
TIMEOUTS = {"connect_timeout": "2s", "read_timeout": "1s", "write_timeout": "1s"}


class NetworkBench(Bench):
    """A bench whose server is reached through a relay for each role."""

    def __init__(self):
        super().__init__(port=0)
        self.relays = {place: TcpRelay(self.server.port) for place in PLACES}

    def close(self):
        for relay in self.relays.values():
            relay.close()
        super().close()

    def begin(self, **options):
        super().begin(**options)
        for place, part in (("source", "sources"), ("archive", "destinations")):
            settings = self.settings[part]["db" if place == "source" else "history"]
            del settings["socket"]
            settings.update({"host": "127.0.0.1", "port": self.relays[place].port, **TIMEOUTS})
        self.rewrite()


class Harness(HarnessBase):
    NAME = "network"
    WHAT = "the n-th request or answer lost, torn, silent or late; the server gone from then on"

    def make_bench(self):
        return NetworkBench()

    def groups(self):
        groups = [f"{place} {kind} once" for place in PLACES for kind in KINDS]
        groups += [f"{place} {kind} down" for place in PLACES for kind in ("request", "answer")]
        rest = ("answer again", "slow once")
        return groups + [f"{place} {kind}" for place in PLACES for kind in rest]

    def counts(self, bench):
        bench.begin()
        for relay in bench.relays.values():
            relay.arm(Fault())
        bench.osarchiver("run")
        requests = {place: relay.requests for place, relay in bench.relays.items()}
        return {group: requests[group.split()[0]] for group in self.groups()}

    def run(self, bench, group, number):
        place, kind, rest = group.split()
        bench.begin(seed=f"{self.seed} {number}" if kind != "slow" else None)
        keep = self.random(group, number).choice((0, 0.2, 0.5, 0.9))
        relay = bench.relays[place]
        relay.arm(Fault(kind, number, down=rest == "down", delay_s=0.02, keep=keep))
        result = bench.osarchiver("run", allowed=(0, 1))
        hit = relay.hit
        relay.restore()
        if not hit:
            if result.code != 0:
                raise Failed("a run that met no fault failed")
            return False
        if rest == "again":
            relay.arm(Fault(kind, number // 2 + 1))
            bench.osarchiver("run", allowed=(0, 1))
            relay.restore()
        bench.finish()
        return True
