"""What a disk holds after the power went: the system calls of a run, as strace wrote them down, are
applied to a model of the directory in which only what was synced is sure to be there.

A file's content is durable as it was when its fsync() or fdatasync() began; a name is durable
(created, renamed, linked, removed) once its directory was synced afterwards. SQLite's files are
under the same rule, for the calls are its own. The memory-mapped -shm file is not recorded: SQLite
makes it again. Two threads may sync the same directory or file at the same time: the sync that
began first may return last, and takes back nothing of what the other one made durable.
"""

import itertools
import os
import re

from private_mariadb import find_program

CALLS = (
    "openat",
    "close",
    "write",
    "pwrite64",
    "ftruncate",
    "fsync",
    "fdatasync",
    "rename",
    "link",
    "unlink",
    "mkdir",
)
NOT_RECORDED = ("-shm",)
WHOLE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+|\?)", re.DOTALL)
BEGUN = re.compile(r"(\d+) +(\w+)\((.*?),? *<unfinished \.\.\.>$", re.DOTALL)
ENDED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+|\?)", re.DOTALL)
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def recording(log, inject=None):
    """The strace command that records a run into `log`; inject: further -e expressions. Without
    --seccomp-bpf, which lets no injected signal through."""
    prefix = [find_program("strace"), "-f", "-qq", "-xx", "-s", "16777216"]
    prefix += [f"--output={log}", "-e", f"trace={','.join(CALLS + ('sendto',))}"]
    for expression in inject or ():
        prefix += ["-e", f"inject={expression}"]
    return tuple(prefix)


_moments = itertools.count(1)  # of writes and of the beginnings of syncs


class Inode:
    """A file or a directory: what the kernel shows, and what is durable."""

    def __init__(self, content=b"", directory=False, mode=0o640):
        self.mode = mode
        self.entries = {} if directory else None
        self.durable_entries = {}
        self.content = bytearray(content)
        self.durable = b""
        self.durable_since = 0  # the moment at which the sync began that made it so
        self.unsynced = []  # (moment, offset, bytes), or (moment, size, None) for a truncation

    def write(self, offset, data):
        if len(self.content) < offset:
            self.content.extend(bytes(offset - len(self.content)))
        self.content[offset : offset + len(data)] = data
        self.unsynced.append((next(_moments), offset, data))

    def truncate(self, size):
        del self.content[size:]
        self.content.extend(bytes(size - len(self.content)))
        self.unsynced.append((next(_moments), size, None))

    def snapshot(self):
        now = dict(self.entries) if self.entries is not None else bytes(self.content)
        return next(_moments), now

    def make_durable(self, snapshot):
        since, what = snapshot
        if since < self.durable_since:
            return
        self.durable_since = since
        if self.entries is not None:
            self.durable_entries = what
        else:
            self.durable = what
            self.unsynced = [write for write in self.unsynced if write[0] > since]

    def survivor(self, rng):
        """The content after the loss; with rng, any of the unsynced writes may have reached the
        disk, in any order."""
        if rng is None:
            return self.durable
        disk = Inode(self.durable)
        for _, offset, data in self.unsynced:
            if rng.random() < 0.5:
                disk.truncate(offset) if data is None else disk.write(offset, data)
        return bytes(disk.content)


