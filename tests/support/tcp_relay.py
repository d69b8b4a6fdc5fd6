"""A relay on 127.0.0.1 between osarchiver and a MariaDB server that loses what a network can lose.

It counts requests: what a client sends until the server answers, one packet of MariaDB's protocol
or several, the login included, over all connections in the order in which they come.
"""

import contextlib
import select
import socket
import threading
import time

CHUNK = 65536


class Fault:
    """What happens at request number `at` (from 1; 0: nothing).

    kind: "request": it never reaches the server, the connection is cut. "answer": the server gets
    it and answers, and the answer is lost with the connection. "torn": only the first part of the
    answer comes through. "silent": from this request on nothing passes on this connection any more,
    in either direction, and nobody is told. "slow": each piece is held back from here on.
    down: nobody can connect afterwards either, until restore().
    """

    def __init__(self, kind="none", at=0, down=False, delay_s=0.05, keep=0.5):
        self.kind = kind
        self.at = at
        self.down = down
        self.delay_s = delay_s
        self.keep = keep


class TcpRelay:
    def __init__(self, server_port, fault=None):
        self._server_port = server_port
        self._fault = fault or Fault()
        self._lock = threading.Lock()
        self._requests = 0
        self._hit = False
        self._down = False
        self._ending = False
        self._sockets = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def requests(self):
        return self._requests

    @property
    def hit(self):
        """Whether the fault has happened."""
        return self._hit

    def arm(self, fault):
        """Another fault, counting from here."""
        with self._lock:
            self._fault, self._requests, self._hit = fault, 0, False

    def restore(self):
        """No fault any more; whoever connects gets through."""
        with self._lock:
            self._fault, self._down = Fault(), False

    def cut_all(self):
        with self._lock:
            sockets = list(self._sockets)
        for one in sockets:
            _cut(one)

    def close(self):
        self._ending = True
        # Wakes accept(), which closing does not.
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        self._thread.join()
        self._listener.close()
        self.cut_all()

    def _accept(self):
        while not self._ending:
            client, _ = self._listener.accept()
            if self._ending or self._down:
                _cut(client)
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            server = socket.create_connection(("127.0.0.1", self._server_port))
        except OSError:
            _cut(client)
            return
        with self._lock:
            self._sockets |= {client, server}
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._copy(client, server)
        except OSError:
            pass
        finally:
            with self._lock:
                self._sockets -= {client, server}
            _cut(client)
            _cut(server)

    def _copy(self, client, server):
        answering = True  # the server speaks first
        fault = None
        while True:
            readable, _, _ = select.select([client, server], [], [], 0.5)
            if self._ending:
                return
            # An answer that came before the next request belongs to the one before.
            for one in (server, client):
                if one not in readable:
                    continue
                data = one.recv(CHUNK)
                if not data:
                    return
                if one is client and answering:
                    answering = False
                    fault = self._next_request() or fault
                elif one is server:
                    answering = True
                if not self._pass(fault, one is client, data, client, server):
                    return

    def _next_request(self):
        """The fault, when it is its turn."""
        with self._lock:
            self._requests += 1
            fault = self._fault
            if not fault.at or self._requests != fault.at:
                return None
            self._hit = True
            self._down = fault.down
            return fault

    def _pass(self, fault, from_client, data, client, server):
        """Passes a piece on, as far as the fault lets it; False ends the connection."""
        if fault is None:
            (server if from_client else client).sendall(data)
            return True
        if fault.kind == "silent":
            return True
        if fault.kind == "slow":
            time.sleep(fault.delay_s)
            (server if from_client else client).sendall(data)
            return True
        if from_client:
            if fault.kind == "request":
                return False
            server.sendall(data)
            return True
        if fault.kind == "torn":
            client.sendall(data[: int(len(data) * fault.keep)])
        return False


def _cut(one):
    # A peer that is gone is what this is about.
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
