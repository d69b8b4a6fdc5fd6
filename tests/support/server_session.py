"""Statements over a connection that stays, in the client protocol that every MariaDB server speaks
(https://mariadb.com/kb/en/clientserver-protocol/). Starting a client program for each statement of
a test costs more than the statement: 2,000 of them were half of the time of one test.

A session is reset after every call, so that a call finds what a fresh client would find: no
variables, transactions, locks or temporary tables of the one before.
"""

import os
import select
import socket
import struct

_LONG_PASSWORD, _CONNECT_WITH_DB, _PROTOCOL_41 = 1, 8, 512
_TRANSACTIONS, _SECURE_CONNECTION = 1 << 13, 1 << 15
_MULTI_STATEMENTS, _MULTI_RESULTS, _PLUGIN_AUTH = 1 << 16, 1 << 17, 1 << 19
_MORE_RESULTS = 8
_UTF8MB4_GENERAL_CI = 45
_QUERY, _RESET_CONNECTION = b"\x03", b"\x1f"
_EMPTY_QUERY = 1065
_MAX_PACKET = (1 << 24) - 1


class SessionLost(Exception):
    """The server ended the connection, or is not there."""


class StatementError(Exception):
    """What the server said about a statement, as its own client program prints it."""


class _Connection:
    """As root without password, over the server's socket."""

    def __init__(self, path, database):
        self._socket = socket.socket(socket.AF_UNIX)
        self._is_clean = True
        try:
            self._socket.connect(path)
            self._stream = self._socket.makefile("rb", 1 << 16)
            self._log_in(database)
        except OSError as error:
            self.close()
            raise SessionLost(str(error)) from error
        except (SessionLost, StatementError):
            self.close()
            raise

    def close(self):
        # Without COM_QUIT: another process may hold the same socket after a fork.
        self._socket.close()

    def is_usable(self):
        """Whether the session is like a new one, and the server has said nothing meanwhile: a
        goodbye, or the end."""
        return self._is_clean and not select.select([self._socket], [], [], 0)[0]

    def _read_packet(self):
        data = b""
        while True:
            head = self._stream.read(4)
            if len(head) < 4:
                raise SessionLost("the server closed the connection")
            size = int.from_bytes(head[:3], "little")
            self._sequence = head[3] + 1
            part = self._stream.read(size)
            if len(part) < size:
                raise SessionLost("the server closed the connection")
            data += part
            if size < _MAX_PACKET:
                return data

    def _write_packet(self, data, sequence=0):
        pieces = []
        for first in range(0, len(data) + 1, _MAX_PACKET):
            piece = data[first : first + _MAX_PACKET]
            pieces.append(len(piece).to_bytes(3, "little") + bytes([sequence & 255]) + piece)
            sequence += 1
        try:
            self._socket.sendall(b"".join(pieces))
        except OSError as error:
            raise SessionLost(str(error)) from error

    def _log_in(self, database):
        greeting = self._read_packet()
        if greeting[:1] == b"\xff":
            raise _error(greeting)
        flags = _LONG_PASSWORD | _PROTOCOL_41 | _TRANSACTIONS | _SECURE_CONNECTION
        flags |= _MULTI_STATEMENTS | _MULTI_RESULTS | _PLUGIN_AUTH
        flags |= _CONNECT_WITH_DB if database else 0
        answer = struct.pack("<IIB23x", flags, 1 << 30, _UTF8MB4_GENERAL_CI) + b"root\0\0"
        answer += database.encode() + b"\0" if database else b""
        self._write_packet(answer + b"mysql_native_password\0", self._sequence)
        reply = self._read_packet()
        if reply[:1] == b"\xfe":  # another plugin, to which no password is an empty answer too
            self._write_packet(b"", self._sequence)
            reply = self._read_packet()
        if reply[:1] == b"\xff":
            raise _error(reply)

    def _reset(self):
        self._write_packet(_RESET_CONNECTION)
        self._write_packet(_QUERY + b"SET NAMES utf8mb4")
        # A Galera node that is not ready answers SHOW STATUS and refuses this.
        replies = [self._read_packet(), self._read_packet()]
        self._is_clean = all(reply[:1] == b"\0" for reply in replies)

    def run(self, statements):
        """Lines as the client program prints them in batch mode."""
        self._write_packet(_QUERY + statements)
        lines = []
        error = None
        more = True
        while more:
            head = self._read_packet()
            if head[:1] == b"\xff":
                error = _error(head)
                break
            if head[:1] == b"\0":
                more = _status_of_ok(head) & _MORE_RESULTS
                continue
            if head[:1] == b"\xfb":
                raise SessionLost("LOAD DATA LOCAL is not for this client")
            count = _integer(head, 0)[0]
            for _ in range(count + 1):  # definitions, and what ends them
                self._read_packet()
            while True:
                row = self._read_packet()
                if row[:1] == b"\xff":
                    error = _error(row)
                    more = False
                    break
                if row[:1] == b"\xfe" and len(row) < 9:
                    more = struct.unpack_from("<H", row, 3)[0] & _MORE_RESULTS
                    break
                lines.append(_line(row, count))
        self._reset()
        if error is not None and error.code != _EMPTY_QUERY:
            raise error
        return lines


def _integer(data, at):
    """A length-encoded integer and where it ends; None for NULL."""
    first = data[at]
    if first < 0xFB:
        return first, at + 1
    if first == 0xFB:
        return None, at + 1
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}[first]
    return int.from_bytes(data[at + 1 : at + 1 + size], "little"), at + 1 + size


def _status_of_ok(packet):
    at = _integer(packet, _integer(packet, 1)[1])[1]
    return struct.unpack_from("<H", packet, at)[0]


def _error(packet):
    code = struct.unpack_from("<H", packet, 1)[0]
    text = packet[3:].decode(errors="replace")
    state = "HY000"
    if text.startswith("#"):
        state, text = text[1:6], text[6:]
    error = StatementError(f"ERROR {code} ({state}): {text}")
    error.code = code
    return error


def _line(row, count):
    fields = []
    at = 0
    for _ in range(count):
        size, at = _integer(row, at)
        if size is None:
            fields.append(b"NULL")
            continue
        field = row[at : at + size]
        at += size
        if b"\\" in field or b"\n" in field or b"\t" in field or b"\0" in field:
            field = field.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
            field = field.replace(b"\t", b"\\t").replace(b"\0", b"\\0")
        fields.append(field)
    return b"\t".join(fields)


class SessionPool:
    """Sessions on one server for any number of threads. A process that was forked makes its own."""

    def __init__(self, path):
        self._path = path
        self._free = {}  # database: connections
        self._process = os.getpid()

    def run(self, statements, database=""):
        """Runs statements (bytes) one after the other; returns lines of tab-separated fields as
        bytes. Raises StatementError at the first that fails, SessionLost."""
        if self._process != os.getpid():
            self.close()
            self._process = os.getpid()
        free = self._free.setdefault(database, [])
        connection = None
        while connection is None:
            try:
                connection = free.pop()
            except IndexError:
                connection = _Connection(self._path, database)
            if not connection.is_usable():
                connection.close()
                connection = None
        try:
            lines = connection.run(statements)
        except StatementError:
            free.append(connection)
            raise
        except BaseException:
            connection.close()
            raise
        free.append(connection)
        return lines

    def close(self):
        for connections in self._free.values():
            while connections:
                connections.pop().close()
