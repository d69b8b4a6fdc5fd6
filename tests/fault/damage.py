"""Damage to what is archived: every byte flipped, every length cut, files exchanged, renamed, lost,
put together from whole frames, or put back as they once were; rows and entries of an archive
database changed. `verify` and `restore` must find all of it, `verify --file` all that a file alone
can show, and no command may make a wrong row of it.
"""

import json
import os
import random
import shutil

from bench import Bench, Failed
from crash_sample import ARCHIVE
from listed import ListedHarness

DAMAGED = 3
# A case of `file` gives this many damaged copies to one call of verify.
COPIES = 400
# The largest file of the sample's archives is smaller.
LARGEST = 12000
PRISTINE = ARCHIVE + "_pristine"
RESTORED = "crash_restored"
MISPLACED = (
    "swap-runs", "swap-tables", "swap-formats", "rename", "lose", "batch-removed", "batch-repeated",
    "batch-moved", "batch-foreign", "older", "doubled", "emptied", "appended",
)  # fmt: skip
DATABASE = (
    "row-changed", "row-lost", "entry-lost", "entry-changed", "entries-lost", "table-lost",
    "database-lost", "keys-changed",
)  # fmt: skip


class DamageBench(Bench):
    """Archives of two runs, kept aside: each case damages a copy."""

    def __init__(self):
        super().__init__()
        self.begin()
        self.osarchiver("run", "--max-rows", "110")
        self.osarchiver("run")
        self.judge()
        self.database_changed = False
        self.pristine = self.archives + ".pristine"
        shutil.copytree(self.archives, self.pristine)
        self.pristine_journal = self.journal + ".pristine"
        shutil.copy(self.journal, self.pristine_journal)
        self.server.sql(f"CREATE DATABASE {RESTORED};\n")
        self.copy_database(ARCHIVE, PRISTINE)

    def segments(self):
        """Paths below the root, sorted."""
        return sorted(
            os.path.relpath(os.path.join(directory, name), self.pristine)
            for directory, _, names in os.walk(self.pristine)
            for name in names
            if name.endswith(".zst")
        )

    def read(self, name):
        with open(os.path.join(self.pristine, name), "rb") as file:
            return file.read()

    def write(self, name, content):
        path = os.path.join(self.archives, name)
        os.chmod(path, 0o640)
        with open(path, "wb") as file:
            file.write(content)

    def put_back(self):
        shutil.rmtree(self.archives)
        shutil.copytree(self.pristine, self.archives)
        shutil.copy(self.pristine_journal, self.journal)
        if not self.database_changed:
            return
        self.database_changed = False
        self.copy_database(PRISTINE, ARCHIVE)

    def copy_database(self, source, target):
        """Table by table in the server: a dump would lose digits of FLOAT columns."""
        sql = [f"DROP DATABASE IF EXISTS {target}; CREATE DATABASE {target};"]
        sql.append("SET sql_mode='NO_AUTO_VALUE_ON_ZERO';")
        for (table,) in self.server.query(
            f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA='{source}'"
        ):
            sql.append(f"CREATE TABLE {target}.{table} LIKE {source}.{table};")
            sql.append(f"INSERT INTO {target}.{table} SELECT * FROM {source}.{table};")
        self.server.sql("\n".join(sql))


def flipped(content, at):
    """One bit; which one moves on with the byte."""
    return content[:at] + bytes([content[at] ^ (1 << (at % 8))]) + content[at + 1 :]


def damaged(content, at, kind):
    """None where there is nothing to damage."""
    if at >= len(content):
        return None
    return flipped(content, at) if kind == "flip" else content[:at]


def findings(bench, *arguments):
    result = bench.osarchiver("verify", "--json", *arguments, allowed=(0, DAMAGED))
    return result.code, json.loads(result.stdout)


def parts(content):
    """A segment's batches (frame, records) and its footer, by the records' own lengths."""
    magic = b"\x5e\x2a\x4d\x18"
    pieces, begin, at = [], 0, 0
    while (at := content.find(magic, at)) >= 0:
        tag = content[at + 8 : at + 16]
        end = at + 8 + int.from_bytes(content[at + 4 : at + 8], "little")
        if tag == b"osaBATC1":
            pieces.append(content[begin:end])
            begin = end
        at = end
    return pieces, content[begin:]


def ends_of_batches(content):
    ends, position = set(), 0
    for piece in parts(content)[0]:
        position += len(piece)
        ends.add(position)
    return ends


