"""One connection that stays: statements through a client that is started once. A client process for
every statement costs more than the statements of a small test."""

import subprocess
import tempfile

from private_mariadb import MariadbError, unescape_field


class ClientSession:
    """A session on a PrivateMariadb. Statements must end with a semicolon. After a MariadbError
    the session is over."""

    def __init__(self, server):
        self._errors = tempfile.TemporaryFile()
        self._client = subprocess.Popen(
            server.client("--batch", "--skip-column-names", "--unbuffered", "--quick"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._calls = 0

    def query(self, statements):
        """Runs the statements and returns their rows, as PrivateMariadb.query() has them."""
        self._calls += 1
        mark = f"-- end of call {self._calls} --"
        try:
            self._client.stdin.write(f"{statements}\nSELECT '{mark}';\n".encode())
            self._client.stdin.flush()
        except BrokenPipeError:
            pass
        rows = []
        for line in self._client.stdout:
            text = line.decode("utf-8", "surrogateescape").rstrip("\n")
            if text == mark:
                return rows
            rows.append([unescape_field(field) for field in text.split("\t")])
        self._client.wait()
        self._errors.seek(0)
        raise MariadbError(self._errors.read().decode(errors="replace").strip())

    def close(self):
        if self._client.poll() is None:
            self._client.stdin.close()
            self._client.wait(30)
        self._client.stdout.close()
        self._errors.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