class Disk:
    """The model of everything below `root`, which must exist; what is there now is durable."""

    def __init__(self, root, believes=("fsync", "fdatasync")):
        """believes: the syncs that this disk keeps its word about."""
        self.root = root
        self._believes = believes
        self.top = self._load(root)
        self._open = {}  # descriptor: (inode, appends)
        self._begun = {}  # (thread, call): (arguments, snapshot)

    def _load(self, path):
        if not os.path.isdir(path):
            with open(path, "rb") as file:
                inode = Inode(file.read(), mode=os.stat(path).st_mode & 0o777)
            inode.make_durable(inode.snapshot())
            return inode
        inode = Inode(directory=True, mode=os.stat(path).st_mode & 0o777)
        for name in os.listdir(path):
            inode.entries[name] = self._load(os.path.join(path, name))
        inode.make_durable(inode.snapshot())
        return inode

    def _parent(self, path):
        """(directory, name); (None, ...) for what is not below the root."""
        path = os.path.normpath(path)
        if path == self.root:
            return None, path
        if not path.startswith(self.root + "/"):
            return None, None
        inode = self.top
        *parts, name = path[len(self.root) + 1 :].split("/")
        for part in parts:
            inode = inode.entries[part]
        return inode, name

    def _find(self, path):
        parent, name = self._parent(path)
        if parent is None:
            return self.top if name is not None else None
        return parent.entries.get(name)

    # -- the log

    def apply(self, log):
        """Applies a log to its end. Of calls that never returned, because the process was killed,
        only writes count, and only those that the kernel has done."""
        with open(log, encoding="ascii", errors="replace") as file:
            for line in file:
                self._line(line.rstrip("\n"))
        for call, arguments, _ in self._begun.values():
            self._cut_short(call, arguments)
        self._begun.clear()

    def _cut_short(self, call, arguments):
        if call not in ("write", "pwrite64"):
            return
        entry = self._open.get(int(arguments.split(",")[0]))
        path = entry and self._path_of(entry[0])
        if path is None:
            return
        with open(path, "rb") as file:
            if file.read() == entry[0].content:
                return
        text = TEXT.search(arguments)
        self._write(call, entry, arguments, bytes.fromhex(text.group(1).replace("\\x", "")))

    def _path_of(self, wanted, inode=None, path=None):
        inode, path = inode or self.top, path or self.root
        if inode is wanted:
            return path
        for name, entry in (inode.entries or {}).items():
            found = self._path_of(wanted, entry, os.path.join(path, name))
            if found is not None:
                return found
        return None

    def _line(self, line):
        match = WHOLE.match(line)
        if match:
            thread, call, arguments, result = match.groups()
            if result == "?":
                self._begun[thread] = (call, arguments, None)
            self._finish(call, arguments, result, self._before(call, arguments))
            return
        match = BEGUN.match(line)
        if match:
            thread, call, arguments = match.groups()
            if call == "close":
                # The kernel may give the number to another thread before this one is back.
                self._open.pop(int(arguments), None)
            self._begun[thread] = (call, arguments, self._before(call, arguments))
            return
        match = ENDED.match(line)
        if match:
            thread, call, more, result = match.groups()
            _, arguments, snapshot = self._begun.pop(thread)
            if call == "close":
                return  # done when it began
            if result == "?":
                self._begun[thread] = (call, arguments + more, None)
            self._finish(call, arguments + more, result, snapshot)

    def _before(self, call, arguments):
        """What a sync will make durable: not what is written while it works."""
        if call in self._believes:
            entry = self._open.get(int(arguments.split(",")[0]))
            return entry and entry[0].snapshot()
        return None

    def _finish(self, call, arguments, result, snapshot):
        if result == "?" or int(result) < 0 or call not in CALLS:
            return
        texts = [bytes.fromhex(text.replace("\\x", "")) for text in TEXT.findall(arguments)]
        if call in ("openat", "rename", "link", "unlink", "mkdir"):
            paths = [os.fsdecode(text) for text in texts]
            getattr(self, f"_{call}")(*paths, arguments=arguments, result=int(result))
            return
        entry = self._open.get(int(arguments.split(",")[0]))
        if call == "close":
            self._open.pop(int(arguments), None)
        elif entry is None:
            return
        elif call in ("fsync", "fdatasync"):
            if call in self._believes:
                entry[0].make_durable(snapshot)
        elif call == "ftruncate":
            entry[0].truncate(int(arguments.split(",")[1]))
        else:
            self._write(call, entry, arguments, texts[0][: int(result)])

    def _write(self, call, entry, arguments, data):
        inode, appends = entry
        # Linux appends whatever the offset says, when a file was opened so.
        if call == "pwrite64" and not appends:
            inode.write(int(arguments.rsplit(",", 1)[1]), data)
        elif appends:
            inode.write(len(inode.content), data)
        else:
            raise ValueError("write() to a file that was not opened for appending")

    def _openat(self, path, arguments, result):
        inode = self._find(path) if path.startswith("/") else None
        parent, name = self._parent(path) if path.startswith("/") else (None, None)
        if inode is None and parent is not None and "O_CREAT" in arguments:
            inode = parent.entries[name] = Inode(mode=int(arguments.rsplit(",", 1)[1], 8))
        self._open.pop(result, None)
        if inode is not None:
            if "O_TRUNC" in arguments:
                inode.truncate(0)
            self._open[result] = (inode, "O_APPEND" in arguments)

    def _mkdir(self, path, arguments, result):
        parent, name = self._parent(path)
        if parent is not None:
            parent.entries[name] = Inode(directory=True, mode=0o750)

    def _rename(self, old, new, arguments, result):
        (source, old_name), (target, new_name) = self._parent(old), self._parent(new)
        if source is not None:
            target.entries[new_name] = source.entries.pop(old_name)

    def _link(self, old, new, arguments, result):
        parent, name = self._parent(new)
        if parent is not None:
            parent.entries[name] = self._find(old)

    def _unlink(self, path, arguments, result):
        parent, name = self._parent(path)
        if parent is not None:
            parent.entries.pop(name, None)

    def differences(self):
        """Paths where the model is not what the real directory shows: the log was read wrongly."""
        return list(self._differences(self.top, self.root))

    def _differences(self, inode, path):
        if inode.entries is None:
            with open(path, "rb") as file:
                if file.read() != inode.content:
                    yield path
            return
        real = {n for n in os.listdir(path) if not n.endswith(NOT_RECORDED)}
        for name in sorted(real ^ {n for n in inode.entries if not n.endswith(NOT_RECORDED)}):
            yield os.path.join(path, name)
        for name in sorted(real & inode.entries.keys()):
            yield from self._differences(inode.entries[name], os.path.join(path, name))

    # -- the loss

    def lose(self, rng=None):
        """Puts what is left on the real directory. rng: what was not synced is left or not by
        chance, each name and each write for itself; without it, all of that is gone."""
        self._store(self.top, self.root, rng)

    def _store(self, inode, path, rng):
        entries = dict(inode.durable_entries)
        if rng is not None:
            for name in sorted(inode.entries.keys() | entries.keys()):
                if rng.random() < 0.5:
                    now = inode.entries.get(name)
                    entries.pop(name, None)
                    if now is not None:
                        entries[name] = now
        for name in os.listdir(path):
            there = os.path.join(path, name)
            if os.path.isdir(there) and not os.path.islink(there):
                if name not in entries:
                    _remove(there)
            else:
                os.unlink(there)
        for name, child in entries.items():
            there = os.path.join(path, name)
            if child.entries is not None:
                os.makedirs(there, mode=child.mode, exist_ok=True)
                self._store(child, there, rng)
            else:
                with open(there, "wb") as file:
                    file.write(child.survivor(rng))
                os.chmod(there, child.mode)


def _remove(directory):
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if os.path.isdir(path):
            _remove(path)
        else:
            os.unlink(path)
    os.rmdir(directory)
