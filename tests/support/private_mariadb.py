"""A private MariaDB server for tests and tools: own data directory, own socket, gone afterwards.

Needs mariadbd, mariadb-install-db and the mariadb client from the path (or /usr/sbin), no root and
no /etc/mysql. The server runs as the user who starts it. The system tables are installed once per
user and server version into a cache and copied from there, so that a new server is up in a quarter
of a second.

    with PrivateMariadb(binlog=True) as db:
        db.sql("CREATE DATABASE nova")
        rows = db.query("SELECT id, uuid FROM nova.instances")
"""

import atexit
import ctypes
import fcntl
import os
import pwd
import random
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time

from server_session import SessionLost, SessionPool, StatementError

# sun_path holds 108 bytes with the terminating zero; a longer path is refused by the server.
SOCKET_PATH_MAX = 107
# Below the server's max_allowed_packet of 16 MiB.
_MAX_SESSION_BYTES = 4 << 20
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)

_PROFILES = {
    # As in production: a commit that was answered survives a crash.
    "durable": [
        "--innodb-flush-log-at-trx-commit=1",
        "--innodb-flush-method=fsync",
        "--innodb-doublewrite=1",
        "--sync-binlog=1",
    ],
    # Never waits for the disk. Survives kill -9 of the server, not a power cut.
    "fast": [
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-flush-method=nosync",
        "--innodb-doublewrite=0",
        "--sync-binlog=0",
    ],
}


class MariadbError(Exception):
    """The server did not start, or a client command failed; the text is what it said."""


def find_program(name):
    """The path of a server or client program. Raises MariadbError naming what to install."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        raise MariadbError(f"{name} is not installed (tools/install-dependencies does it)")
    return path


def quote_name(name):
    """An identifier as MariaDB reads it."""
    return "`" + name.replace("`", "``") + "`"


def quote_text(value):
    """A string literal under an sql_mode without NO_BACKSLASH_ESCAPES."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0") + "'"