def check_files(bench, start, kind):
    """Each byte of each segment from `start` on, in copies with names of their own."""
    directory = os.path.join(bench.directory, "copies")
    shutil.rmtree(directory, ignore_errors=True)
    os.mkdir(directory)
    copies = {}
    for number, name in enumerate(bench.segments()):
        content = bench.read(name)
        for at in range(start, min(start + COPIES, len(content))):
            path = os.path.join(directory, f"{number}.{at}.zst")
            with open(path, "wb") as file:
                file.write(damaged(content, at, kind))
            # Cut behind a batch it looks like the file of a run that was interrupted there.
            open_there = kind == "cut" and at in ends_of_batches(content)
            copies[path] = {"open"} if open_there else {"corrupt", "incomplete"}
    paths = list(copies)
    for first in range(0, len(paths), COPIES):
        some = paths[first : first + COPIES]
        code, report = findings(bench, "--file", *some)
        results = {finding["path"]: finding["result"] for finding in report["segments"]}
        wrong = [path for path in some if results.get(path) not in copies[path]]
        if wrong or (code != DAMAGED and any(copies[path] != {"open"} for path in some)):
            names = [f"{path} of {bench.segments()[int(os.path.basename(path).split('.')[0])]}: "
                     f"{results.get(path)}" for path in wrong[:5]]  # fmt: skip
            raise Failed(f"verify --file, exit {code}: {'; '.join(names)}")


def check_verify(bench, at, kind):
    """The same byte of every segment at once, in place."""
    hit = set()
    for name in bench.segments():
        content = damaged(bench.read(name), at, kind)
        if content is not None:
            bench.write(name, content)
            hit.add(os.path.join(bench.archives, name))
    if not hit:
        return
    code, report = findings(bench)
    bad = {f["path"] for f in report["segments"] if f["result"] not in ("ok", "open")}
    if code != DAMAGED or bad != hit:
        raise Failed(f"verify, exit {code}: not found {sorted(hit - bad)}, wrongly {sorted(bad - hit)}")


def check_restore(bench, at, kind):
    """A damaged file makes no wrong row, and restore says that it is damaged."""
    names = [name for name in bench.segments() if at < len(bench.read(name))]
    if not names:
        return
    name = names[at % len(names)]
    content = bench.read(name)
    bench.write(name, damaged(content, at, kind))
    bench.server.sql(f"DROP DATABASE {RESTORED}; CREATE DATABASE {RESTORED};\n")
    result = bench.osarchiver(
        "restore", "--file", os.path.join(bench.archives, name), "--to", RESTORED, "--yes",
        "--socket", bench.server.socket, "--user", "root", allowed=(0, DAMAGED),
    )  # fmt: skip
    open_there = kind == "cut" and at in ends_of_batches(content)
    if result.code != (0 if open_there else DAMAGED):
        raise Failed(f"restore --file: exit {result.code} for {name} with {kind} at {at}")
    if open_there and "no footer" not in result.stderr:
        raise Failed(f"restore --file takes {name}, which was cut, for a whole one")
    table = os.path.basename(name).split(".")[1]
    there = bench.server.value(
        "SELECT COUNT(*) FROM information_schema.TABLES "
        f"WHERE TABLE_SCHEMA='{RESTORED}' AND TABLE_NAME='{table}'"
    )
    if there == "0":
        return
    # Batches that are whole may be restored; of the others nothing.
    checker = bench.checker
    (rows,) = checker.read_all([checker._select(RESTORED, table)])
    wrong = set(rows) - set(checker._template[table])
    if wrong:
        raise Failed(f"restore --file made {len(wrong)} wrong rows of a damaged file")


def check_misplaced(bench, number, kind):
    rng = random.Random(number)
    names = bench.segments()
    name = rng.choice([n for n in names if len(parts(bench.read(n))[0]) > 1])
    content = bench.read(name)
    batches, footer = parts(content)
    hit = {name}
    database, table, source, run, part, form, _ = os.path.basename(name).split(".")

    def other(same_run, same_table, same_format):
        for candidate in names:
            fields = os.path.basename(candidate).split(".")
            if candidate != name and (
                (fields[3] == run) == same_run
                and (fields[1] == table) == same_table
                and (fields[5] == form) == same_format
            ):
                return candidate
        return None

    if kind.startswith("swap"):
        partner = {
            "swap-runs": other(False, True, True) or other(False, False, True),
            "swap-tables": other(True, False, True),
            "swap-formats": other(True, True, False),
        }[kind]
        if partner is None:
            return
        hit.add(partner)
        bench.write(name, bench.read(partner))
        bench.write(partner, content)
    elif kind == "rename":
        path = os.path.join(bench.archives, name)
        os.rename(path, path.replace("crash.", "crush.", 1))
    elif kind == "lose":
        os.remove(os.path.join(bench.archives, name))
    elif kind == "batch-foreign":
        partner = other(True, False, True)
        foreign = parts(bench.read(partner))[0]
        bench.write(name, b"".join([batches[0], *foreign[1:2], *batches[2:], footer]))
        if len(foreign) < 2:
            bench.write(name, b"".join([batches[0], foreign[0], *batches[2:], footer]))
    else:
        bench.write(
            name,
            {
                "batch-removed": lambda: b"".join([batches[0], *batches[2:], footer]),
                "batch-repeated": lambda: b"".join([*batches, batches[-1], footer]),
                "batch-moved": lambda: b"".join([*batches[1:], batches[0], footer]),
                "older": lambda: b"".join(batches[:-1]),
                "doubled": lambda: content + content,
                "emptied": lambda: b"",
                "appended": lambda: content + b"\0",
            }[kind](),
        )
    code, report = findings(bench)
    expected = {os.path.join(bench.archives, one) for one in hit}
    bad = {f["path"] for f in report["segments"] if f["result"] not in ("ok", "open")}
    if code != DAMAGED or not expected <= bad:
        raise Failed(f"verify, exit {code}: {kind} of {sorted(hit)} not found, only {sorted(bad)}")
    bench.osarchiver("run", allowed=(0, DAMAGED))


