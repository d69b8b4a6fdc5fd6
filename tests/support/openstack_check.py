"""Runs osarchiver over filled databases of Cinder, Glance and Heat and compares the outcome with
GraphModel and, row by row, with the independent checker."""

import collections
import json
import os
import re

import independent_check
import openstack_schemas
import osarchiver_runner
from graph_model import GraphModel


class OpenstackCheck:
    """One server with filled databases. problems: what is wrong, as texts; empty at the end of a
    good run."""

    def __init__(self, server, directory, dependents, rows, seed):
        self.server = server
        self.directory = directory
        self.problems = []
        self.tables = openstack_schemas.read_schema(server)
        for table in self.tables:
            table.dependents = dependents
        openstack_schemas.Filler(seed, rows).fill(server, self.tables)
        settings = osarchiver_runner.simple_config(
            directory,
            server,
            list(openstack_schemas.SERVICES),
            archive=server,
            source_settings={"dependents": dependents},
            archive_settings={"accept_non_durable": True},
        )
        self.config = osarchiver_runner.write_config(
            os.path.join(directory, "osarchiver.yaml"), settings
        )

    def cutoff(self, table):
        # All tables of a source have the same; a table without a pass has no eligible row.
        return self.cutoffs.get((table.database, table.name), "")

    def total(self):
        return sum(len(table.rows) for table in self.tables)

    def run(self):
        """One night after the filling, one more on which nothing may happen. Returns the counts."""
        before = independent_check.snapshot(self.server, databases=openstack_schemas.SERVICES)
        first = self._night()
        # Set by the server's clock, as every cutoff is; the model needs the very same instant.
        self.cutoffs = {(t["database"], t["table"]): t["cutoff"] for t in first["tables"]}
        model = GraphModel(self)
        left = model.settle()
        self._compare_rows(model)
        self._compare_blocked(model, first)
        self.problems += independent_check.check(
            before,
            self.server,
            files=os.path.join(self.directory, "archives"),
            archive=self.server,
            scratch=self.server,
        )
        second = self._night()
        for name in ("deleted", "archived", "extracted", "verified"):
            if second["rows"][name] != 0:
                self.problems.append(f"the second run has {second['rows'][name]} rows {name}")
        return {"deleted": len(left), "blocked": self.blocked, "reported": first["rows"]["deleted"]}

    def _night(self):
        for arguments in (["run"], ["verify"]):
            result = osarchiver_runner.run(self.config, *arguments, timeout=1800)
            if result.code != 0:
                self.problems.append(f"{arguments}: exit code {result.code}: {result.stderr}")
        result = osarchiver_runner.run(self.config, "status", "--json")
        return json.loads(result.stdout)["runs"][0]

    def _compare_rows(self, model):
        for table in self.tables:
            names = ", ".join(table.key)
            found = set(
                map(tuple, self.server.query(f"SELECT {names} FROM {table.database}.`{table.name}`"))
            )
            expected = {tuple(map(str, table.key_of(row))) for row in model.rows(table)}
            if found - expected:
                self.problems.append(
                    f"{table.full_name}: {len(found - expected)} rows could have left: "
                    f"{sorted(found - expected)[:3]}"
                )
            if expected - found:
                self.problems.append(
                    f"{table.full_name}: {len(expected - found)} rows are gone that must stay: "
                    f"{sorted(expected - found)[:3]}"
                )

    def _compare_blocked(self, model, run):
        self.blocked = 0
        reported = {(t["database"], t["table"]): t["blocked"] for t in run["tables"]}
        for table in self.tables:
            expected, unnamed = model.blocked(table)
            self.blocked += sum(expected.values())
            found = collections.Counter()
            for reason in reported.get((table.database, table.name), []):
                why = re.sub(r", or .*", "", reason["why"])
                found[(reason["referring"], reason["constraint"], why)] += reason["rows"]
                if len(self.server.query(reason["select"])) != reason["rows"]:
                    self.problems.append(f"{table.full_name}: the SELECT lists other rows: {reason}")
            if unnamed or found != expected:
                self.problems.append(
                    f"{table.full_name}: blocked {dict(found)}, the model says {dict(expected)} {unnamed}"
                )