def free_port():
    """A TCP port on 127.0.0.1 that nobody listens on now, below the range that outgoing
    connections take."""
    # Not from the same number for everyone: several tests look for a port at the same time.
    for port in range(12000 + random.randrange(15000), 32000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise MariadbError("no free TCP port")


def _user_option():
    # mariadbd refuses to run as root unless told so. Another user could not enter a temporary
    # directory of root's.
    return ["--user=" + pwd.getpwuid(os.geteuid()).pw_name] if os.geteuid() == 0 else []


def _cache_directory():
    path = os.path.join(tempfile.gettempdir(), f"osarchiver-mariadb-{os.geteuid()}")
    os.makedirs(path, mode=0o700, exist_ok=True)
    found = os.lstat(path)
    # Anyone may create names in /tmp; a directory of somebody else's would hand them our server.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise MariadbError(f"{path} belongs to somebody else")
    return path


def template_directory():
    """A data directory with the system tables; installed by the first caller, copied by
    everyone."""
    mariadbd = find_program("mariadbd")
    version_text = subprocess.run(
        [mariadbd, "--no-defaults", "--version"], capture_output=True, text=True, check=True
    ).stdout
    version = re.search(r"Ver ([0-9.]+)", version_text).group(1)
    cache = _cache_directory()
    template = os.path.join(cache, "template-" + version)
    with open(os.path.join(cache, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(template):
            fresh = tempfile.mkdtemp(prefix="install-", dir=cache)
            # --force: a container's host name need not resolve.
            done = subprocess.run(
                [
                    find_program("mariadb-install-db"),
                    "--no-defaults",
                    *_user_option(),
                    "--datadir=" + fresh,
                    "--skip-test-db",
                    "--skip-name-resolve",
                    "--force",
                    "--auth-root-authentication-method=normal",
                    "--innodb-log-file-size=4M",
                    "--innodb-flush-method=nosync",
                    "--innodb-doublewrite=0",
                ],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
            if done.returncode != 0:
                shutil.rmtree(fresh, ignore_errors=True)
                raise MariadbError("mariadb-install-db failed:\n" + done.stdout + done.stderr)
            os.rename(fresh, template)
    return template


def _die_with_parent():
    # A test that is killed runs no cleanup; its server must not outlive it.
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _process_runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def unescape_field(text):
    """One field of the client's --batch output; None for NULL (which the client writes as a
    string 'NULL' too)."""
    if text == "NULL":
        return None
    if "\\" not in text:
        return text
    return re.sub(
        r"\\(.)",
        lambda match: {"n": "\n", "t": "\t", "0": "\0"}.get(match.group(1), match.group(1)),
        text,
    )


class PrivateMariadb:
    """One server. The constructor starts it, close() (or the end of the with block, or of the
    program) ends and removes it.

    directory: holds data, log and socket; None takes a temporary directory that close() removes. A
        directory that holds data already is used as it is.
    profile: 'durable' or 'fast' (above).  binlog: row-based binary log.  port: None for the socket
        alone, 0 for a free loopback TCP port, or its number.  extra: further mariadbd options,
        which win over the ones here.
    detach: the server outlives this process; the pid file names it. Otherwise it ends with the
        thread that called start().
    """

    def __init__(
        self,
        directory=None,
        profile="durable",
        binlog=False,
        port=None,
        extra=(),
        detach=False,
        start=True,
    ):
        self.profile = profile
        self.binlog = binlog
        self.extra = list(extra)
        self.detach = detach
        self._own_directories = []
        if directory is None:
            directory = tempfile.mkdtemp(prefix="osa-db-")
            self._own_directories.append(directory)
        self.directory = os.path.abspath(directory)
        os.makedirs(self.directory, exist_ok=True)
        self.data = os.path.join(self.directory, "data")
        self.error_log = os.path.join(self.directory, "error.log")
        self.pid_file = os.path.join(self.directory, "mariadbd.pid")
        self.socket = os.path.join(self.directory, "mysql.sock")
        if len(os.fsencode(self.socket)) > SOCKET_PATH_MAX:
            short = tempfile.mkdtemp(prefix="osa-sock-")
            self._own_directories.append(short)
            self.socket = os.path.join(short, "mysql.sock")
        self.port = free_port() if port == 0 else port
        self.pid = None
        self._process = None
        self._sessions = SessionPool(self.socket)
        if not detach:
            atexit.register(self.close)
        if start:
            self._start_first(any_port=port == 0)

    def _start_first(self, any_port):
        """start(), on another port where somebody else was faster to take the one that was free.
        Nobody knows the port yet."""
        for attempts_left in range(4, -1, -1):
            try:
                self.start()
                return
            except MariadbError:
                taken = "Address already in use" in self.log_tail()
                if not (any_port and taken and attempts_left):
                    raise
                os.remove(self.error_log)
                self.port = free_port()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    def _command(self):
        network = (
            ["--skip-networking"]
            if self.port is None
            else ["--bind-address=127.0.0.1", f"--port={self.port}"]
        )
        binlog = ["--log-bin=binlog", "--binlog-format=ROW", "--server-id=1"] if self.binlog else []
        return [
            find_program("mariadbd"),
            "--no-defaults",
            *_user_option(),
            "--datadir=" + self.data,
            "--socket=" + self.socket,
            "--pid-file=" + self.pid_file,
            "--log-error=" + self.error_log,
            "--tmpdir=" + self.directory,
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_general_ci",
            "--innodb-buffer-pool-size=64M",
            "--key-buffer-size=1M",
            "--aria-pagecache-buffer-size=8M",
            "--innodb-log-file-size=32M",
            "--performance-schema=OFF",
            "--max-connections=100",
            *network,
            *binlog,
            *_PROFILES[self.profile],
            *self.extra,
        ]

    def start(self, timeout_s=60):
        """Starts the server and waits until it answers; does nothing when it runs already.
        Returns self."""
        if self.running:
            return self
        if not os.path.isdir(self.data):
            subprocess.run(
                ["cp", "-a", "--reflink=auto", template_directory(), self.data], check=True
            )
        with open(self.error_log, "ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                start_new_session=self.detach,
                preexec_fn=None if self.detach else _die_with_parent,
            )
        self.pid = self._process.pid
        deadline = time.monotonic() + timeout_s
        # The socket file exists before the server answers.
        ping = [
            find_program("mariadb-admin"),
            "--no-defaults",
            "--user=root",
            "--socket=" + self.socket,
            "--connect-timeout=2",
            "ping",
        ]
        while not (
            os.path.exists(self.socket)
            and subprocess.run(ping, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0
        ):
            if not self.running or time.monotonic() > deadline:
                self.kill9()
                raise MariadbError(
                    f"mariadbd in {self.directory} did not start:\n" + self.log_tail()
                )
            time.sleep(0.02)
        return self

    def attach(self):
        """Takes over the detached server that the pid file names. Returns whether it runs."""
        try:
            with open(self.pid_file) as file:
                self.pid = int(file.read())
            with open(f"/proc/{self.pid}/cmdline", "rb") as file:
                # The number may belong to another program after a reboot.
                ours = b"--datadir=" + os.fsencode(self.data) in file.read().split(b"\0")
        except (OSError, ValueError):
            ours = False
        if not ours:
            self.pid = None
        return ours

    @property
    def running(self):
        if self._process is not None:
            return self._process.poll() is None
        return self.pid is not None and _process_runs(self.pid)

    def _end(self, signal_number, timeout_s):
        self._sessions.close()
        if not self.running:
            return
        os.kill(self.pid, signal_number)
        deadline = time.monotonic() + timeout_s
        while self.running:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                deadline += timeout_s
            time.sleep(0.01)

    def stop(self, timeout_s=120):
        """Clean shutdown; the data stays and start() continues with it."""
        self._end(signal.SIGTERM, timeout_s)
        self._process = None
        self.pid = None

    def kill9(self):
        """Ends the server as a crash does; start() then recovers."""
        self._end(signal.SIGKILL, 30)
        self._process = None
        self.pid = None

    def restart(self, extra=None):
        """Clean stop and start; `extra` replaces the further options."""
        self.stop()
        if extra is not None:
            self.extra = list(extra)
        return self.start()

    def close(self):
        """Ends the server and removes the directories that this object made."""
        self.stop()
        for path in self._own_directories:
            shutil.rmtree(path, ignore_errors=True)
        atexit.unregister(self.close)

    def log_tail(self, lines=30):
        try:
            with open(self.error_log, errors="replace") as file:
                return "".join(file.readlines()[-lines:])
        except OSError as error:
            return str(error)

    def client(self, *options, program="mariadb"):
        """The command line of a client program as root over the socket."""
        return [
            find_program(program),
            "--no-defaults",
            "--user=root",
            "--socket=" + self.socket,
            "--default-character-set=utf8mb4",
            "--max-allowed-packet=1G",
            *options,
        ]

    def sql(self, statements, database="", check=True):
        """Runs statements (text, or bytes as they are) in one session; returns what they print,
        tab-separated, without headings.

        Raises MariadbError at the first failed statement, unless check is off; then the error text
        is returned behind the output.
        """
        data = (
            statements.encode("utf-8", "surrogateescape")
            if isinstance(statements, str)
            else statements
        )
        # What the client program knows better: files of its own, and texts beyond one packet.
        if check and len(data) < _MAX_SESSION_BYTES and b"INFILE" not in data.upper():
            try:
                lines = self._sessions.run(data, database)
            except (SessionLost, StatementError) as error:
                raise MariadbError(str(error)) from error
            return "".join(line.decode("utf-8", "surrogateescape") + "\n" for line in lines)
        command = self.client(
            "--batch",
            "--skip-column-names",
            "--binary-mode",
            "--quick",
            *([database] if database else []),
        )
        done = subprocess.run(command, input=data, capture_output=True)
        errors = done.stderr.decode(errors="replace")
        if check and done.returncode != 0:
            raise MariadbError(errors.strip())
        return done.stdout.decode("utf-8", "surrogateescape") + (errors if not check else "")

    def query(self, sql, database=""):
        """The rows of one statement as lists of text. NULL is None; so is the text 'NULL':
        select HEX() to tell them apart."""
        lines = self.sql(sql, database).split("\n")[:-1]
        return [[unescape_field(field) for field in line.split("\t")] for line in lines]

    def value(self, sql, database=""):
        """The first field of the first row."""
        return self.query(sql, database)[0][0]

    def dump(self, database, tables=()):
        """A dump of the tables (all when none is named) in key order, free of dates and of the
        position of AUTO_INCREMENT."""
        command = self.client(
            "--hex-blob",
            "--skip-dump-date",
            "--skip-comments",
            "--order-by-primary",
            "--skip-extended-insert",
            "--single-transaction",
            "--complete-insert",
            database,
            *tables,
            program="mariadb-dump",
        )
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode != 0:
            raise MariadbError(done.stderr.decode(errors="replace").strip())
        return re.sub(
            r"(?m)^(\) ENGINE=.*?) AUTO_INCREMENT=\d+",
            r"\1",
            done.stdout.decode("utf-8", "surrogateescape"),
        )

    def create_user(self, name, password, grants="ALL PRIVILEGES ON *.*"):
        """An account for every host with the grants given (text between GRANT and TO)."""
        account = quote_text(name) + "@'%'"
        self.sql(
            f"CREATE OR REPLACE USER {account} IDENTIFIED BY {quote_text(password)}; GRANT {grants} TO {account};"
        )