def check_database(bench, number, kind):
    table = ("server_faults", "labels")[number]
    control = f"{ARCHIVE}.osarchiver_batches"
    of_table = f"archive_table='{table}'"
    statement = {
        "row-changed": f"UPDATE {ARCHIVE}.{table} SET deleted=deleted+1 LIMIT 1",
        "row-lost": f"DELETE FROM {ARCHIVE}.{table} LIMIT 1",
        "entry-lost": f"DELETE FROM {control} WHERE {of_table} LIMIT 1",
        "entry-changed": f"UPDATE {control} SET digest=REPEAT('0',64) WHERE {of_table} LIMIT 1",
        "keys-changed": f"UPDATE {control} SET row_keys=INSERT(row_keys, 12, 1, CHAR(ORD("
        f"SUBSTR(row_keys, 12, 1)) ^ 1)) WHERE {of_table} LIMIT 1",
        "entries-lost": f"DELETE FROM {control} WHERE {of_table}",
        "table-lost": f"DROP TABLE {ARCHIVE}.{table}",
        "database-lost": f"DROP DATABASE {ARCHIVE}",
    }[kind]
    bench.database_changed = True
    bench.server.sql(statement + ";\n")
    code, report = findings(bench)
    bad = [f["path"] for f in report["destinations"] if f["result"] != "ok"]
    if code != DAMAGED or not any(table in path for path in bad):
        raise Failed(f"verify, exit {code}: {kind} of {table} not found, only {bad}")


def check_repair(bench, at, kind):
    """What verify found, the next run makes good from a whole copy, and again nothing is twice."""
    names = [name for name in bench.segments() if at < len(bench.read(name))]
    if not names:
        return
    name = names[at % len(names)]
    path = os.path.join(bench.archives, name)
    if kind == "lose":
        os.remove(path)
    else:
        bench.write(name, damaged(bench.read(name), at, kind))
    if findings(bench)[0] != DAMAGED:
        raise Failed(f"verify did not find {kind} at {at} of {name}")
    bench.osarchiver("run")
    bench.judge()
    put_aside = path + ".damaged"
    if os.path.exists(path) or os.path.exists(put_aside) != (kind != "lose"):
        raise Failed(f"{name} was not put aside")


CHECKS = {
    "file": check_files,
    "verify": check_verify,
    "restore": check_restore,
    "repair": check_repair,
    "misplaced": check_misplaced,
    "database": check_database,
}


class Harness(ListedHarness):
    NAME = "damage"
    WHAT = (
        "nothing; of its archives each byte flipped, each length cut, batches and files misplaced, "
        "rows lost"
    )

    def make_bench(self):
        return DamageBench()

    def lists(self):
        kinds = ("flip", "cut")
        return {
            "file": [f"file {at} {kind}" for at in range(0, LARGEST, COPIES) for kind in kinds],
            "verify": [f"verify {at} {kind}" for at in range(LARGEST) for kind in kinds],
            "restore": [f"restore {at} {kind}" for at in range(LARGEST) for kind in kinds],
            "repair": [
                f"repair {at} {kind}" for at in range(0, LARGEST, 7) for kind in (*kinds, "lose")
            ],
            "misplaced": [f"misplaced {n} {kind}" for n in range(5) for kind in MISPLACED],
            "database": [f"database {n} {kind}" for n in range(2) for kind in DATABASE],
        }

    def run_case(self, bench, text):
        check, number, kind = text.split()
        bench.put_back()
        CHECKS[check](bench, int(number), kind)
