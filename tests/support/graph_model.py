"""What must become of a GraphCase, worked out slowly and obviously and without a look at how
osarchiver does it: which rows leave, which are archived, and why the others stay.

A row of a table with the soft-delete column leaves when it is old enough and everything that refers
to it has left or goes with it (`dependents`), and so on for what refers to that. This is tried for
every row again and again until nothing more leaves.
"""

import collections
import fnmatch

DAWN = "1970-01-02"


class GraphModel:
    def __init__(self, case):
        self.tables = case.tables
        self.case = case
        self.gone = set()  # (table name, row key)
        self.by_reference = {}
        self.keys_to = collections.defaultdict(list)
        for table in self.tables:
            for key in table.keys:
                self.keys_to[key.parent.full_name].append(key)

    def name(self, table, row):
        return table.full_name, table.key_of(row)

    def is_gone(self, table, row):
        return self.name(table, row) in self.gone

    def rows(self, table):
        return [row for row in table.rows if not self.is_gone(table, row)]

    # Which rows are old enough.

    def soft_deleted(self, table, row):
        date = row.get("deleted_at")
        if not table.has_column or date is None or date < DAWN:
            return False
        return not table.has_flag or row["deleted"] not in (None, 0)

    def eligible(self, table, row):
        return (
            table.planned
            and self.soft_deleted(table, row)
            and row["deleted_at"] <= self.case.cutoff(table)
        )

    # What refers to what.

    def children(self, key, parent):
        """The rows that refer to the row `parent` by the key."""
        values = tuple(_folded(parent[column]) for column in key.referenced)
        if None in values:
            return []
        if key not in self.by_reference:
            self.by_reference[key] = rows = collections.defaultdict(list)
            for row in key.child.rows:
                rows[tuple(_folded(row[column]) for column in key.columns)].append(row)
        found = self.by_reference[key].get(values, [])
        return [row for row in found if not self.is_gone(key.child, row)]

    def forget_references(self):
        """The tables' rows changed otherwise than by settle()."""
        self.by_reference.clear()

    def refers_only_to_itself(self, key, parent, child):
        """InnoDB lets a row go that refers to itself, unless the key restricts."""
        same = key.child is key.parent and key.child.key_of(child) == key.parent.key_of(parent)
        return same and not key.restricts

    def goes_along(self, root, key):
        """Rows of the key's child go with what they refer to, in trees under rows of `root`."""
        child = key.child
        if child is root or not child.planned:
            return False
        if root.delete and not child.delete:
            return False
        if isinstance(root.dependents, dict):
            for pattern, policy in root.dependents.items():
                if fnmatch.fnmatchcase(child.name, pattern) or child.full_name == pattern:
                    return policy == "archive"
            return False
        return root.dependents == "archive" and not child.has_column

    # Which rows leave.

    def tree(self, root, row, blocking=True):
        """The names of the rows that go with the row, itself among them; None when something that
        stays refers to one of them, or when they refer to each other in a circle."""
        found, open_rows = {}, [(root, row)]
        while open_rows:
            table, current = open_rows.pop()
            name = self.name(table, current)
            if name in found:
                continue
            found[name] = set()
            for key in self.keys_to[table.full_name]:
                for child in self.children(key, current):
                    if self.refers_only_to_itself(key, current, child):
                        continue
                    if not self.goes_along(root, key):
                        if blocking:
                            return None
                        continue
                    found[name].add(self.name(key.child, child))
                    open_rows.append((key.child, child))
        return None if blocking and _has_circle(found) else set(found)

    def settle(self):
        """Lets everything leave that can. Returns the names of rows that left now."""
        before = set(self.gone)
        changed = True
        while changed:
            changed = False
            for table in self.tables:
                if not table.delete:
                    continue
                for row in self.rows(table):
                    # A row of this list may have left with another's tree.
                    if self.is_gone(table, row) or not self.eligible(table, row):
                        continue
                    tree = self.tree(table, row)
                    if tree:
                        self.gone |= tree
                        changed = True
        return self.gone - before

    def archived_and_kept(self):
        """The names of rows that are archived and stay: tables with delete: false, and what would
        go with their rows."""
        names = set()
        for table in self.tables:
            if table.delete:
                continue
            for row in self.rows(table):
                if self.eligible(table, row):
                    names |= self.tree(table, row, blocking=False)
        return names

    # Why the others stay.

    def blocked(self, table):
        """{(referring table, constraint, why): rows} of the table's rows that are old enough and
        stay, and the names of those for which nothing is named."""
        counts, unnamed = collections.Counter(), []
        if not (table.planned and table.has_column and table.delete):
            return counts, unnamed
        for row in self.rows(table):
            if not self.eligible(table, row):
                continue
            kinds, deeper = collections.defaultdict(set), set()
            self._look_for_blockers(table, table, row, (), kinds, deeper)
            for key_name, found in kinds.items():
                counts[(*key_name, min(found, key=KIND_ORDER.index))] += 1
            if not kinds:
                for key_name in deeper:
                    counts[(*key_name, "held further down")] += 1
            if not kinds and not deeper:
                unnamed.append(self.name(table, row))
        return counts, unnamed

    def _look_for_blockers(self, root, table, row, through, kinds, deeper):
        for key in self.keys_to[table.full_name]:
            name = (key.child.full_name, key.name)
            for child in self.children(key, row):
                if self.refers_only_to_itself(key, row, child):
                    continue
                if not self.goes_along(root, key):
                    kinds[name].add(self.kind(root, key, child))
                elif key.child in through:
                    deeper.add(name)
                else:
                    self._look_for_blockers(
                        root, key.child, child, (*through, key.child), kinds, deeper
                    )

    def kind(self, root, key, child):
        table = key.child
        if table.outside:
            return "table outside the source"
        if table.excluded:
            return "excluded table"
        if not table.has_column:
            return "child without soft-delete column"
        if not table.delete:
            return "child that is never deleted"
        if not self.soft_deleted(table, child):
            return "live child"
        if not self.eligible(table, child):
            return "child is younger"
        return "child is blocked itself"


KIND_ORDER = [
    "table outside the source",
    "excluded table",
    "child without soft-delete column",
    "child that is never deleted",
    "live child",
    "child is younger",
    "child is blocked itself",
]


def _folded(value):
    return value.lower() if isinstance(value, str) else value


def _has_circle(refers):
    """Whether the names refer to each other in a circle. {name: names that refer to it}"""
    left = {name: set(children) for name, children in refers.items()}
    free = [name for name, children in left.items() if not children]
    parents = collections.defaultdict(list)
    for name, children in left.items():
        for child in children:
            parents[child].append(name)
    while free:
        name = free.pop()
        del left[name]
        for parent in parents[name]:
            left[parent].discard(name)
            if not left[parent]:
                free.append(parent)
    return bool(left)
